"""A rehearsal host without a network in front of it: the engine's programs are called as the host calls
them.
"""

import io
import itertools
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal import command_line
from rehearsal.engine import dockerd_program
from rehearsal.engine.natives import NATIVES
from rehearsal.engine.service import Engine, EngineService
from rehearsal.host import Host, HostSettings

DOCKER = "C:\\Program Files\\docker\\docker.exe"
DOCKERD = "C:\\Program Files\\docker\\dockerd.exe"
DAEMON_JSON = "C:\\ProgramData\\docker\\config\\daemon.json"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """What a program printed and its exit code."""

    code: int
    out: str
    err: str


class EngineLab:
    """A host on a loopback address of its own, with the programs at hand."""

    def __init__(self, directory: Path, *, build: int = 20348, number: int = 7, address: str = "") -> None:
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
        address = address or f"127.92.{os.getpid() % 200 + 20 * worker % 50}.{next(_numbers) % 250 + 1}"
        self.host = Host(HostSettings(address, number, build), str(directory))

    def boot(self) -> "EngineLab":
        """Start the host's services."""
        self.host.boot()
        return self

    def reboot(self) -> None:
        """Stop all services and start them again."""
        self.host.shut_down()
        self.host.boot()

    def docker(self, line: str) -> Result:
        """Run docker with a command line as Windows splits it."""
        return self._run("docker", [DOCKER, *command_line.split(line)])

    def dockerd(self, line: str, directory: str | None = None) -> Result:
        """Run dockerd with a command line as Windows splits it."""
        return self.dockerd_words([DOCKERD, *command_line.split(line)], directory)

    def dockerd_words(self, words: list[str], directory: str | None = None) -> Result:
        """Run dockerd with arguments, the program first."""
        place = {} if directory is None else {"directory": directory}
        result = dockerd_program.run(self.host, words, b"", **place)
        return Result(result.exit_code, result.stdout.decode(), result.stderr.decode())

    def _run(self, program: str, words: list[str]) -> Result:
        result = NATIVES[program](self.host, words, b"")
        return Result(result.exit_code, result.stdout.decode(), result.stderr.decode())

    @property
    def engine(self) -> Engine:
        """The running daemon."""
        service = self.host.engine
        assert isinstance(service, EngineService)
        assert service.running is not None
        return service.running

    def configure(self, text: str) -> None:
        """Write daemon.json."""
        self.host.files.write(DAEMON_JSON, text.encode())

    def put(self, path: str, content: bytes) -> None:
        """Write a file, with its directory."""
        self.host.files.make_directory(path.rpartition("\\")[0])
        self.host.files.write(path, content)

    def words_of_events(self) -> list[str]:
        """Return what the engine wrote to the event log, oldest first."""
        return [event.message for event in reversed(self.host.events.read("docker"))]


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds; fail after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come true in time")
        time.sleep(0.02)


def wheel(
    name: str, version: str, tag: str, needs: tuple[str, ...] = (), **files: str
) -> Mapping[str, bytes]:
    """Return a wheel, by its file name; the same arguments give the same bytes. ``files`` are modules of a
    package of that name.
    """
    package = name.replace("-", "_")
    base = f"{package}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = {f"{package}/{module}.py": text for module, text in files.items()}
    members[f"{base}.dist-info/METADATA"] = metadata + "".join(f"Requires-Dist: {need}\n" for need in needs)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in members.items():
            # An entry made by its name alone carries the time of now, and a build cache sees another file.
            archive.writestr(zipfile.ZipInfo(path), text)
    return {f"{base}-{tag}.whl": content.getvalue()}
