"""A Docker Engine of the tests' own: real, beside whatever else runs on the machine, and gone afterwards."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.registry.servers import RunningRegistry, our_registry

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0


@dataclass(frozen=True)
class Engine:
    """A dockerd that listens on ``socket``."""

    socket: Path
    log: Path

    def docker(self, *arguments: str | Path) -> str:
        """Run the docker command line and return what it printed; an error of it fails the test."""
        finished = self.try_docker(*arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout.strip()

    def try_docker(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run the docker command line, whatever comes of it."""
        return subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *map(str, arguments)],
            env=os.environ | {"DOCKER_CONFIG": str(self.socket.parent / "config")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@contextmanager
def running_engine(*options: str, prefix: tuple[str, ...] = ()) -> Iterator[Engine]:
    """Run dockerd with further ``options``; ``prefix`` is put before its command line."""
    # Not below pytest's directory: the path of a Unix socket has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="dockerd-"))
    engine = Engine(directory / "docker.sock", directory / "log")
    command = [
        *prefix,
        "dockerd",
        *("--data-root", str(directory / "data"), "--exec-root", str(directory / "exec")),
        *("--host", f"unix://{engine.socket}", "--pidfile", str(directory / "docker.pid")),
        *("--bridge=none", "--iptables=false", "--ip6tables=false", *options),
    ]
    with engine.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(process, engine)
        yield engine
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """One dockerd for all tests; skipped with the reason where none can run."""
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        pytest.skip("docker and dockerd are not installed")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    with running_engine() as running:
        yield running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Our registry, shared by a module: tests use repositories of their own."""
    directory = tmp_path_factory.mktemp("registry")
    with our_registry(directory / "root", directory / "log") as running:
        yield running


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", engine: Engine) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        if engine.socket.exists() and engine.try_docker("version").returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"dockerd did not start:\n{engine.log.read_text()[-4000:]}")
