"""What a host keeps of ours for trust, users and log-ins, written down so that it can be taken away again.

Once a setting is gone, nobody can tell whether a log-in or an authority was placed by us or by a person. So
what is going to be placed is noted on the host first, in a file that only administrators may write, and what
the settings no longer say is removed with the note's help. What is not in it is never touched. No secret is
in it: files by their path, log-ins by registry and user. Pure.
"""

from __future__ import annotations

import json
import ntpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from deploy.json_text import read_json
from deploy.places import OURS, folded
from deploy.plan.private import ADMINISTRATORS, SYSTEM, plan_protection, put_in_place
from deploy.settings.checks import windows_path
from deploy.state import DirectoryState
from deploy.steps import Refuse, RemoveFile, Step
from deploy.trust import credentials, hosts_file
from deploy.trust.credentials import ConfigUnreadable
from deploy.trust.hosts_file import HostsConflict
from deploy.trust.steps import PutBytes, RemoveRoot

DIRECTORY: Final = rf"{OURS}\placed"
NAME: Final = "placed.json"
FILE: Final = rf"{DIRECTORY}\{NAME}"
GRANTS: Final[Mapping[str, str]] = {SYSTEM: "F", ADMINISTRATORS: "F"}

_CONFIG = re.compile(r".+\\\.docker\\config\.json", re.IGNORECASE)
_THUMBPRINT = re.compile(r"[0-9A-F]{40}")
_CORRECT = f"remove {FILE} (then what was placed before stays), and run again"


Users = Mapping[str, frozenset[str]]
"""Users by registry (``host:port``)."""


class NoteUnreadable(Exception):
    """The note on the host is none of ours."""


@dataclass(frozen=True)
class Placed:
    """What is ours on a host, or shall be."""

    files: frozenset[str] = frozenset()
    """Authorities, certificates with their keys, users and rules, by path."""

    logins: Mapping[str, Users] = field(default_factory=dict)
    """The users at each registry, by the ``config.json`` that the log-in is in.

    There is more than one while one of them takes the place of another: which of them is in the file if a
    run fails meanwhile, nobody knows.
    """

    names: frozenset[str] = frozenset()
    """Names of registries in the hosts file."""

    roots: frozenset[str] = frozenset()
    """Thumbprints of authorities in the machine's root store that were not there before."""

    @classmethod
    def from_text(cls, text: str | None) -> Self:
        """Read the note of a host, None if it has none; raise `NoteUnreadable`."""
        if text is None:
            return cls()
        try:
            note: Any = read_json(text)
            logins = {path: _users_from(users) for path, users in note["logins"].items()}
            found = cls(_texts(note["files"]), logins, _texts(note["names"]), _texts(note["roots"]))
            found.check()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NoteUnreadable(f"{FILE} is no note of what was placed; {_CORRECT}") from error
        return found

    def check(self) -> None:
        """Raise `ValueError` for what we never place: it would be removed with an administrator's rights."""
        for path in (*self.files, *self.logins):
            windows_path(path)
        if not all(_CONFIG.fullmatch(ntpath.normpath(path)) for path in self.logins):
            raise ValueError("has log-ins elsewhere than in a config.json")
        if not all(_THUMBPRINT.fullmatch(root) for root in self.roots):
            raise ValueError("has an authority without its thumbprint")

    @property
    def text(self) -> str:
        """The note, always the same for the same."""
        note = {
            "files": sorted(self.files),
            "logins": {
                path: {registry: sorted(names) for registry, names in users.items()}
                for path, users in self.logins.items()
            },
            "names": sorted(self.names),
            "roots": sorted(self.roots),
        }
        return json.dumps(note, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def with_all_of(self, other: Placed) -> Placed:
        """Return both together; where they spell a path in two ways, the other's counts."""
        files = {folded(path): path for path in (*sorted(self.files), *sorted(other.files))}
        spelt = {folded(path): path for path in (*self.logins, *other.logins)}
        logins = {path: _together(self._users(path), other._users(path)) for path in sorted(spelt.values())}
        return Placed(frozenset(files.values()), logins, self.names | other.names, self.roots | other.roots)

    def without(self, wanted: Placed, used: Collection[str] = ()) -> Placed:
        """Return what of this is not ``wanted``; another user at a registry is a log-in in its place.

        ``used`` are files that stay though nobody wants them placed.
        """
        kept = {folded(path) for path in (*wanted.files, *used)}
        logins = {
            path: {name: user for name, user in users.items() if name not in wanted._users(path)}
            for path, users in self.logins.items()
        }
        return Placed(
            frozenset(path for path in self.files if folded(path) not in kept),
            {path: users for path, users in logins.items() if users},
            self.names - wanted.names,
            self.roots - wanted.roots,
        )

    def of_ours(self, before: Placed, there: Placed) -> Placed:
        """Return what of this is placed by us: what was noted ``before``, and what is not ``there`` yet.

        What is there and in no note was placed by others, and is theirs to remove.
        """
        return self.without(there.without(before))

    def _users(self, path: str) -> Users:
        """Return the users by registry in one ``config.json``, however its path is spelt here."""
        found: Users = {}
        for spelt, users in self.logins.items():
            if folded(spelt) == folded(path):
                found = _together(found, users)
        return found


def _together(some: Users, others: Users) -> Users:
    return {
        registry: some.get(registry, frozenset()) | others.get(registry, frozenset())
        for registry in (*some, *others)
    }


def _texts(values: object) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise TypeError("expected a list of texts")
    return frozenset(values)


def _users_from(note: Mapping[str, object]) -> Users:
    # Notes of before had one user for each registry.
    return {
        registry: _texts([names] if isinstance(names, str) else names) for registry, names in note.items()
    }


def is_trusted(directory: DirectoryState) -> bool:
    """Say whether administrators alone can have written the note that lies in ``directory``."""
    return not plan_protection(directory, GRANTS, is_directory=True)


@dataclass(frozen=True)
class StillThere:
    """What a host still has of what is to go."""

    files: Collection[str] = ()
    configs: Mapping[str, bytes] = field(default_factory=dict)
    """Each ``config.json``, by its path."""

    hosts: bytes = b""
    """The hosts file."""

    roots: Collection[str] = ()


def plan_removal(gone: Placed, found: StillThere, names: Mapping[str, str] | None) -> list[Step]:
    """Return the steps that take away what is ``gone`` from the settings and still ``found`` on the host.

    ``names`` is what our lines of the hosts file shall say; None leaves that file to the plan for trust.
    """
    try:
        return list(_removal(gone, found, names))
    except (ConfigUnreadable, HostsConflict) as problem:
        return [Refuse(str(problem), "then run again")]


def _removal(gone: Placed, found: StillThere, names: Mapping[str, str] | None) -> Iterator[Step]:
    for path, users in gone.logins.items():
        content = found.configs.get(path, b"")
        changed = credentials.without(content, users)
        if changed != content:
            yield from put_in_place(path, changed)
    if names is not None and gone.names:
        changed = hosts_file.edit(found.hosts, names)
        if changed != found.hosts:
            yield PutBytes(hosts_file.PATH, changed)
    yield from (RemoveRoot(thumbprint) for thumbprint in sorted(gone.roots & set(found.roots)))
    yield from (RemoveFile(path) for path in sorted(gone.files & set(found.files)))
