r"""The provisioner's own directory on a host: for administrators alone, from the first step on. Pure.

``C:\ProgramData`` lets every user make directories, and what he makes is his: whoever is there first could
write what the provisioner reads and trusts as an administrator. So the directory is closed before anything
comes into it, and what may have been put there before is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.places import BUILDS, RUNNING_BEFORE
from deploy.plan.private import ADMINISTRATORS, SYSTEM, plan_protection
from deploy.plan.trust import ROOT_FILE
from deploy.state import DirectoryState
from deploy.steps import EmptyDirectory, MakeDirectory, RemovePath, Step

GRANTS: Final[Mapping[str, str]] = {SYSTEM: "F", ADMINISTRATORS: "F"}
USED: Final = (BUILDS, ROOT_FILE, RUNNING_BEFORE)
"""What is read from there; certificates, users and the note have closed directories of their own in it."""

_MADE_ANEW = (BUILDS, ROOT_FILE)


def plan_our_directory(found: DirectoryState, inside: Mapping[str, DirectoryState]) -> list[Step]:
    """Return the steps to a directory that administrators alone can write to.

    ``inside`` are those of `USED` that are there. In a directory that was open they may be anybody's: what
    can be made anew goes, and what says which containers to start goes if it is not an administrator's.
    """
    closing = plan_protection(found, GRANTS, is_directory=True)
    if not closing:
        return []
    if not found.exists:
        # Between the two, too, somebody may have come in.
        return [MakeDirectory(found.path), *closing, EmptyDirectory(found.path)]
    doubtful = [
        path for path, state in inside.items() if path in _MADE_ANEW or not state.is_of_administrators
    ]
    return [*closing, *(RemovePath(path) for path in doubtful)]
