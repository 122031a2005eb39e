"""Files that only some may read: certificate keys, users, log-ins. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from deploy.connector_scripts import PART_SUFFIX
from deploy.state import DirectoryState
from deploy.steps import MakeDirectory, RemovePath, Step
from deploy.trust.steps import Protect, PutBytes

SYSTEM = "*S-1-5-18"
ADMINISTRATORS = "*S-1-5-32-544"
CONTAINER_USER = "*S-1-5-93-2-1"
"""ContainerAdministrator: as whom the registry's process comes to a mounted directory in process isolation
(moby/buildkit pull request 5791 shows both container accounts); with Hyper-V it comes as SYSTEM.
"""

FOR_THE_CONTAINER: Final[Mapping[str, str]] = {SYSTEM: "F", ADMINISTRATORS: "F", CONTAINER_USER: "RX"}
"""What the registry reads, and nobody without administrator's rights."""

WRITTEN_BY_THE_CONTAINER: Final[Mapping[str, str]] = {**FOR_THE_CONTAINER, CONTAINER_USER: "M"}
"""What the registry writes: its audit log."""

_ALIASES = {"SY": "S-1-5-18", "BA": "S-1-5-32-544", "BU": "S-1-5-32-545", "AU": "S-1-5-11", "WD": "S-1-1-0"}
_ENTRY = re.compile(r"\((?P<kind>[A-Z]+);(?P<flags>[A-Z]*);(?P<rights>[^;]*);[^;]*;[^;]*;(?P<who>[^;)]+)")


def plan_private_files(
    directory: str,
    found: DirectoryState,
    wanted: Mapping[str, bytes],
    hashes: Mapping[str, str | None],
    grants: Mapping[str, str] = FOR_THE_CONTAINER,
) -> list[Step]:
    """Return the steps to a directory that is closed to others and holds the ``wanted`` files, by name.

    ``hashes`` has the SHA-256 of each file that is there. The directory is closed before a file comes into
    it. What lay in an open one is made anew: it may be somebody's who can still read it, and what takes a
    file's place keeps its access rules.
    """
    closing = plan_protection(found, grants, is_directory=True)
    steps: list[Step] = [*([] if found.exists else [MakeDirectory(directory)]), *closing]
    for name, content in wanted.items():
        path, there = rf"{directory}\{name}", hashes.get(name)
        if closing and there is not None:
            steps.append(RemovePath(path))
        if closing or not is_same(content, there):
            steps.append(PutBytes(path, content))
    return steps


def plan_protection(found: DirectoryState, grants: Mapping[str, str], *, is_directory: bool) -> list[Step]:
    """Return the step that leaves a path to ``grants``, and a directory to administrators; none if it is so.

    An account that is given by its name cannot be told from another in what Windows reports: exactly one
    more identifier is expected for it.
    """
    dacl = (found.sddl or "").partition("D:")[2].partition("S:")[0]
    entries = [match for match in _ENTRY.finditer(dacl) if match["kind"] == "A"]
    who = {_ALIASES.get(match["who"], match["who"]) for match in entries}
    known = {account[1:] for account in grants if account.startswith("*")}
    named = len(grants) - len(known)
    strangers = sorted(who - known)
    closed = "P" in dacl.partition("(")[0] and (found.is_of_administrators or not is_directory)
    if found.exists and closed and known <= who and len(strangers) == named:
        return []
    explicit = {_ALIASES.get(match["who"], match["who"]) for match in entries if "ID" not in match["flags"]}
    intruders = tuple(each for each in strangers if each in explicit) if not named else ()
    return [Protect(found.path, grants, is_directory, intruders)]


def put_in_place(path: str, content: bytes) -> list[Step]:
    """Return the steps that write to a closed file in a directory that may be open to others.

    On its way the content lies beside its place, in a file that would inherit the directory's rules. So that
    one is made and closed first: writing to a file that is there keeps its rules (Microsoft, "CreateFileW"),
    and taking a file's place takes over that file's ("ReplaceFileW").
    """
    on_its_way = f"{path}{PART_SUFFIX}"
    closed = Protect(on_its_way, {SYSTEM: "F", ADMINISTRATORS: "F"}, is_directory=False)
    return [PutBytes(on_its_way, b""), closed, PutBytes(path, content)]


def is_same(content: bytes, sha256: str | None) -> bool:
    """Return whether a file with this SHA-256 (None: no file) has this content."""
    return sha256 is not None and hashlib.sha256(content).hexdigest() == sha256.lower()
