"""What dockerd asks of the computer that it runs on, and a computer described by plain values."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rehearsal.engine.golang import netip

NOT_FOUND = "The system cannot find the file specified."
NO_PATH = "The system cannot find the path specified."
NO_FUNCTION = "Incorrect function."
NO_NETWORK_PATH = "The network path was not found."
NO_SERVICE = "The specified service does not exist as an installed service."
BAD_NAME = "The filename, directory name, or volume label syntax is incorrect."
BUILT_IN_ACCOUNTS = frozenset(
    name.casefold()
    for name in (
        "Administrators",
        "Users",
        "Guests",
        "Power Users",
        "Remote Desktop Users",
        "Everyone",
        "Authenticated Users",
        "INTERACTIVE",
        "SYSTEM",
        "LOCAL SERVICE",
        "NETWORK SERVICE",
        "Administrator",
        "Guest",
        "ANONYMOUS LOGON",
        "BATCH",
        "CREATOR OWNER",
        "DIALUP",
        "LOCAL",
        "NETWORK",
        "RESTRICTED",
        "SELF",
        "SERVICE",
        "TERMINAL SERVER USER",
        "Backup Operators",
        "Cryptographic Operators",
        "Distributed COM Users",
        "Event Log Readers",
        "Hyper-V Administrators",
        "IIS_IUSRS",
        "Network Configuration Operators",
        "Performance Log Users",
        "Performance Monitor Users",
        "Print Operators",
        "Remote Management Users",
        "Replicator",
    )
)
_ALWAYS_THERE = ("C:\\Windows\\System32\\ntdll.dll", "C:\\ProgramData\\x", "C:\\Users\\x")
_AUTHORITIES = ("builtin\\", "nt authority\\", ".\\")
_FORBIDDEN_CHARACTERS = frozenset('<>"|?*') | {chr(code) for code in range(32)}


class FileFault(OSError):
    """A file cannot be read; the text is Windows' own, without the path. ``missing``: it is not there.

    ``operation`` is what failed: a directory can be opened, but not read.
    """

    def __init__(self, text: str, *, missing: bool, operation: str = "open") -> None:
        super().__init__(text)
        self.text = text
        self.missing = missing
        self.operation = operation


class Machine(Protocol):
    """The computer, as dockerd sees it while it reads its configuration and starts."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables, names in upper case."""
        ...

    @property
    def directory(self) -> str:
        """The working directory."""
        ...

    @property
    def build(self) -> int:
        """The Windows build."""
        ...

    @property
    def has_containers_feature(self) -> bool:
        """Whether vmcompute.dll is there."""
        ...

    @property
    def drives(self) -> frozenset[str]:
        """Drive letters with a colon, in upper case."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's content, or raise `FileFault`."""
        ...

    def has_service(self, name: str) -> bool:
        """Whether a service of that name is installed."""
        ...

    def has_account(self, name: str) -> bool:
        """Whether a user or group of that name exists."""
        ...

    def addresses(self, name: str) -> list[str]:
        """Return the addresses that a host name resolves to; none if it does not."""
        ...

    def has_address(self, address: str) -> bool:
        """Whether an address belongs to this computer."""
        ...


def bad_name(path: str) -> bool:
    """Whether Windows refuses a path for its characters."""
    path = path.removeprefix("\\\\?\\")
    rest = ntpath.splitdrive(path)[1] if path[1:2] == ":" else path
    return ":" in rest or any(char in _FORBIDDEN_CHARACTERS for char in rest)


def known_account(name: str, groups: frozenset[str]) -> bool:
    """Whether ``name`` is a built-in account or one of the local ``groups`` (in folded case)."""
    folded = name.casefold()
    for authority in _AUTHORITIES:
        folded = folded.removeprefix(authority)
    return folded in BUILT_IN_ACCOUNTS or folded in groups


@dataclass(frozen=True)
class DescribedMachine:
    """A computer made of values; ``files`` maps full paths to contents."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "C:\\Windows\\System32"
    build: int = 20348
    has_containers_feature: bool = True
    services: frozenset[str] = frozenset({"hns", "vmcompute"})
    groups: frozenset[str] = frozenset()
    own_addresses: frozenset[str] = frozenset()
    drives: frozenset[str] = frozenset({"C:", "D:"})

    def read(self, path: str) -> bytes:
        """See `Machine`."""
        path = path.removeprefix("\\\\?\\")
        full = ntpath.normpath(ntpath.join(self.directory, path))
        found = next(
            (name for name in self.files if name.casefold() in (path.casefold(), full.casefold())), None
        )
        if found is not None:
            return self.files[found]
        if path and bad_name(full):
            raise FileFault(BAD_NAME, missing=False)
        directories = self._directories()
        if path and full.casefold() in directories:
            raise FileFault(NO_FUNCTION, missing=False, operation="read")
        known = not path or ntpath.dirname(full).casefold() in directories
        raise FileFault(NOT_FOUND if known else NO_PATH, missing=True)

    def _directories(self) -> set[str]:
        """Return the directories that are certainly there, in small letters."""
        found = {f"{drive.casefold()}\\" for drive in self.drives}
        for path in (*self.files, *_ALWAYS_THERE, ntpath.join(self.directory, "x")):
            parent = ntpath.dirname(path).casefold()
            while parent and parent not in found:
                found.add(parent)
                parent = ntpath.dirname(parent)
        return found

    def has_service(self, name: str) -> bool:
        """See `Machine`."""
        return name in self.services

    def has_account(self, name: str) -> bool:
        """See `Machine`."""
        return known_account(name, self.groups)

    def addresses(self, name: str) -> list[str]:
        """See `Machine`."""
        return ["127.0.0.1"] if name.casefold() == "localhost" else []

    def has_address(self, address: str) -> bool:
        """See `Machine`."""
        parsed = netip.parse_address(address)
        return parsed.is_loopback or parsed.is_unspecified or address in self.own_addresses
