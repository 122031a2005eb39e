"""Registries as real processes on real sockets: ours, and Debian's reference registry on one directory."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0


@dataclass
class RunningRegistry:
    """A registry that answers on ``address`` and stores below ``root``."""

    process: "subprocess.Popen[bytes]"
    address: str
    root: Path
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def http(self) -> httpx.Client:
        """A client whose paths begin at the registry."""
        if not self.clients:
            self.clients.append(httpx.Client(base_url=self.url, timeout=30))
        return self.clients[0]

    @property
    def store(self) -> Path:
        return self.root / "docker" / "registry" / "v2"

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT)

    def stop(self) -> int:
        """End it as an operator would; return the exit code."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)


@contextmanager
def our_registry(
    root: Path, log: Path, *, program: Sequence[str] = ("registry_app", "serve"), **settings: str
) -> Iterator[RunningRegistry]:
    """Run ``python -m registry_app serve`` on a free port; ``settings`` by name, without ``REGISTRY_``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    environment |= {
        "REGISTRY_HTTP_ADDR": "127.0.0.1:0",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(root),
        "REGISTRY_STORAGE_FILESYSTEM_RESERVE": "0",
    } | {f"REGISTRY_{name}": value for name, value in settings.items()}
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen([sys.executable, "-m", *program], env=environment, stderr=output)
    try:
        match = _wait_for_line(process, log, start, re.compile(r"listening on ([^ ,]+), port (\d+)"))
        host = f"[{match[1]}]" if ":" in match[1] else match[1]
        running = RunningRegistry(process, f"{host}:{match[2]}", root, log)
        yield running
        assert running.process.poll() is not None or running.stop() == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_TIMEOUT)


@contextmanager
def reference_registry(root: Path, log: Path) -> Iterator[RunningRegistry]:
    """Run Debian's ``docker-registry`` over ``root``, with deletion on and without its cache."""
    port = free_port()
    configuration = log.with_suffix(".yml")
    configuration.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}},"
        " maintenance: {uploadpurging: {enabled: false}}}\n"
        # Foreign layers point to hosts that no test may talk to: the reference registry asks for leave, not
        # for them.
        "validation: {manifests: {urls: {allow: ['.*']}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: test}}\n"
    )
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(configuration)], stdout=output, stderr=output
        )
    try:
        running = RunningRegistry(process, f"127.0.0.1:{port}", root, log)
        _wait_for_answer(process, running)
        yield running
    finally:
        for client in running.clients:
            client.close()
        process.kill()
        process.wait(STOP_TIMEOUT)


def free_port() -> int:
    """Return a port that was free a moment ago, for programs that cannot say which one they took."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for_line(
    process: "subprocess.Popen[bytes]", log: Path, start: int, pattern: re.Pattern[str]
) -> re.Match[str]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        match = pattern.search(log.read_bytes()[start:].decode())
        if match is not None:
            return match
        time.sleep(0.02)
    raise AssertionError(f"the registry did not start:\n{log.read_text()}")


def _wait_for_answer(process: "subprocess.Popen[bytes]", running: RunningRegistry) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{running.url}/v2/").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the registry did not start:\n{running.log.read_text()}")
