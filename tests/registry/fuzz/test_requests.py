"""Requests with nonsense in them, and bytes that are no requests."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.registry.content import push_blob
from tests.registry.fuzz.strategies import (
    BODIES,
    FIELDS,
    KNOWN,
    METHODS,
    ODD_METHODS,
    PATHS,
    QUERIES,
    request,
)
from tests.registry.fuzz.wire import examples, first_answer, require_specified, statuses, talk
from tests.registry.servers import RunningRegistry

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", autouse=True)
def _something_is_there(caged: RunningRegistry) -> None:
    push_blob(caged.http, "labs", KNOWN)


@examples(1500)
@given(METHODS, PATHS, QUERIES, FIELDS, BODIES)
def test_a_framed_request_gets_an_answer_of_the_specification(  # noqa: PLR0917 - one for each part
    registry: RunningRegistry,
    method: bytes,
    path: bytes,
    query: bytes,
    fields: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    received = talk(registry, request(method, path + query, fields, body))

    answer = first_answer(received)
    if answer.status == 100:
        answer = first_answer(received.partition(b"\r\n\r\n")[2])
    require_specified(answer, method)


@examples(200)
@given(ODD_METHODS, PATHS)
def test_an_unknown_method_is_a_client_error(registry: RunningRegistry, method: bytes, path: bytes) -> None:
    received = talk(registry, request(method, path, [], b""))

    assert all(400 <= status < 500 for status in statuses(received)), received[:300]


_VALID = request(b"PUT", b"/v2/labs/manifests/v1", [(b"Content-Type", b"application/json")], b"{}")


@examples(800)
@given(st.data())
def test_a_damaged_request_never_harms(registry: RunningRegistry, data: st.DataObject) -> None:
    sent = bytearray(data.draw(st.sampled_from([_VALID, _CHUNKED, _VALID * 2, _VALID + _CHUNKED])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(sent)))
        match data.draw(st.sampled_from(["set", "cut", "insert", "repeat"])):
            case "set" if at < len(sent):
                sent[at] = data.draw(st.integers(0, 255))
            case "cut":
                del sent[at : at + data.draw(st.integers(1, 20))]
            case "insert":
                sent[at:at] = data.draw(
                    st.sampled_from([b"\r", b"\n", b"\0", b" ", b":", b"\xff" * 5, b"\r\n\r\n"])
                )
            case _:
                sent[at:at] = sent[at : at + 10] * data.draw(st.integers(1, 50))

    received = talk(registry, bytes(sent), end=True)

    assert all(status < 500 for status in statuses(received)), received[:300]


_CHUNKED = (
    b"POST /v2/labs/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
)


@examples(300)
@given(st.binary(max_size=400))
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100)
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(b"GET /v2/ HTTP/0.9\r\n\r\n")
@example(b"GET /v2/ HTTP/9.9\r\nHost: x\r\n\r\n")
@example(b"GET http://[::1/v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /v2/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET //////// HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /v2/?" + b"a=" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /v2/ HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n")
@example(b"\r\n" * 5000)
@example(b"\0" * 5000)
def test_bytes_that_are_no_request_never_harm(registry: RunningRegistry, sent: bytes) -> None:
    received = talk(registry, sent, end=True)

    assert all(status < 500 for status in statuses(received)), received[:300]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([b"Content-Length: -1"], id="negative"),
        pytest.param([b"Content-Length: abc"], id="no number"),
        pytest.param([b"Content-Length: +5"], id="signed"),
        pytest.param([b"Content-Length: 5", b"Content-Length: 6"], id="two that differ"),
        pytest.param([b"Content-Length: 5, 6"], id="a list"),
        pytest.param([b"Content-Length: " + b"9" * 30], id="beyond 64 bits"),
        pytest.param([b"Content-Length: " + b"9" * 5000], id="beyond what int parses"),
        pytest.param([b"Content-Length: 5", b"Transfer-Encoding: chunked"], id="both"),
        pytest.param([b"Transfer-Encoding: gzip"], id="an unknown coding"),
        pytest.param([b"Transfer-Encoding: chunked, chunked"], id="chunked twice"),
        pytest.param([b"Transfer-Encoding : chunked"], id="a space before the colon"),
        pytest.param([b" folded"], id="a continuation line"),
        pytest.param([b": no name"], id="no name"),
        pytest.param([b"Content-Length: 5", b"Expect: 100-continue"], id="expecting"),
    ],
)
@pytest.mark.parametrize(
    "line",
    [b"PUT /v2/labs/manifests/v1 HTTP/1.1", b"POST /v2/labs/blobs/uploads/ HTTP/1.1", b"GET /v2/ HTTP/1.1"],
)
def test_contradictory_framing_is_a_client_error_or_the_end(
    registry: RunningRegistry, line: bytes, fields: list[bytes]
) -> None:
    sent = b"\r\n".join([line, b"Host: x", b"Content-Type: application/json", *fields]) + b"\r\n\r\nhello"

    received = talk(registry, sent, end=True)

    assert all(status < 500 for status in statuses(received)), received[:300]
