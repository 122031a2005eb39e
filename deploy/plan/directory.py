"""The data directory: there, and open to the user that the container runs as; never emptied or removed."""

from __future__ import annotations

from deploy.state import DirectoryState
from deploy.steps import GrantModify, MakeDirectory, Step


def plan_directory(path: str, found: DirectoryState) -> list[Step]:
    """Return the steps that make ``path`` a directory that authenticated users may modify.

    With process isolation the permissions of the host hold in the container, whose user is one of them;
    without it, the first rename is refused (Microsoft, "Persistent storage in containers").
    """
    if not found.exists:
        return [MakeDirectory(path), GrantModify(path)]
    return [] if found.grants_modify() else [GrantModify(path)]
