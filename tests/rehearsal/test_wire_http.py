"""Requests are read from a stream of bytes, however they arrive."""

import pytest

from rehearsal.http import BadRequestError, HttpRequest, take_request

POST = b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


def test_a_request_is_the_same_when_it_arrives_byte_by_byte() -> None:
    buffer = bytearray()
    found: list[HttpRequest] = []

    for byte in POST + POST:
        buffer.append(byte)
        request = take_request(buffer, 100)
        found += [request] if request else []

    assert [request.body for request in found] == [b"hello", b"hello"]
    assert found[0].headers == {"host": "x", "content-length": "5"}
    assert not buffer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"POST /wsman HTTP/1.1\r\n\r\n", 411, id="no length"),
        pytest.param(b"POST /wsman HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413, id="too long"),
        pytest.param(b"POST /wsman HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="negative length"),
        pytest.param(b"nonsense\r\n\r\n", 400, id="no request line"),
        pytest.param(b"POST / HTTP/1.1\r\nnonsense\r\n\r\n", 400, id="no header"),
        pytest.param(b"x" * 70_000, 400, id="endless head"),
    ],
)
def test_what_is_no_request_is_answered_with_its_status(data: bytes, status: int) -> None:
    with pytest.raises(BadRequestError) as caught:
        take_request(bytearray(data), 100)

    assert caught.value.status == status
