"""A whole server dies, or its disk fails, at chosen file operations while a client pushes over HTTP."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.storage.posix import PosixFileSystem
from tests.registry.content import digest_of, pull, push_blob, push_image
from tests.registry.faults.disk import Fault
from tests.registry.faults.test_kill import require_whole
from tests.registry.servers import RunningRegistry, our_registry

STRIDE = int(os.environ.get("FAULT_STRIDE", "31"))
"""Every so many operations one is chosen; 1 chooses all."""
REPOSITORY = "labs/hello"

pytestmark = pytest.mark.timeout(1800)
CHUNKED = b"pushed in three chunks " * 100


def push_in_chunks(http: httpx.Client) -> None:
    location = http.post(f"/v2/{REPOSITORY}/blobs/uploads/").headers["location"]
    for start in range(0, len(CHUNKED), 1000):
        piece = CHUNKED[start : start + 1000]
        field = {"Content-Range": f"{start}-{start + len(piece) - 1}"}
        answer = http.patch(location, content=piece, headers=field)
        assert answer.status_code == 202, answer.text
        location = answer.headers["location"]
    answer = http.put(f"{location}?digest={digest_of(CHUNKED)}")
    assert answer.status_code == 201, answer.text


def push_stream(http: httpx.Client) -> None:
    location = http.post(f"/v2/{REPOSITORY}/blobs/uploads/").headers["location"]
    assert http.patch(location, content=iter([b"a stream ", b"without length"])).status_code == 202
    assert http.put(f"{location}?digest={digest_of(b'a stream without length')}").status_code == 201


def mount(http: httpx.Client) -> None:
    query = f"mount={digest_of(CHUNKED)}&from={REPOSITORY}"
    assert http.post(f"/v2/other/blobs/uploads/?{query}").status_code == 201


STEPS: list[Callable[[httpx.Client], object]] = [
    lambda http: push_image(http, REPOSITORY, "v1", b"first layer"),
    push_in_chunks,
    push_stream,
    mount,
    lambda http: push_image(http, REPOSITORY, "v1", b"second layer", CHUNKED),
    lambda http: push_blob(http, "other", b"sha512", "sha512"),
]


@contextlib.contextmanager
def failing(directory: Path, fault: Fault, at: int) -> Iterator[RunningRegistry]:
    program = ("tests.registry.faults.serve", fault.name, str(at))
    with our_registry(directory / "root", directory / "log", program=program) as running:
        yield running
        # It may be gone already; if not, it has done its part.
        running.kill()


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many file operations the steps need."""
    directory = tmp_path_factory.mktemp("count")
    program = ("tests.registry.faults.serve", Fault.NONE.name, "-1")
    with our_registry(directory / "root", directory / "log", program=program) as running:
        for step in STEPS:
            step(running.http)
        running.stop()
        match = re.search(r"operations: (\d+)", running.log.read_text())
    assert match is not None
    return int(match[1])


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.EIO, Fault.ENOSPC], ids=lambda fault: fault.value)
def test_a_push_over_http_is_whole_or_not_acknowledged(
    fault: Fault, operations: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    points = range(1, operations, STRIDE)
    for at in points:
        directory = tmp_path / str(at)
        directory.mkdir()
        done = 0
        with failing(directory, fault, at) as registry:
            for step in STEPS:
                if not succeeds(step, registry.http) and not (
                    fault is not Fault.CRASH and succeeds(step, registry.http)
                ):
                    break
                done += 1
            assert done == len(STEPS) or fault is Fault.CRASH, registry.log.read_text()[-2000:]
            assert "Traceback" not in registry.log.read_text()
        require_sound(directory, done)

    record_property(f"HTTP: {fault.value}", len(points))
    print(f"\nfaults injected under a server: {fault.value}: {len(points)} of {operations} operations")


def succeeds(step: Callable[[httpx.Client], object], http: httpx.Client) -> bool:
    """Return whether a step came to its end; a client sees an error, or a connection that breaks."""
    try:
        step(http)
    except (AssertionError, KeyError, httpx.TransportError):
        return False
    return True


def require_sound(directory: Path, done: int) -> None:
    """Restart, and check that what was acknowledged is there, and that all that is there is whole."""
    with our_registry(directory / "root", directory / "log") as registry:
        if done > 0:
            assert pull(registry.http, REPOSITORY, "v1").status_code == 200
        if done > 1:
            assert registry.http.get(f"/v2/{REPOSITORY}/blobs/{digest_of(CHUNKED)}").content == CHUNKED
        if done > 3:
            assert registry.http.get(f"/v2/other/blobs/{digest_of(CHUNKED)}").content == CHUNKED
        if pull(registry.http, REPOSITORY, "v1").status_code == 200:
            require_whole(registry.http, REPOSITORY, "v1", None)
        for step in STEPS:
            step(registry.http)
        found = survey(PosixFileSystem(str(registry.root)))
        assert found.of(Severity.DAMAGE) == []
