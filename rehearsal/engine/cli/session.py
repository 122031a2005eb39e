"""One run of docker.exe: its output so far, the engine that it talks to, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError
from rehearsal.interfaces import HostApi

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

PIPE = "npipe:////./pipe/docker_engine"
_DEFAULT_PIPE = "//./pipe/docker_engine"


class CommandError(Exception):
    """The command ends with this text on stderr."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass
class Session:
    """What a command is given."""

    host: HostApi
    service: Engine | None
    directory: str
    environment: dict[str, str]
    daemon_host: str = ""
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """The daemon; raises `CommandError` if it cannot be reached."""
        engine = self.service
        address = self.daemon_host or self.environment.get("DOCKER_HOST", "") or PIPE
        protocol, _, place = address.partition("://")
        if protocol == "npipe":
            listening = engine is not None and place in engine.started.listening.addresses
            if listening and engine is not None:
                return engine
            raise CommandError(
                f"failed to connect to the docker API at {address}; check if the path is correct and if the "
                f"daemon is running: open {place}: The system cannot find the file specified."
            )
        if protocol == "tcp" and engine is not None and self._listens(engine, place):
            return engine
        raise CommandError(f"Cannot connect to the Docker daemon at {address}. Is the docker daemon running?")

    @staticmethod
    def _listens(engine: Engine, place: str) -> bool:
        host, _, port = place.rpartition(":")
        loopback = host in ("127.0.0.1", "localhost")
        return any(
            address == place or (loopback and address in (f"[::]:{port}", f"127.0.0.1:{port}"))
            for address in engine.started.listening.addresses
        )

    def print(self, text: str = "") -> None:
        """Write a line to stdout."""
        self.out.append(f"{text}\n")

    def complain(self, text: str) -> None:
        """Write a line to stderr."""
        self.err.append(f"{text}\n")


def response_text(error: EngineError) -> str:
    """Return an error of the daemon as docker.exe shows it."""
    return f"Error response from daemon: {error}"
