"""What a host says of Windows: its release, services, files, directories, firewall, routes."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from deploy.state.reading import Object, Reported, Unreadable, objects, one_object, values
from deploy.windows_command_line import split


@dataclass(frozen=True)
class WindowsState(Reported):
    """Which Windows it is."""

    product: str
    build: int
    revision: int
    installation: str

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the CurrentVersion key of the registry."""
        found = one_object(text, "the Windows version")
        return cls(
            product=found.text("ProductName"),
            build=found.number("CurrentBuild"),
            revision=found.number("UBR", 0),
            installation=found.text("InstallationType", ""),
        )


@dataclass(frozen=True)
class RecoveryState(Reported):
    """What the service manager does after a crash: SERVICE_FAILURE_ACTIONS, as it lies in the registry."""

    reset_after: int
    """Seconds without a crash after which counting begins anew."""

    actions: tuple[tuple[int, int], ...]
    """Kind (0 nothing, 1 restart, 2 reboot, 3 run a command) and delay in milliseconds of each step."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the binary value: period, two pointers, count, one pointer, then pairs of kind and delay."""
        if len(data) < 20:
            raise Unreadable("the recovery actions", data.hex(), "too short")
        numbers = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data) - 3, 4)]
        pairs = numbers[5 : 5 + 2 * numbers[3]]
        return cls(numbers[0], tuple(zip(pairs[::2], pairs[1::2], strict=False)))


@dataclass(frozen=True)
class ServiceState(Reported):
    """The service that the engine is; ``exists`` is False if it is not registered."""

    name: str
    exists: bool
    running: bool = False
    start_mode: str = ""
    """``auto``, ``delayed-auto``, ``manual`` or ``disabled``."""

    command_line: str = ""
    depends_on: tuple[str, ...] = ()
    recovery: RecoveryState | None = None
    recovers_failed_stop: bool = False
    process_id: int = 0

    @property
    def arguments(self) -> list[str]:
        """What the program is started with, without its name."""
        return split(self.command_line)[1:]

    @property
    def program(self) -> str:
        """The program that is started."""
        return split(self.command_line)[0] if self.command_line else ""

    @classmethod
    def from_json(cls, name: str, service: str, hive: str | None) -> Self:
        """Read Win32_Service, and the service's key of the registry, which is there if the service is."""
        found = objects(service, f"the service {name}")
        if not found:
            return cls(name, exists=False)
        reported = found[0]
        key = one_object(hive, f"the registry key of {name}") if hive is not None else Object({}, name)
        failure = key.many("FailureActions")
        mode = reported.text("StartMode", "").lower()
        return cls(
            name=name,
            exists=True,
            running=reported.text("State", "") in {"Running", "Start Pending"},
            start_mode="delayed-auto" if mode == "auto" and key.number("DelayedAutostart", 0) else mode,
            command_line=reported.text("PathName", "") or key.text("ImagePath", ""),
            depends_on=key.texts("DependOnService"),
            recovery=RecoveryState.from_bytes(bytes(failure)) if failure else None,
            recovers_failed_stop=bool(key.number("FailureActionsOnNonCrashFailures", 0)),
            process_id=reported.number("ProcessId", 0),
        )


@dataclass(frozen=True)
class FileState(Reported):
    """A text file; ``text`` is None if it does not exist."""

    path: str
    text: str | None

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.text is not None

    @classmethod
    def from_json(cls, path: str, text: str) -> Self:
        """Read the content of an existing file; an empty one prints nothing at all."""
        found = values(text, path)
        if not all(isinstance(part, str) for part in found):
            raise Unreadable(path, text, "expected its text")
        return cls(path, "".join(found).removeprefix("\ufeff"))


def presence(text: str, paths: list[str]) -> dict[str, bool]:
    """Read the answer of Test-Path for several paths."""
    found = values(text, "which files exist")
    if len(found) != len(paths) or not all(isinstance(each, bool) for each in found):
        raise Unreadable("which files exist", text, f"expected {len(paths)} truth values")
    return dict(zip(paths, found, strict=True))


_RIGHTS = {
    "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0, "GA": 0x1F01FF, "GR": 0x120089,
    "GW": 0x120116, "GX": 0x1200A0, "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000,
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
}  # fmt: skip
_GENERIC = {0x10000000: 0x1F01FF, 0x20000000: 0x1200A0, 0x40000000: 0x120116, 0x80000000: 0x120089}
_OWNER = re.compile(r"O:(S-[0-9-]+|[A-Z]{2})")
_OWNERS = frozenset({"SY", "BA", "LA", "DA", "EA", "S-1-5-18", "S-1-5-32-544"})
"""SYSTEM, Administrators, the account Administrator, and the administrators of a domain and of all."""

_ACE = re.compile(r"\(([^()]*)\)")
MODIFY = 0x1301BF
"""What icacls calls M: read, write, execute, delete."""


@dataclass(frozen=True)
class DirectoryState(Reported):
    """A directory, and who may do what in it; ``sddl`` is None if it does not exist."""

    path: str
    sddl: str | None

    @property
    def exists(self) -> bool:
        """Whether there is such a directory."""
        return self.sddl is not None

    @property
    def is_of_administrators(self) -> bool:
        """Whether SYSTEM or administrators own it: an owner may change who may do what."""
        owner = _OWNER.match(self.sddl or "")
        return owner is not None and owner[1] in _OWNERS

    @classmethod
    def from_json(cls, path: str, text: str) -> Self:
        """Read the answer of Get-Acl for an existing directory."""
        return cls(path, one_object(text, f"the permissions of {path}").text("Sddl"))

    def grants_modify(self, *, to: frozenset[str] = frozenset({"AU", "S-1-5-11"})) -> bool:
        """Say whether ``to`` (Authenticated Users) may modify the directory and whatever is made in it."""
        dacl = (self.sddl or "").partition("D:")[2].partition("S:")[0]
        granted = 0
        for ace in _ACE.findall(dacl):
            kind, flags, rights, _, _, trustee = (ace.split(";") + [""] * 6)[:6]
            inherits = {flags[at : at + 2] for at in range(0, len(flags), 2)}
            if trustee not in to or "IO" in inherits:
                continue
            if kind == "D" and _mask(rights) & MODIFY:
                return False
            if kind == "A" and {"OI", "CI"} <= inherits:
                granted |= _mask(rights)
        return granted & MODIFY == MODIFY


def _mask(rights: str) -> int:
    if rights.lower().startswith("0x"):
        mask = int(rights, 16)
        for bit, meant in _GENERIC.items():
            mask |= meant if mask & bit else 0
        return mask
    mask = 0
    for at in range(0, len(rights), 2):
        mask |= _RIGHTS.get(rights[at : at + 2], 0)
    return mask


@dataclass(frozen=True)
class FirewallRuleState(Reported):
    """A rule of the Windows firewall."""

    name: str
    enabled: bool
    inbound: bool
    allows: bool
    protocol: str = ""
    ports: tuple[str, ...] = ()

    @classmethod
    def list_from_json(cls, rules: str, ports: str) -> list[Self]:
        """Read the rules, and their port filters, which say by InstanceID whose they are."""
        filters = {each.text("InstanceID"): each for each in objects(ports, "the firewall's port filters")}
        found = []
        for rule in objects(rules, "the firewall's rules"):
            name = rule.text("Name")
            port_filter = filters.get(name)
            found.append(
                cls(
                    name=name,
                    enabled=rule.text("Enabled") in {"1", "True"},
                    inbound=rule.text("Direction") in {"1", "Inbound"},
                    allows=rule.text("Action") in {"2", "Allow"},
                    protocol=port_filter.text("Protocol", "").upper() if port_filter else "",
                    ports=tuple(str(port) for port in port_filter.many("LocalPort")) if port_filter else (),
                )
            )
        return found


@dataclass(frozen=True)
class RouteState(Reported):
    """A route of the host."""

    destination: ipaddress.IPv4Network
    interface: str
    next_hop: str

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read the IPv4 routes."""
        return [
            cls(
                destination=_network(route.text("DestinationPrefix"), text),
                interface=route.text("InterfaceAlias", ""),
                next_hop=route.text("NextHop", ""),
            )
            for route in objects(text, "the routes")
        ]


def _network(prefix: str, answer: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(prefix, strict=False)
    except ValueError:
        raise Unreadable("the routes", answer, f"{prefix!r} is no network") from None


@dataclass(frozen=True)
class EventState(Reported):
    """An entry of the event log."""

    severity: str
    message: str
    written: str = ""
    """When, as Windows PowerShell writes it: tells an event from the same words of another time."""

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read the newest entries, newest first; EntryType is a name, or 1, 2 and 4 as 5.1 writes it."""
        names = {"1": "Error", "2": "Warning", "4": "Information"}
        return [
            cls(
                names.get(kind := each.text("EntryType", ""), kind),
                each.text("Message", "").strip(),
                str(each.raw("TimeWritten")),
            )
            for each in objects(text, "the event log")
        ]
