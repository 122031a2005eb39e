"""What a simulated host and the engine model on it know of each other: protocols and plain values only.

The host side implements the `…Api` protocols; ``rehearsal.engine`` is written against them and never imports
the host. In the other direction the host reaches the engine through three names only:

* ``rehearsal.engine.natives.NATIVES``: ``{"docker": Native, "dockerd": Native}``
* ``rehearsal.engine.service.EngineService(host)``: an `EngineApi`, one per host, at hand as `HostApi.engine`
* ``rehearsal.engine.hns``: ``networks(host)`` and ``endpoints(host)`` (lists of dicts),
  ``remove_network(host, id)`` and ``remove_endpoint(host, id)``

Everything here may be called from worker threads; one host's commands of one runspace never overlap, those of
two runspaces may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

RegistryValue = str | int | bytes | list[str]
"""REG_SZ and REG_EXPAND_SZ (str), REG_DWORD (int), REG_BINARY (bytes), REG_MULTI_SZ (list)."""

EntryType = Literal["Information", "Warning", "Error"]
ServiceState = Literal["Stopped", "Start Pending", "Stop Pending", "Running"]


@dataclass(frozen=True)
class NativeResult:
    """What a native program left behind when it ended."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


Native = Callable[["HostApi", list[str], bytes], NativeResult]
"""A native program: host, argv (``argv[0]`` is its full Windows path) and standard input. May block."""


@dataclass(frozen=True)
class EventRecord:
    """One entry of an event log."""

    source: str
    entry_type: EntryType
    event_id: int
    message: str
    time: datetime
    log_name: str = "Application"


class ServiceFailure(Exception):
    """A service did not do what its control asked for.

    ``message`` is the program's own last word; ``events`` go to the event log; ``exit_code`` is the
    specific exit code that ``sc.exe query`` shows. ``reported_running`` is true when the service first
    reported that it runs and stopped after that: then starting it succeeds, and it is found stopped later.
    """

    def __init__(
        self,
        message: str,
        events: Sequence[EventRecord] = (),
        *,
        exit_code: int = 1,
        reported_running: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.events = tuple(events)
        self.exit_code = exit_code
        self.reported_running = reported_running


class WindowsError(OSError):
    """A system call failed as it does on Windows; ``code`` is the Win32 error, the text is Windows' own."""

    def __init__(self, code: int, message: str, path: str = "") -> None:
        super().__init__(f"{message}: {path}" if path else message)
        self.code = code
        self.message = message
        self.path = path


@dataclass(frozen=True)
class FileEntry:
    """One name in a directory, spelt as it was created. Size in bytes, time in UTC."""

    name: str
    is_directory: bool
    size: int
    modified: datetime


class FilesApi(Protocol):
    """The drives of a host. Paths are absolute Windows paths; names are matched without regard to case.

    Every method raises `WindowsError` as Windows would: 2 and 3 not found, 5 access denied, 80 exists,
    112 disk full, 123 bad syntax (a reserved name among it), 145 directory not empty.
    """

    def real(self, path: str) -> str:
        """Return the path on this machine; what does not exist of it is spelt as given."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a whole file, by rename; its directory must exist."""
        ...

    def append(self, path: str, offset: int, content: bytes) -> None:
        """Write at ``offset``, which must be the file's length; offset 0 starts a new file."""
        ...

    def make_directory(self, path: str) -> None:
        """Create a directory and those above it; no error if it is there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all that is in it."""
        ...

    def move(self, source: str, destination: str) -> None:
        """Rename a file or directory; an existing file is replaced, an existing directory is not."""
        ...

    def grants_modify(self, path: str, sid: str) -> bool:
        """Whether ``sid`` (for example S-1-5-11, Authenticated Users) may modify a directory and its
        content.
        """
        ...

    def list(self, path: str) -> list[FileEntry]:
        """Return a directory's entries in name order."""
        ...


class HiveApi(Protocol):
    r"""The modelled part of the registry. A key is spelt ``HKLM\SOFTWARE\…``; case does not matter."""

    def get(self, key: str) -> Mapping[str, RegistryValue] | None:
        """Return a key's values, or None if there is no such key."""
        ...

    def set(self, key: str, values: Mapping[str, RegistryValue]) -> None:
        """Set values under a key, creating it; values that are not named stay."""
        ...

    def unset(self, key: str, name: str) -> bool:
        """Delete one value; tell whether it was there."""
        ...

    def delete(self, key: str) -> bool:
        """Delete a key with its sub-keys; tell whether it was there."""
        ...

    def subkeys(self, key: str) -> list[str]:
        """Return the names of the keys right below."""
        ...


@dataclass(frozen=True)
class ServiceStatus:
    """What the service manager knows of a service that is not in the registry."""

    state: ServiceState = "Stopped"
    process_id: int = 0
    win32_exit_code: int = 0
    service_exit_code: int = 0


class ServicesApi(Protocol):
    r"""The service manager. Configuration lives in the hive, ``HKLM\SYSTEM\CurrentControlSet\Services``.

    Raises `WindowsError`: 1060 no such service, 1072 marked for deletion, 1073 exists, 1078 duplicate display
    name, 1056 already running, 1062 not started, 1058 disabled.
    """

    def create(self, name: str, values: Mapping[str, RegistryValue]) -> None:
        """Register a service with its registry values (``ImagePath``, ``DisplayName``, ``Start``, …)."""
        ...

    def delete(self, name: str) -> None:
        """Delete a service; the event source stays."""
        ...

    def names(self) -> list[str]:
        """Return the names of all services, in their own spelling."""
        ...

    def status(self, name: str) -> ServiceStatus:
        """Return a service's state."""
        ...

    def start(self, name: str) -> None:
        """Start a service, waiting until it runs; `ServiceFailure` if it stops before that."""
        ...

    def stop(self, name: str) -> None:
        """Stop a service, waiting until it has stopped."""
        ...

    def report_stopped(self, name: str, exit_code: int, *, crashed: bool) -> None:
        """A service's process has ended by itself; a crash sets off the recovery actions."""
        ...


class EventsApi(Protocol):
    """The event log."""

    def write(self, event: EventRecord) -> None:
        """Append an entry."""
        ...

    def read(self, source: str | None = None, log_name: str = "Application") -> list[EventRecord]:
        """Return entries, the newest first."""
        ...


class FaultsApi(Protocol):
    """Faults that were asked for from outside, see ``python -m rehearsal fault``."""

    def arguments(self, name: str) -> list[str] | None:
        """Return a fault's arguments if it is set (perhaps none: ``[]``), else None."""
        ...

    def take(self, name: str) -> bool:
        """Tell whether a fault that happens once is set; it no longer is then."""
        ...


class EngineApi(Protocol):
    """The service whose program is dockerd.exe, as the service manager drives it."""

    def start(self, arguments: Sequence[str]) -> int:
        """Start; ``arguments`` is ImagePath expanded and split, the program first. Return the process id.

        Raises `ServiceFailure`. Returns when the service reports that it runs.
        """
        ...

    def stop(self) -> None:
        """Stop, with everything that it started."""
        ...

    def paramchange(self) -> None:
        """Take up what can be reloaded of the configuration (service control PARAMCHANGE)."""
        ...


class HostApi(Protocol):
    """One simulated Windows host."""

    address: str
    """Its own loopback address, for example ``127.77.0.1``."""
    number: int
    """Its number in the rehearsal, from 1; what differs per host (subnets, names) derives from it."""
    name: str
    """Its computer name."""
    build: int
    """Its Windows build: 14393, 17763, 20348 or 26100."""
    directory: str
    """A directory on this machine for the host's state: ``C/`` is its drive, ``engine/`` is the engine's."""
    environment: Mapping[str, str]
    """Machine environment variables, names in upper case."""
    groups: Sequence[str]
    """Local groups."""

    @property
    def files(self) -> FilesApi:
        """The drives."""
        ...

    @property
    def hive(self) -> HiveApi:
        """The registry."""
        ...

    @property
    def services(self) -> ServicesApi:
        """The service manager."""
        ...

    @property
    def events(self) -> EventsApi:
        """The event log."""
        ...

    @property
    def faults(self) -> FaultsApi:
        """Faults to play."""
        ...

    @property
    def engine(self) -> EngineApi:
        """The engine on this host, running or not."""
        ...

    def changed(self, what: str) -> None:
        """Note in the journal what the running command changes, e.g. ``container registry created``."""
        ...


@dataclass(frozen=True)
class JournalEntry:
    """One command that a host was given. ``exit_code`` is None for a cmdlet."""

    time: datetime
    text: str
    exit_code: int | None
    failed: bool
    changes: tuple[str, ...] = field(default=())
