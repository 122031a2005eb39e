"""The engine as a Windows service: start, stop, reload, and what it writes to the event log meanwhile."""

from __future__ import annotations

import ntpath
import os
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rehearsal.engine.containers import Containers
from rehearsal.engine.daemon import program, reload, startup
from rehearsal.engine.daemon.configuration import Configuration
from rehearsal.engine.daemon.startup import LogLine, Started, StartRefused
from rehearsal.engine.errors import EngineError, StartError
from rehearsal.engine.golang.pflag import FlagSet
from rehearsal.engine.hns import HostNetworks
from rehearsal.engine.host_machine import HostMachine
from rehearsal.engine.images import Images
from rehearsal.engine.networks import NAT, Networks
from rehearsal.engine.processes import end_stale
from rehearsal.engine.records import now
from rehearsal.engine.runtime import Runtime
from rehearsal.engine.state import State
from rehearsal.interfaces import EntryType, EventRecord, HostApi, ServiceFailure, WindowsError

_FIRST_PID, _PIDS = 2000, 5000
_STATE_FOLDER = "rehearsal"
_REFUSES = "engine-refuses-start"
_TYPES: dict[str, EntryType] = {
    "info": "Information",
    "warning": "Warning",
    "error": "Error",
    "fatal": "Error",
}
_EVENT_IDS = {"info": 1, "warning": 1, "error": 1, "fatal": 4}
_WITH_FIELDS = 10
"""What is added to an event's id if it has fields (moby ``service_windows.go``)."""


@dataclass
class Engine:
    """A running daemon: its configuration and everything that it manages."""

    host: HostApi
    machine: HostMachine
    configuration: Configuration
    flags: FlagSet
    started: Started
    state: State
    host_networks: HostNetworks
    networks: Networks
    images: Images
    runtime: Runtime
    containers: Containers
    since: str

    def check_space(self) -> None:
        """Raise `EngineError` if nothing more can be written to the host's drive."""
        if self.host.faults.arguments("disk-full") is not None:
            raise EngineError(f"write {self.data_root}\\tmp: There is not enough space on the disk.")

    @property
    def data_root(self) -> str:
        """Where the daemon keeps its data, a Windows path."""
        return self.configuration.text("data-root")


class EngineService:
    """Implements `rehearsal.interfaces.EngineApi` for one host."""

    def __init__(self, host: HostApi) -> None:
        self._host = host
        self._engine: Engine | None = None
        self._lock = threading.RLock()
        self._source = "docker"

    @property
    def running(self) -> Engine | None:
        """The daemon, if it runs."""
        return self._engine

    def start(self, arguments: Sequence[str]) -> int:
        """Start the daemon as the service manager does; see `EngineApi`."""
        with self._lock:
            machine = HostMachine(self._host)
            try:
                invocation = program.read(arguments[1:], machine)
            except program.Refused as refused:
                # said on stderr before the service part is reached: nothing gets to the event log
                raise ServiceFailure(str(refused)) from refused
            self._source = str(invocation.flags.flags["service-name"].value.value)
            if invocation.configuration is None or not invocation.asks("run-service"):
                raise ServiceFailure("dockerd did not report to the service manager")
            if invocation.asks("register-service"):
                raise ServiceFailure("The specified service already exists.")
            self._engine = self._bring_up(invocation.configuration, invocation.flags, machine)
        self._start_containers(self._engine)
        return _FIRST_PID + 4 * secrets.randbelow(_PIDS)

    def _bring_up(self, configuration: Configuration, flags: FlagSet, machine: HostMachine) -> Engine:
        host_networks = HostNetworks(self._host)
        fault = self._host.faults.arguments(_REFUSES)
        if fault is not None:
            reason = " ".join(fault) or "Error initializing network controller: HNS is not responding"
            raise self._refused(StartRefused(f"failed to start daemon: {reason}", [], reported_running=True))
        try:
            nat = host_networks.find(NAT)
            started = startup.start(configuration, machine, nat_exists=nat is not None)
        except StartRefused as refused:
            raise self._refused(refused) from refused
        try:
            engine = self._assemble(configuration, flags, machine, started, host_networks)
        except EngineError as error:
            message = f"failed to start daemon: {error}"
            raise self._refused(StartRefused(message, started.log, reported_running=True)) from error
        self._log(started.log)
        return engine

    def _assemble(
        self,
        configuration: Configuration,
        flags: FlagSet,
        machine: HostMachine,
        started: Started,
        host_networks: HostNetworks,
    ) -> Engine:
        # the service manager knows the process: a service writes no pid file
        configuration = replace(configuration, values={**configuration.values, "pidfile": ""})
        root = configuration.text("data-root")
        full = ntpath.join("C:\\", root)
        try:
            self._host.files.make_directory(full)
        except WindowsError as error:
            raise EngineError(f"mkdir {full}: {error.message}") from error
        state = State(os.path.join(self._host.files.real(full), _STATE_FOLDER))
        if not state.engine_id:
            state.engine_id = secrets.token_hex(16)
            state.save()
        for container in state.containers.values():
            if container.state.status in ("running", "restarting"):
                # the machine went down without stopping the engine
                end_stale(container.state.pid, state.directory)
                container.state.status, container.state.pid = "exited", 0
                host_networks.remove_endpoint(container.attachment.endpoint_id, missing_ok=True)
                container.attachment.endpoint_id = container.attachment.address = ""
        networks = Networks(state, host_networks)
        try:
            networks.initialise(
                fixed_cidr=configuration.text("fixed-cidr"),
                bridge_disabled=configuration.text("bridge") == "none",
            )
        except EngineError as error:
            raise EngineError(f"Error initializing network controller: {error}") from error
        images, runtime = Images(state), Runtime(self._host, state, networks)
        containers = Containers(state, images, networks, runtime)
        return Engine(
            self._host,
            machine,
            configuration,
            flags,
            started,
            state,
            host_networks,
            networks,
            images,
            runtime,
            containers,
            now(),
        )

    def _start_containers(self, engine: Engine) -> None:
        """Start what its restart policy brings back, in the order of creation."""
        for container in reversed(engine.containers.everything()):
            name = container.host_config["RestartPolicy"]["Name"]
            by_hand = container.state.stopped_by_hand
            wanted = name == "always" or (name == "unless-stopped" and not by_hand)
            if not wanted or container.state.status == "created":
                continue
            try:
                engine.runtime.start(container)
            except StartError as error:
                fields = {"container": container.id, "error": str(error)}
                self._log([("error", "failed to start container", fields)])

    def stop(self) -> None:
        """Stop the daemon and its containers; see `EngineApi`."""
        with self._lock:
            engine, self._engine = self._engine, None
            if engine is None:
                return
            timeout = engine.configuration.number("shutdown-timeout")
            engine.runtime.close(float(timeout) if timeout >= 0 else 60.0)
            self._log([("info", "Daemon shutdown complete", {}), ("info", "Stopping service", {})])

    def paramchange(self) -> None:
        """Reload the configuration; see `EngineApi`."""
        with self._lock:
            engine = self._engine
            if engine is None:
                raise ServiceFailure("The service has not been started.", exit_code=1062)
            path = str(engine.flags.flags["config-file"].value.value)
            self._log(
                [
                    (
                        "info",
                        "Got signal to reload configuration",
                        {"config-file": path or engine.configuration.path},
                    )
                ]
            )
            try:
                outcome = reload.reload(
                    engine.configuration, engine.started.trust, engine.flags, engine.machine
                )
            except reload.ReloadFatal as fatal:
                self._log([("fatal", "Error validating authorization plugin", {"error": str(fatal)})])
                self._engine = None
                engine.runtime.close(0)
                self._host.services.report_stopped(self._source, 1, crashed=True)
                return
            engine.configuration, engine.started.trust = outcome.configuration, outcome.trust
            self._log(outcome.log)

    def _refused(self, refused: StartRefused) -> ServiceFailure:
        error = {"error": str(refused)}
        last: list[LogLine] = [
            ("info", "Daemon shutdown complete", error),
            ("error", "Stopping service", error),
        ]
        events = [self._event(line) for line in [*refused.log, *last]]
        return ServiceFailure(str(refused), events, reported_running=refused.reported_running)

    def _log(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            self._host.events.write(self._event(line))

    def _event(self, line: LogLine) -> EventRecord:
        level, message, fields = line
        event_id = _EVENT_IDS[level] + (_WITH_FIELDS if fields else 0)
        text = message + (
            f" [{' '.join(f'{name}={value}' for name, value in fields.items())}]" if fields else ""
        )
        return EventRecord(self._source, _TYPES[level], event_id, text, datetime.now(UTC))
