r"""Who may do what with a file: explicit entries per path, the rest inherited, shown as SDDL.

Only what an administrator does is modelled: what he makes is owned by the Administrators. Source: [MS-DTYP]
2.5.1 (SDDL), ``icacls /?``, and the permissions of a fresh ``C:\\``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rehearsal import store

FULL, MODIFY, READ_EXECUTE, READ, WRITE = 0x1F01FF, 0x1301BF, 0x1200A9, 0x120089, 0x100116
AUTHENTICATED_USERS = "S-1-5-11"
ADMINISTRATORS = "S-1-5-32-544"

ALIASES = {
    "S-1-5-18": "SY",
    "S-1-5-32-544": "BA",
    "S-1-5-32-545": "BU",
    "S-1-5-11": "AU",
    "S-1-3-0": "CO",
    "S-1-1-0": "WD",
    "S-1-5-19": "LS",
    "S-1-5-20": "NS",
}
ACCOUNTS = {
    "S-1-5-18": "NT AUTHORITY\\SYSTEM",
    "S-1-5-32-544": "BUILTIN\\Administrators",
    "S-1-5-32-545": "BUILTIN\\Users",
    "S-1-5-11": "NT AUTHORITY\\Authenticated Users",
    "S-1-3-0": "CREATOR OWNER",
    "S-1-1-0": "Everyone",
    "S-1-5-19": "NT AUTHORITY\\LOCAL SERVICE",
    "S-1-5-20": "NT AUTHORITY\\NETWORK SERVICE",
    "S-1-5-21-77-77-77-500": "Administrator",
    "S-1-5-21-77-77-77-1001": "Student",
}
"""Security identifiers with the names that a host knows them by."""

APPEND, CREATE, ALL = 0x4, 0x2, 0x10000000
_RIGHTS = {FULL: "FA", READ: "FR", APPEND: "LC", CREATE: "DC", ALL: "GA"}


@dataclass(frozen=True)
class Entry:
    """One access control entry; ``flags`` are SDDL's, such as ``OICI``."""

    sid: str
    mask: int
    flags: str = ""
    allow: bool = True

    @property
    def sddl(self) -> str:
        """The entry as SDDL."""
        rights = _RIGHTS.get(self.mask, f"0x{self.mask:x}")
        kind = "A" if self.allow else "D"
        return f"({kind};{self.flags};{rights};;;{ALIASES.get(self.sid, self.sid)})"

    def inherited(self, *, by_directory: bool) -> Entry | None:
        """Return what a child gets of this entry, or None if nothing."""
        own = self.flags.replace("IO", "").replace("ID", "")
        if by_directory and own:
            return replace(self, flags=f"{self.flags.replace('ID', '')}ID")
        if not by_directory and "OI" in own:
            return replace(self, flags="ID")
        return None


ROOT = (
    Entry("S-1-5-18", FULL, "OICI"),
    Entry("S-1-5-32-544", FULL, "OICI"),
    Entry("S-1-5-32-545", READ_EXECUTE, "OICI"),
    Entry("S-1-5-32-545", APPEND, "CI"),
    Entry("S-1-5-32-545", CREATE, "CI"),
    Entry("S-1-3-0", ALL, "OICIIO"),
)
"""The entries of ``C:\\`` on a fresh server."""


@dataclass(frozen=True)
class OwnRules:
    """What was set at one path: entries, whether it has cut itself off from its parent, and its owner."""

    entries: tuple[Entry, ...] = ()
    protected: bool = False
    owner: str = ADMINISTRATORS


class AccessRules:
    """The rules of all paths of a host that have any of their own. Paths in one spelling, without case."""

    def __init__(self, path: str) -> None:
        self._path = path
        saved = store.load(path) or {}
        self._rules = {
            name: OwnRules(
                tuple(Entry(**entry) for entry in rules["entries"]),
                rules["protected"],
                rules.get("owner", ADMINISTRATORS),
            )
            for name, rules in saved.items()
        }

    def own(self, path: str) -> OwnRules:
        """Return what was set at this path itself."""
        return self._rules.get(path.casefold(), OwnRules())

    def set(self, path: str, rules: OwnRules) -> None:
        """Set a path's own rules."""
        self._rules[path.casefold()] = rules
        self._save()

    def forget(self, path: str) -> None:
        """The path, with all below it, is gone."""
        gone = [name for name in self._rules if _is_below(name, path.casefold())]
        for name in gone:
            del self._rules[name]
        if gone:
            self._save()

    def moved(self, source: str, destination: str) -> None:
        """Rules move with what they are on, as they do within a drive."""
        old, new = source.casefold(), destination.casefold()
        moving = {name: rules for name, rules in self._rules.items() if _is_below(name, old)}
        self.forget(destination)
        for name, rules in moving.items():
            del self._rules[name]
            self._rules[new + name[len(old) :]] = rules
        if moving:
            self._save()

    def entries(self, path: str, *, is_directory: bool = True) -> tuple[Entry, ...]:
        """Return what applies at a path, the explicit first."""
        parent = path.rstrip("\\").rpartition("\\")[0]
        own = self.own(path)
        if not parent:
            return own.entries + ROOT
        if own.protected:
            return own.entries
        above = self.entries(parent if len(parent) > 2 else f"{parent}\\")
        got = (entry.inherited(by_directory=is_directory) for entry in above)
        return own.entries + tuple(entry for entry in got if entry is not None)

    def sddl(self, path: str, *, is_directory: bool = True) -> str:
        """Return owner, group and all entries of a path."""
        control = "PAI" if self.own(path).protected else "AI"
        entries = "".join(entry.sddl for entry in self.entries(path, is_directory=is_directory))
        owner = self.own(path).owner
        return f"O:{ALIASES.get(owner, owner)}G:SYD:{control}{entries}"

    def allows(self, path: str, sids: Iterable[str], mask: int) -> bool:
        """Whether one of the identities has every right of ``mask`` at a directory and for what is made
        in it.
        """
        wanted = set(sids)
        granted = 0
        for entry in self.entries(path):
            if entry.sid not in wanted or "IO" in entry.flags:
                continue
            if not entry.allow and entry.mask & mask:
                return False
            if entry.allow and "OI" in entry.flags and "CI" in entry.flags:
                granted |= entry.mask
        return granted & mask == mask

    def _save(self) -> None:
        content = {
            name: {
                "entries": [vars(entry) for entry in rules.entries],
                "protected": rules.protected,
                "owner": rules.owner,
            }
            for name, rules in self._rules.items()
        }
        store.save(self._path, content)


def sid_of(account: str) -> str | None:
    """Return the identifier of an account by name, with or without its domain, or ``*SID``; None if
    unknown.
    """
    if account.startswith("*"):
        return account[1:]
    wanted = account.rpartition("\\")[2].casefold()
    return next(
        (sid for sid, name in ACCOUNTS.items() if name.rpartition("\\")[2].casefold() == wanted), None
    )


def _is_below(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path.rstrip(chr(92))}\\")
