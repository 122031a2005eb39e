"""Bytes to a registry and back, and what must hold whatever was sent."""

import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings

from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.storage.posix import PosixFileSystem
from tests.registry.servers import RunningRegistry

DEADLINE = 20.0
"""Seconds after which an answer that did not come is a hang."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
_TROUBLE = re.compile(r"Traceback| (ERROR|CRITICAL) ")


def examples(number: int) -> settings:
    """Return Hypothesis settings for ``number`` examples, or FUZZ times as many if that is set."""
    factor = int(os.environ.get("FUZZ", "1"))
    return settings(
        max_examples=number * factor,
        deadline=None,
        derandomize=factor == 1,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def talk(registry: RunningRegistry, sent: bytes, *, end: bool = False) -> bytes:
    """Send bytes, if wished also the end of them, and return all that comes until the registry closes.

    Raises TimeoutError if it does not: a hang.
    """
    host, _, port = registry.address.rpartition(":")
    received = []
    with socket.create_connection((host, int(port)), DEADLINE) as connection:
        try:
            connection.sendall(sent)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received.append(piece)
        except (BrokenPipeError, ConnectionResetError):
            # It refused the rest: its right, once it has answered or seen nonsense.
            pass
    return b"".join(received)


def first_answer(received: bytes) -> Answer:
    """Return the first answer in what came."""
    head, _, body = received.partition(b"\r\n\r\n")
    match = _STATUS.match(head + b"\r\n")
    assert match is not None, f"no answer: {received[:200]!r}"
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(match[1]), headers, body)


def statuses(received: bytes) -> list[int]:
    """Return the status of every answer in what came."""
    return [int(status) for status in _STATUS.findall(received)]


def require_specified(answer: Answer, method: bytes) -> None:
    """Check that an answer is one that the specification knows: no 5xx, and errors as JSON."""
    assert answer.status < 500, answer
    if answer.status >= 400 and method != b"HEAD":
        errors = json.loads(answer.body)["errors"]
        assert errors[0]["code"], answer


def require_unharmed(registry: RunningRegistry) -> None:
    """Check that the registry still serves, logged no trouble, and left nothing that has no place."""
    assert registry.http.get("/v2/").status_code == 200
    assert not _TROUBLE.search(log := registry.log.read_text()), log[-3000:]
    cage = registry.root.parent
    assert {path.name for path in cage.iterdir()} <= {registry.root.name, registry.log.name}
    assert {path.name for path in registry.root.iterdir()} <= {"docker", "_staging"}
    assert {path.name for path in Path(registry.root, "docker/registry/v2").glob("*")} <= {
        "blobs",
        "repositories",
    }
    assert list(Path(registry.root, "_staging").glob("*")) == []
    if registry.store.exists():
        found = survey(PosixFileSystem(str(registry.root))).findings
        assert [one for one in found if one.severity is not Severity.NOTE] == []
