r"""The service manager of a simulated host.

Configuration is in the registry under ``HKLM\SYSTEM\CurrentControlSet\Services``, states are here. The
service whose program is dockerd.exe is the engine; all others just run. Errors are Windows' own numbers
and texts.
"""

from __future__ import annotations

import itertools
import logging
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rehearsal import command_line
from rehearsal.interfaces import (
    EventRecord,
    HostApi,
    RegistryValue,
    ServiceFailure,
    ServiceStatus,
    WindowsError,
)

log = logging.getLogger(__name__)

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
AUTOMATIC, MANUAL, DISABLED = 2, 3, 4
ENGINE_PROGRAM = "dockerd.exe"
RESTART = 1
SERVICE_SPECIFIC = 1066

ERRORS = {
    1052: "The requested control is not valid for this service.",
    1056: "An instance of the service is already running.",
    1058: (
        "The service cannot be started, either because it is disabled or because it has no enabled devices "
        "associated with it."
    ),
    1060: "The specified service does not exist as an installed service.",
    1062: "The service has not been started.",
    1072: "The specified service has been marked for deletion.",
    1073: "The specified service already exists.",
    1078: "The name is already in use as either a service name or a service display name.",
}


def service_error(code: int, name: str = "") -> WindowsError:
    """Return the error that Windows gives for a service."""
    return WindowsError(code, ERRORS[code], name)


@dataclass(frozen=True)
class FailureActions:
    """What happens when a service crashes: actions in turn as (kind, milliseconds), forgotten after some
    seconds.
    """

    reset_period: int
    actions: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, data: bytes) -> FailureActions:
        """Read the registry's FailureActions (SERVICE_FAILURE_ACTIONS as 32-bit Windows laid it out)."""
        reset, _, _, count, _ = struct.unpack_from("<5I", data)
        pairs = (struct.unpack_from("<2I", data, 20 + 8 * index) for index in range(count))
        return cls(reset, tuple((kind, delay) for kind, delay in pairs))

    def pack(self) -> bytes:
        """Return the form that `parse` reads."""
        head = struct.pack("<5I", self.reset_period, 0, 0, len(self.actions), 0x14)
        return head + b"".join(struct.pack("<2I", *action) for action in self.actions)


class ServiceManager:
    """The services of one host."""

    def __init__(self, host: HostApi) -> None:
        self._host = host
        self._lock = threading.RLock()
        self._states: dict[str, ServiceStatus] = {}
        self._crashes: dict[str, list[float]] = {}
        self._condemned: set[str] = set()
        self._timers: list[threading.Timer] = []
        self._process_ids = itertools.count(1200 + 4 * host.number, 4)

    def names(self) -> list[str]:
        """Return the names of all services, in their own spelling."""
        hive = self._host.hive
        return [name for name in hive.subkeys(SERVICES) if "ImagePath" in (hive.get(_key(name)) or {})]

    def configuration(self, name: str) -> dict[str, RegistryValue]:
        """Return a service's registry values, with ``Name`` as it is spelt; 1060 if there is none."""
        spelt = next((found for found in self.names() if found.casefold() == name.casefold()), None)
        if spelt is None:
            raise service_error(1060, name)
        return {"Name": spelt, **(self._host.hive.get(_key(spelt)) or {})}

    def configure(self, name: str, values: Mapping[str, RegistryValue]) -> None:
        """Change a service's registry values."""
        spelt = str(self.configuration(name)["Name"])
        self._host.hive.set(_key(spelt), values)
        self._host.changed(f"service {spelt}: {', '.join(values)}")

    def create(self, name: str, values: Mapping[str, RegistryValue]) -> None:
        """Register a service with its registry values."""
        with self._lock:
            if name.casefold() in self._condemned:
                raise service_error(1072, name)
            taken = {
                found.casefold(): str(self.configuration(found).get("DisplayName", ""))
                for found in self.names()
            }
            if name.casefold() in taken:
                raise service_error(1073, name)
            if str(values.get("DisplayName", name)).casefold() in {
                text.casefold() for text in taken.values()
            }:
                raise service_error(1078, name)
            self._host.hive.set(_key(name), values)
            self._host.changed(f"service {name} created")

    def delete(self, name: str) -> None:
        """Delete a service; one that runs is deleted when it stops."""
        with self._lock:
            spelt = str(self.configuration(name)["Name"])
            if self.status(spelt).state != "Stopped":
                self._condemned.add(spelt.casefold())
                return
            self._remove(spelt)

    def status(self, name: str) -> ServiceStatus:
        """Return a service's state."""
        self.configuration(name)
        return self._states.get(name.casefold(), ServiceStatus())

    def start(self, name: str) -> None:
        """Start a service and those it depends on, waiting until it runs; `ServiceFailure` if it stops
        before.
        """
        with self._lock:
            configuration = self.configuration(name)
            spelt = str(configuration["Name"])
            if self.status(spelt).state != "Stopped":
                raise service_error(1056, spelt)
            if configuration.get("Start") == DISABLED:
                raise service_error(1058, spelt)
            depends = configuration.get("DependOnService", [])
            for needed in depends if isinstance(depends, list) else []:
                if self.status(needed).state == "Stopped":
                    self.start(needed)
            self._launch(spelt, str(configuration["ImagePath"]))

    def stop(self, name: str) -> None:
        """Stop a service, waiting until it has stopped."""
        with self._lock:
            spelt = str(self.configuration(name)["Name"])
            if self.status(spelt).state == "Stopped":
                raise service_error(1062, spelt)
            if self.is_engine(spelt):
                self._host.engine.stop()
            self._set(spelt, ServiceStatus())
            self._host.changed(f"service {spelt} stopped")
            if spelt.casefold() in self._condemned:
                self._remove(spelt)

    def paramchange(self, name: str) -> None:
        """Send the control PARAMCHANGE, which only the engine takes here."""
        with self._lock:
            if self.status(name).state != "Running":
                raise service_error(1062, name)
            if not self.is_engine(name):
                raise service_error(1052, name)
            self._host.engine.paramchange()
            self._host.changed(f"service {name} reloaded")

    def dependents(self, name: str) -> list[str]:
        """Return the services that depend on this one."""
        wanted = name.casefold()
        found = []
        for other in self.names():
            depends = self.configuration(other).get("DependOnService", [])
            if isinstance(depends, list) and wanted in {item.casefold() for item in depends}:
                found.append(other)
        return found

    def is_engine(self, name: str) -> bool:
        """Whether a service's program is dockerd.exe."""
        arguments = self._arguments(str(self.configuration(name)["ImagePath"]))
        return any(word.casefold().endswith(ENGINE_PROGRAM) for word in arguments[:3])

    def report_stopped(self, name: str, exit_code: int, *, crashed: bool) -> None:
        """A service's process has ended by itself; a crash sets off the recovery actions."""
        with self._lock:
            configuration = self.configuration(name)
            self._set(name, ServiceStatus("Stopped", 0, 1067 if crashed else SERVICE_SPECIFIC, exit_code))
            also_others = configuration.get("FailureActionsOnNonCrashFailures") == 1
            if crashed or (also_others and exit_code):
                self._recover(str(configuration["Name"]), configuration)

    def boot(self) -> None:
        """Start every service that starts by itself; a failure is in the event log, as on Windows."""
        for name in self.names():
            if self.configuration(name).get("Start") == AUTOMATIC and self.status(name).state == "Stopped":
                try:
                    self.start(name)
                except (ServiceFailure, WindowsError) as error:
                    log.info("%s: service %s did not start: %s", self._host.address, name, error)

    def shut_down(self) -> None:
        """Stop every service, as the host goes down."""
        with self._lock:
            for timer in self._timers:
                timer.cancel()
            for name in self.names():
                if self.status(name).state == "Running":
                    self.stop(name)

    def _launch(self, name: str, image_path: str) -> None:
        arguments = self._arguments(image_path)
        process_id = next(self._process_ids)
        if self.is_engine(name):
            if not self._host.files.exists(self._program(image_path)):
                raise WindowsError(2, "The system cannot find the file specified.", name)
            try:
                process_id = self._host.engine.start(arguments)
            except ServiceFailure as failure:
                self._failed(name, failure)
                return
        self._set(name, ServiceStatus("Running", process_id))
        self._host.changed(f"service {name} started")

    def _failed(self, name: str, failure: ServiceFailure) -> None:
        for event in failure.events:
            self._host.events.write(event)
        self._log(
            7024,
            f"The {self._display(name)} service terminated with the following service-specific "
            f"error: \r\n%%{failure.exit_code}",
        )
        self.report_stopped(name, failure.exit_code, crashed=False)
        if not failure.reported_running:
            raise failure

    def _recover(self, name: str, configuration: Mapping[str, RegistryValue]) -> None:
        data = configuration.get("FailureActions")
        if not isinstance(data, bytes):
            return
        failure_actions = FailureActions.parse(data)
        now = time.monotonic()
        crashes = [
            at for at in self._crashes.get(name.casefold(), []) if now - at < failure_actions.reset_period
        ]
        self._crashes[name.casefold()] = [*crashes, now]
        if not failure_actions.actions:
            return
        kind, delay = failure_actions.actions[min(len(crashes), len(failure_actions.actions) - 1)]
        told = (
            f"The {self._display(name)} service terminated unexpectedly.  "
            f"It has done this {len(crashes) + 1} time(s)."
        )
        if kind != RESTART:
            self._log(7034, told)
            return
        self._log(
            7031,
            f"{told}  The following corrective action will be taken in {delay} milliseconds: "
            "Restart the service.",
        )
        timer = threading.Timer(delay / 1000, self._restart, [name])
        timer.daemon = True
        self._timers = [*(old for old in self._timers if old.is_alive()), timer]
        timer.start()

    def _restart(self, name: str) -> None:
        try:
            self.start(name)
        except (ServiceFailure, WindowsError) as error:
            log.info("%s: recovery could not start %s: %s", self._host.address, name, error)

    def _program(self, image_path: str) -> str:
        """Return the program as CreateProcess finds it: an unquoted path with blanks is tried word by
        word.
        """
        expanded = command_line.expand(image_path, self._host.environment)
        if expanded.startswith('"'):
            return command_line.split(expanded)[0]
        words = expanded.split(" ")
        for count in range(1, len(words) + 1):
            candidate = " ".join(words[:count])
            for path in (candidate, f"{candidate}.exe"):
                if self._host.files.exists(path) and not self._host.files.is_directory(path):
                    return path
        return words[0]

    def _arguments(self, image_path: str) -> list[str]:
        return command_line.split(command_line.expand(image_path, self._host.environment))

    def _display(self, name: str) -> str:
        return str(self.configuration(name).get("DisplayName", name))

    def _log(self, event_id: int, message: str) -> None:
        source = "Service Control Manager"
        self._host.events.write(EventRecord(source, "Error", event_id, message, datetime.now(UTC), "System"))

    def _set(self, name: str, status: ServiceStatus) -> None:
        self._states[name.casefold()] = replace(status)

    def _remove(self, name: str) -> None:
        self._condemned.discard(name.casefold())
        self._host.hive.delete(_key(name))
        self._states.pop(name.casefold(), None)
        self._host.changed(f"service {name} deleted")


def _key(name: str) -> str:
    return f"{SERVICES}\\{name}"
