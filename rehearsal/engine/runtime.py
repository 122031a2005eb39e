"""Running containers: processes, restarts, health, output. Knows no command line and no images."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from rehearsal.engine.errors import EngineError, StartError
from rehearsal.engine.filesystem import ContainerFiles
from rehearsal.engine.logs import ContainerLog
from rehearsal.engine.networks import Networks
from rehearsal.engine.processes import Launch, Process, ProgramNotFoundError, launch
from rehearsal.engine.records import Container, now
from rehearsal.engine.state import State
from rehearsal.interfaces import HostApi

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 60.0
_STEADY_SECONDS = 10.0
_HEALTH_DEFAULTS = {"Interval": 30.0, "Timeout": 30.0, "StartPeriod": 0.0, "StartInterval": 5.0}
_NANOSECONDS = 1e9
_REGISTRY_PORT = 5000


@dataclass
class _Running:
    process: Process
    ended: threading.Event = field(default_factory=threading.Event)


class Runtime:
    """The processes of one engine's containers."""

    def __init__(self, host: HostApi, state: State, networks: Networks) -> None:
        self._host = host
        self._state = state
        self._networks = networks
        self._running: dict[str, _Running] = {}
        self._closing = threading.Event()
        self._conditions: dict[str, threading.Event] = {}

    def files(self, container: Container) -> ContainerFiles:
        """Return a container's file system."""
        root = os.path.join(self._state.directory, "containers", container.id, "root")
        mounts = {
            mount["Destination"]: self._host.files.real(mount["Source"])
            for mount in container.mounts
            if mount["Type"] in ("bind", "volume")
        }
        return ContainerFiles(root, mounts)

    def log(self, container: Container) -> ContainerLog:
        """Return a container's output."""
        name = f"{container.id}-json.log"
        return ContainerLog(os.path.join(self._state.directory, "containers", container.id, name))

    def start(self, container: Container) -> None:
        """Start a container; raises `StartError`. One that runs stays as it is."""
        with self._state.change():
            if container.state.running:
                return
            container.state.stopped_by_hand = False
            container.state.restarts = 0
            self._launch(container)

    def _launch(self, container: Container) -> None:
        if self._closing.is_set():
            raise StartError("the daemon is shutting down")
        try:
            self._check_mounts(container)
            self._networks.attach(container, published(container))
        except EngineError as error:
            self._not_started(container, str(error))
            raise StartError(f"failed to set up container networking: {error}") from error
        try:
            process = self._process(container)
        except ProgramNotFoundError as error:
            self._networks.detach(container.attachment)
            message = (
                f"container {container.id} encountered an error during hcsshim::System::CreateProcess: "
                "failure in a Windows system call: The system cannot find the file specified. (0x2)\n"
                f"[Event Detail: {error}]"
            )
            self._not_started(container, message, 127)
            raise StartError(message, 127) from error
        state = container.state
        state.status, state.pid, state.error, state.exit_code = "running", process.pid, "", 0
        state.started = now()
        state.health = "starting" if _healthcheck(container) else ""
        running = _Running(process)
        self._running[container.id] = running
        threading.Thread(target=self._watch, args=(container, running), daemon=True).start()
        if _healthcheck(container):
            threading.Thread(target=self._probe, args=(container, running), daemon=True).start()

    def _check_mounts(self, container: Container) -> None:
        for mount in container.mounts:
            if mount["Type"] == "bind" and not self._host.files.exists(mount["Source"]):
                raise EngineError(
                    'invalid mount config for type "bind": bind source path does not exist: '
                    + mount["Source"]
                )

    def _not_started(self, container: Container, message: str, code: int = 128) -> None:
        container.state.error, container.state.exit_code = message, code
        container.state.finished = now()
        self._state.save()

    def _process(self, container: Container) -> Process:
        environment = dict(item.partition("=")[::2] for item in container.config["Env"])
        inside = container_port(container)
        self._take_real_port(container, inside)
        if inside:
            environment["REGISTRY_HTTP_ADDR"] = f"{self._host.address}:{container.real_port}"
        files = self.files(container)
        directory = files.real(container.config.get("WorkingDir") or "C:\\")
        os.makedirs(directory, exist_ok=True)
        log = self.log(container)
        command = [container.path, *container.arguments]
        return launch(Launch(command, environment, files, directory, log.write))

    def _take_real_port(self, container: Container, inside: int) -> None:
        """Choose where the container's port is on this machine: the published one, else any that is free."""
        container.real_port = 0
        if not inside:
            return
        wanted = next((out for out, target, protocol in published(container) if target == inside), 0)
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host.address, wanted))
            except OSError as error:
                self._networks.detach(container.attachment)
                raise StartError(
                    f"failed to create endpoint {container.name} on network {container.attachment.network}: "
                    "hnsCall failed in Win32: The specified port already exists. (0x803b0013)"
                ) from error
            container.real_port = probe.getsockname()[1]

    def _watch(self, container: Container, running: _Running) -> None:
        """Wait for the end of a container, and start it again if its policy says so."""
        code = running.process.wait()
        with self._state.change():
            self._running.pop(container.id, None)
            self._networks.detach(container.attachment)
            state = container.state
            state.status, state.exit_code, state.pid, state.finished = "exited", code, 0, now()
            state.health = "unhealthy" if state.health else ""
            container.real_port = 0
            again = self._restarts(container)
        running.ended.set()
        if again:
            self._start_again(container)

    def _restarts(self, container: Container) -> bool:
        state = container.state
        if self._closing.is_set() or state.stopped_by_hand or container.id not in self._state.containers:
            return False
        policy = container.host_config["RestartPolicy"]
        if policy["Name"] in ("always", "unless-stopped"):
            return True
        limit = policy["MaximumRetryCount"]
        return (
            policy["Name"] == "on-failure" and state.exit_code != 0 and (not limit or state.restarts < limit)
        )

    def _start_again(self, container: Container) -> None:
        ran = _seconds(container.state.finished) - _seconds(container.state.started)
        restarts = 0 if ran > _STEADY_SECONDS else container.state.restarts
        container.state.status = "restarting"
        if self._closing.wait(min(_FIRST_BACKOFF * 2**restarts, _LONGEST_BACKOFF)):
            container.state.status = "exited"
            return
        with self._state.change():
            if container.id not in self._state.containers or container.state.stopped_by_hand:
                container.state.status = "exited"
                return
            container.state.restarts = restarts + 1
            container.state.status = "exited"
            try:
                self._launch(container)
            except StartError as error:
                container.state.error = str(error)

    def _probe(self, container: Container, running: _Running) -> None:
        check = _healthcheck(container)
        begun = _seconds(now())
        while True:
            in_start_period = _seconds(now()) - begun < check["StartPeriod"]
            starting = container.state.health == "starting" and in_start_period
            if running.ended.wait(check["StartInterval"] if starting else check["Interval"]):
                return
            healthy = self._check_health(container, check["Timeout"])
            with self._state.change():
                if running.ended.is_set():
                    return
                state = container.state
                if healthy:
                    state.health, state.failing_streak = "healthy", 0
                elif not (in_start_period and state.health == "starting"):
                    state.failing_streak += 1
                    if state.failing_streak >= check["Retries"]:
                        state.health = "unhealthy"

    def _check_health(self, container: Container, timeout: float) -> bool:
        test = container.config["Healthcheck"]["Test"]
        command = test[1:] if test[0] == "CMD" else ["cmd", "/S", "/C", *test[1:]]
        environment = dict(item.partition("=")[::2] for item in container.config["Env"])
        if container.real_port:
            environment["REGISTRY_HTTP_ADDR"] = f"{self._host.address}:{container.real_port}"
        files = self.files(container)
        output: list[str] = []
        what = Launch(command, environment, files, files.root, lambda _, text: output.append(text))
        try:
            process = launch(what)
        except ProgramNotFoundError:
            return False
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        code = process.wait()
        timer.cancel()
        return code == 0

    def stop(self, container: Container, seconds: float) -> None:
        """Stop a container and wait until it has ended."""
        self._end(container, lambda process: process.stop(seconds))

    def kill(self, container: Container) -> None:
        """Kill a container and wait until it has ended."""
        self._end(container, lambda process: process.kill())

    def _end(self, container: Container, how: Callable[[Process], None]) -> None:
        with self._state.lock:
            container.state.stopped_by_hand = True
            running = self._running.get(container.id)
        if running is not None:
            how(running.process)
            running.ended.wait()
        self._state.save()

    def wait(self, container: Container) -> int:
        """Return a container's exit code when it has ended."""
        running = self._running.get(container.id)
        if running is not None:
            running.ended.wait()
        return container.state.exit_code

    def close(self, seconds: float) -> None:
        """End all containers, as the engine does when it stops; their restart policies stay in force."""
        with self._state.lock:
            # What is being started now is among these, and nothing is started after it.
            self._closing.set()
            running = list(self._running.values())
        threads = [threading.Thread(target=item.process.stop, args=(seconds,)) for item in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for item in running:
            item.ended.wait()
        self._state.save()

    def where(self, address: str, port: int) -> tuple[str, int] | None:
        """Return where on this machine a container's address and port really are."""
        for container in list(self._state.containers.values()):
            if container.state.running and container.attachment.address == address:
                if container_port(container) == port and container.real_port:
                    return self._host.address, container.real_port
                return None
        return None


def published(container: Container) -> list[tuple[int, int, str]]:
    """Return (port on the host, port in the container, protocol) of what is published on a known port."""
    found = []
    for inside, bindings in container.host_config["PortBindings"].items():
        port, _, protocol = inside.partition("/")
        found += [
            (int(b["HostPort"]), int(port), protocol) for b in bindings if b["HostPort"] not in ("", "0")
        ]
    return found


def container_port(container: Container) -> int:
    """Return the port that the registry in a container listens on; 0 if none runs there."""
    words = [word.lower() for word in (container.path, *container.arguments)]
    if "registry_app" not in words:
        return 0
    environment = dict(item.partition("=")[::2] for item in container.config["Env"])
    address = environment.get("REGISTRY_HTTP_ADDR", "")
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else _REGISTRY_PORT


def _healthcheck(container: Container) -> dict[str, float]:
    check = container.config.get("Healthcheck") or {}
    if not check.get("Test") or check["Test"][0] == "NONE":
        return {}
    seconds = {
        name: check.get(name, 0) / _NANOSECONDS or default for name, default in _HEALTH_DEFAULTS.items()
    }
    return {**seconds, "Retries": check.get("Retries") or 3}


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
