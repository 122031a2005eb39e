"""Request bodies on their way in: content, framing, limits, and clients that do not behave."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_app.transport.buffers import ALL_BUFFERS, BUFFER_BYTES, BUFFERS, POOL
from tests.registry.transport_lab import LOOPS, Client, Lab, running, until

CONTENT = os.urandom(20 << 20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=LOOPS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(request.param) as lab:
        yield lab


def chunked(content: bytes, size: int) -> bytes:
    starts = range(0, len(content), size)
    return b"".join(
        b"%x\r\n%b\r\n" % (len(part), part) for part in (content[i : i + size] for i in starts)
    ) + (b"0\r\n\r\n")


def still_serves(client: Client) -> bool:
    client.ask("GET", "/hello")
    return client.answer().body == b"hello"


@pytest.mark.parametrize("size", [1 << 20, 32768, 8192, 1000])
def test_a_chunked_body_arrives_whole_in_both_lanes(lab: Lab, size: int) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload", "Transfer-Encoding: chunked", body=chunked(CONTENT[: 4 << 20], size))

        assert client.answer().status == 200
        assert still_serves(client)
    assert lab.uploads == [("whole", 4 << 20, hashlib.sha256(CONTENT[: 4 << 20]).hexdigest())]


def test_a_body_with_a_length_arrives_whole_in_both_lanes(lab: Lab) -> None:
    with lab.connect() as client:
        client.put("/upload", CONTENT)

        assert client.answer().status == 200
        assert still_serves(client)
    assert lab.uploads == [("whole", len(CONTENT), DIGEST)]


def test_a_chunked_body_that_comes_byte_by_byte_arrives_whole(lab: Lab) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload", "Transfer-Encoding: chunked")
        for byte in chunked(b"hello world", 5):
            client.send(bytes([byte]))

        assert client.answer().status == 200
        assert still_serves(client)
    assert lab.uploads == [("whole", 11, hashlib.sha256(b"hello world").hexdigest())]


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_a_small_body_is_returned_whole(lab: Lab, length: int) -> None:
    with lab.connect() as client:
        client.put("/small", CONTENT[:length])
        assert client.answer().body.decode() == hashlib.sha256(CONTENT[:length]).hexdigest()

        client.ask("PUT", "/small", "Transfer-Encoding: chunked", body=chunked(CONTENT[:length], 100))
        assert client.answer().body.decode() == hashlib.sha256(CONTENT[:length]).hexdigest()


def test_sanics_own_preloading_reads_through_the_same_parser(lab: Lab) -> None:
    with lab.connect() as client:
        client.put("/preloaded", b"x" * 1000)
        assert client.answer().body == b"1000 bytes"

        client.ask("PUT", "/preloaded", "Transfer-Encoding: chunked", body=b"3\r\nhello\r\n0\r\n\r\n")
        assert client.answer().status >= 400
        assert client.at_end()


def test_pipelined_uploads_are_told_apart(lab: Lab) -> None:
    one = b"PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc" * 99, 7)
    two = b"PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n" + b"y" * 300
    hello = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

    with lab.connect() as client:
        client.send(one + two + hello + two + one + hello)

        bodies = [client.answer().body for _ in range(6)]

    assert [body == b"hello" for body in bodies] == [False, False, True, False, False, True]
    assert [size for _, size, _ in lab.uploads] == [297, 300, 300, 297]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.integers(min_value=0, max_value=400), max_size=8))
def test_a_request_may_be_cut_anywhere(lab: Lab, places: list[int]) -> None:
    wire = b"PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc" * 9, 7)
    wire = (wire + b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n") * 2
    edges = [0, *sorted(place % len(wire) for place in places), len(wire)]

    with lab.connect() as client:
        for begin, end in pairwise(edges):
            client.send(wire[begin:end])

        bodies = [client.answer().body for _ in range(4)]

    assert bodies == [hashlib.sha256(b"abc" * 9).hexdigest().encode(), b"hello"] * 2


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", id="a chunk longer than its size"
        ),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", id="a bare LF"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", id="an absurd size"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 5000, id="a size line without end"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", id="two lengths"),
        pytest.param(b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", id="two Content-Lengths"),
        pytest.param(b"Content-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(b"Content-Length: +3\r\n\r\nabc", id="a length with a sign"),
        pytest.param("Content-Length: ٣\r\n\r\nabc".encode(), id="a length in digits of another script"),
        pytest.param(b"Content-Length: 3 \r\n\r\nabc", id="a length with a space"),
        pytest.param(b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="another coding"),
    ],
)
@pytest.mark.parametrize("target", [b"/upload", b"/small", b"/refuse", b"/preloaded", b"/nowhere"])
def test_what_follows_a_broken_body_is_never_a_request(lab: Lab, framing: bytes, target: bytes) -> None:
    with lab.connect() as client:
        client.send(
            b"PUT %b HTTP/1.1\r\nHost: x\r\n%bGET /hello HTTP/1.1\r\nHost: x\r\n\r\n" % (target, framing)
        )

        assert 400 <= client.answer().status < 500
        assert client.at_end()


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"Content-Length : 28", id="a blank before the colon"),
        pytest.param(b"X: a\nContent-Length: 28", id="a line that ends in LF alone"),
        pytest.param(b"X: a\rContent-Length: 28", id="a line that ends in CR alone"),
        pytest.param(b"X: a\r\n Content-Length: 28", id="a folded line"),
        pytest.param(b"X\0: a", id="NUL"),
        pytest.param(b": a", id="no name"),
        pytest.param(b"Host: another", id="a second host"),
    ],
)
def test_what_follows_a_head_that_can_be_read_in_two_ways_is_never_a_request(lab: Lab, field: bytes) -> None:
    with lab.connect() as client:
        client.send(
            b"GET /hello HTTP/1.1\r\nHost: lab\r\n" + field + b"\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
        )

        assert client.answer().status == 400
        assert client.at_end()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET /hello HTTP/1.1", 400, id="no host"),
        pytest.param(b"GET /hello HTTP/1.0", 200, id="no host, but before hosts were named"),
        pytest.param(
            b"PUT /upload HTTP/1.0\r\nTransfer-Encoding: chunked", 400, id="chunks before they were"
        ),
    ],
)
def test_a_request_is_held_to_the_version_that_it_names(lab: Lab, head: bytes, status: int) -> None:
    with lab.connect() as client:
        client.send(head + b"\r\n\r\n")

        assert client.answer().status == status
        assert client.at_end()


def test_a_length_over_the_limit_is_refused_before_the_body(lab: Lab) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload?limit=1000", "Content-Length: 2000000000", "Expect: 100-continue")

        assert client.answer().body == b"BodyTooLarge"
    assert lab.uploads == [("BodyTooLarge", 0, hashlib.sha256().hexdigest())]


@pytest.mark.parametrize("target", ["/upload?limit=1000", "/small"])
def test_a_chunked_body_over_the_limit_is_refused(lab: Lab, target: str) -> None:
    with lab.connect() as client:
        client.ask("PUT", target, "Transfer-Encoding: chunked", body=chunked(b"x" * 1001, 500))

        assert client.answer().body == b"BodyTooLarge"


def test_a_client_is_told_to_continue_once_the_body_is_wanted(lab: Lab) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload", "Content-Length: 5", "Expect: 100-continue")
        assert client.answer().status == 100
        client.send(b"hello")

        assert client.answer().status == 200
        assert still_serves(client)


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_refused_client_is_not_told_to_continue(lab: Lab, framing: str) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/refuse", framing, "Expect: 100-continue")

        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert client.at_end()


def test_a_small_unread_body_costs_no_connection(lab: Lab) -> None:
    with lab.connect() as client:
        client.put("/refuse", b"x" * 10000)

        assert client.answer().status == 401
        assert still_serves(client)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(("Content-Length: 20971520", CONTENT), id="length"),
        pytest.param(("Transfer-Encoding: chunked", chunked(CONTENT, 100_000)), id="chunked"),
    ],
)
def test_a_client_that_sends_on_sees_its_early_answer(lab: Lab, body: tuple[str, bytes]) -> None:
    framing, wire = body
    with lab.connect() as client:
        # The whole body goes out before the answer is read: a connection closed at once would be reset
        # under it.
        client.ask("PUT", "/refuse", framing, body=wire)

        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert client.at_end()
    until(lambda: lab.connections() == 0, "the connection is closed")


def test_a_client_that_never_stops_after_an_early_answer_is_closed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_app.transport.cycle.LINGER_LIMIT", 1 << 20)

    with lab.connect() as client:
        client.ask("PUT", "/refuse", "Transfer-Encoding: chunked")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.send(chunked(CONTENT[: 1 << 20], 65536)[:-5] * 500)


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 9999999", "Transfer-Encoding: chunked"])
def test_an_upload_whose_client_leaves_keeps_what_came(lab: Lab, leave: str, framing: str) -> None:
    client = lab.connect()
    content = CONTENT[:300_000]
    client.ask("PUT", "/upload", framing)
    client.send(content if "Length" in framing else b"fffff\r\n" + content)
    if leave == "reset":
        # A reset drops what the server has not read yet.
        until(lab.in_sink.is_set, "the server reads")

    getattr(client, leave)()

    until(lambda: lab.uploads != [], "the upload ends")
    (outcome, size, digest) = lab.uploads[0]
    assert outcome == "BodyIncomplete"
    assert size <= 300_000
    assert digest == hashlib.sha256(content[:size]).hexdigest()
    if leave == "close":
        assert size == 300_000
    until(lambda: lab.connections() == 0, "the connection is closed")


@pytest.mark.parametrize("framing", ["Content-Length: 9999999", "Transfer-Encoding: chunked"])
def test_a_stalled_upload_ends_and_frees_its_connection(lab: Lab, framing: str) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload?idle=0.3", framing, body=b"5\r\nhel")

        assert client.answer().body == b"BodyStalled"
        assert client.at_end()
    assert [outcome for outcome, _, _ in lab.uploads] == ["BodyStalled"]
    until(lambda: lab.connections() == 0, "the connection is closed")


@pytest.mark.parametrize("framing", ["Content-Length: 9999999", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_stalled_upload_is_told_so_whatever_the_response_time_out(loop: str, framing: str) -> None:
    with running(loop, RESPONSE_TIMEOUT=0.3) as lab, lab.connect() as client:
        client.ask("PUT", "/upload?idle=1.2", framing, body=b"5\r\nhel")

        assert client.answer().body == b"BodyStalled"
        assert client.at_end()
        until(lambda: lab.connections() == 0, "the connection is closed")
        assert [outcome for outcome, _, _ in lab.uploads] == ["BodyStalled"]


@pytest.mark.parametrize("loop", LOOPS)
def test_the_servers_own_work_may_take_longer_than_the_time_out(loop: str) -> None:
    with running(loop, RESPONSE_TIMEOUT=0.3) as lab, lab.connect() as client:
        client.ask("GET", "/busy?seconds=1.2")

        assert client.answer().body == b"done"


def test_a_full_disk_ends_the_upload(lab: Lab) -> None:
    with lab.connect() as client:
        client.ask("PUT", "/upload?full=1", "Content-Length: 20971520", body=CONTENT)

        assert client.answer().body == b"OSError"
        assert client.at_end()


def kernel_buffers() -> int:
    """Return how many bytes the kernel keeps of one connection at most, at both of its ends."""
    limits = (Path(f"/proc/sys/net/ipv4/{name}").read_text().split() for name in ("tcp_rmem", "tcp_wmem"))
    return sum(int(most) for _, _, most in limits)


def test_a_slow_disk_slows_the_client_down(lab: Lab) -> None:
    """While a sink blocks, the server takes only what it may keep in memory."""
    kept = BUFFERS * BUFFER_BYTES + kernel_buffers()
    taken = 0

    with lab.connect() as client:
        client.ask("PUT", "/upload?hold=1", f"Content-Length: {4 * kept}")
        client.socket.settimeout(0.5)
        with suppress(TimeoutError):
            while taken < 4 * kept:
                taken += client.socket.send(CONTENT[:65536])

    assert taken <= kept
    assert lab.in_sink.is_set()
    lab.hold.set()
    until(lambda: lab.uploads != [], "the upload ends")
    _, size, _ = lab.uploads[0]
    assert size <= kept


def test_uploads_that_end_badly_keep_no_buffer(lab: Lab) -> None:
    ways = [
        ("Transfer-Encoding: chunked", b"fffff\r\n" + CONTENT[:100_000] + b"\r\nno chunk\r\n", ""),
        ("Content-Length: 9999999", CONTENT[:200_000], ""),
        ("Transfer-Encoding: chunked", chunked(CONTENT[:300_000], 50_000), "?limit=200000"),
        ("Content-Length: 20971520", CONTENT[:400_000], "?full=1"),
    ]
    # More often than there are buffers in all.
    for number in range(ALL_BUFFERS + len(ways)):
        framing, body, query = ways[number % len(ways)]
        with lab.connect() as client:
            client.ask("PUT", f"/upload{query}", framing, body=body)
    until(lambda: len(lab.uploads) == ALL_BUFFERS + len(ways), "all uploads end")

    assert "whole" not in {outcome for outcome, _, _ in lab.uploads}
    assert POOL.lent == 0
    with lab.connect() as client:
        client.put("/upload", CONTENT)
        assert client.answer().status == 200


def test_many_uploads_share_a_bounded_memory(lab: Lab) -> None:
    clients = [lab.connect() for _ in range(40)]
    for client in clients:
        client.ask("PUT", "/upload", f"Content-Length: {len(CONTENT)}", body=CONTENT[:300_000])

    until(lambda: POOL.lent == 0, "all that came has been taken")
    for client in clients:
        client.send(CONTENT[300_000:])

    assert {client.answer().status for client in clients} == {200}
    assert POOL.made <= ALL_BUFFERS
    for client in clients:
        client.close()


def test_stalled_uploads_hold_no_thread(lab: Lab) -> None:
    stalled = [lab.connect() for _ in range(100)]
    for client in stalled:
        client.ask("PUT", "/upload", "Content-Length: 1000000", body=b"x" * 1000)

    with lab.connect() as fast:
        fast.put("/upload", CONTENT)
        assert fast.answer().status == 200

    assert ("whole", len(CONTENT), DIGEST) in lab.uploads
    assert lab.connections() >= 100
    for client in stalled:
        client.close()
    until(lambda: len(lab.uploads) == 101, "every upload ends")
