"""Clients that stop in the middle: each is told or disconnected, none holds anything for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.fuzz.wire import require_unharmed, statuses, talk
from tests.registry.servers import RunningRegistry, our_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry that waits for nobody longer than a second."""
    cage: Path = tmp_path_factory.mktemp("cage")
    with our_registry(cage / "root", cage / "log", HTTP_LIMITS_IDLE="1s") as running:
        yield running
        require_unharmed(running)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"G", id="one letter"),
        pytest.param(b"GET /v2/ HTTP/1.1\r\nHost", id="half a header"),
        pytest.param(
            b"PUT /v2/slow/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            id="half a manifest",
        ),
        pytest.param(
            b"POST /v2/slow/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 100000000\r\n\r\nabc",
            id="the start of a blob",
        ),
        pytest.param(
            b"POST /v2/slow/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            id="half a chunk",
        ),
        pytest.param(
            b"PUT /v2/slow/manifests/v1 HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
            id="told to go on",
        ),
    ],
)
def test_a_client_that_stops_is_not_waited_for(registry: RunningRegistry, sent: bytes) -> None:
    received = talk(registry, sent)

    assert all(status < 500 for status in statuses(received)), received
