"""The framing of request bodies, without sockets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.transport.chunked import MAX_LINE, MAX_TRAILERS, ChunkedDecoder, LengthDecoder
from registry_app.transport.errors import BodyMalformed

BODY = b"5\r\nhello\r\n1;name=value\r\n \r\n00005\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\nGET /next"


def feed(decoder: ChunkedDecoder | LengthDecoder, blobs: list[bytes]) -> tuple[bytes, bytes]:
    """Return the content, and what comes after it, as a connection would see them."""
    content, surplus = b"", b""
    for blob in blobs:
        if decoder.done:
            surplus += blob
            continue
        content += b"".join(decoder.feed(blob))
        surplus += decoder.surplus
    return content, surplus


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


def encode(chunks: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=70)), st.binary(max_size=10), st.lists(st.integers(min_value=0)))
def test_what_was_encoded_comes_out_however_it_is_cut(
    chunks: list[bytes], following: bytes, places: list[int]
) -> None:
    decoder = ChunkedDecoder()

    content, surplus = feed(decoder, cut(encode(chunks) + following, places))

    assert (content, surplus, decoder.done) == (b"".join(chunks), following, True)


@pytest.mark.parametrize("place", range(len(BODY) + 1))
def test_every_cut_in_two_gives_the_same(place: int) -> None:
    decoder = ChunkedDecoder()

    content, surplus = feed(decoder, [BODY[:place], BODY[place:]])

    assert (content, surplus, decoder.done) == (b"hello world", b"GET /next", True)


def test_one_byte_at_a_time_gives_the_same() -> None:
    assert feed(ChunkedDecoder(), [bytes([byte]) for byte in BODY]) == (b"hello world", b"GET /next")


@given(st.binary(max_size=100), st.binary(max_size=100), st.lists(st.integers(min_value=0)))
def test_a_length_ends_where_it_says(content: bytes, following: bytes, places: list[int]) -> None:
    decoder = LengthDecoder(len(content))

    result = feed(decoder, [blob for blob in cut(content + following, places) if blob])

    assert result == (content, following)
    assert decoder.done


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"3\r\nhello\r\n0\r\n\r\n", id="a chunk longer than its size"),
        pytest.param(b"6\r\nhello\r\n0\r\n\r\n", id="a chunk shorter than its size"),
        pytest.param(b"5\r\nhello\n0\r\n\r\n", id="a bare LF after a chunk"),
        pytest.param(b"5\nhello\r\n0\r\n\r\n", id="a bare LF after a size"),
        pytest.param(b"5\r\r\nhello\r\n0\r\n\r\n", id="a CR in a size line"),
        pytest.param(b"5;a\rb\r\nhello\r\n0\r\n\r\n", id="a CR in an extension"),
        pytest.param(b"5;a\0b\r\nhello\r\n0\r\n\r\n", id="a NUL in an extension"),
        pytest.param(b"+5\r\nhello\r\n0\r\n\r\n", id="a sign"),
        pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", id="a negative size"),
        pytest.param(b"0x5\r\nhello\r\n0\r\n\r\n", id="a prefix"),
        pytest.param(b"5_0\r\nhello\r\n0\r\n\r\n", id="an underscore"),
        pytest.param(b" 5\r\nhello\r\n0\r\n\r\n", id="a leading space"),
        pytest.param(b"5 \r\nhello\r\n0\r\n\r\n", id="a trailing space"),
        pytest.param(b"\r\n5\r\nhello\r\n0\r\n\r\n", id="an empty line first"),
        pytest.param("٥\r\nhello\r\n0\r\n\r\n".encode(), id="a digit of another script"),
        pytest.param(b"1000000000000000\r\n", id="a size of 2**60"),
        pytest.param(b"f" * 16 + b"\r\n", id="a size of 2**64-1"),
        pytest.param(b"1" * (MAX_LINE + 1), id="a size line without end"),
        pytest.param(b"5;" + b"x" * MAX_LINE + b"\r\nhello\r\n0\r\n\r\n", id="a long extension"),
        pytest.param(b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n", id="a request as trailer"),
        pytest.param(b"0\r\n : x\r\n\r\n", id="a trailer without name"),
        pytest.param(b"0\r\nX: 1\r\n folded\r\n\r\n", id="a folded trailer"),
        pytest.param(b"0\r\n" + b"X: 1\r\n" * (MAX_TRAILERS // 6 + 1) + b"\r\n", id="many trailers"),
    ],
)
def test_broken_framing_is_refused_however_it_is_cut(wire: bytes) -> None:
    for blobs in ([wire], [bytes([byte]) for byte in wire]):
        with pytest.raises(BodyMalformed):
            feed(ChunkedDecoder(), blobs)


@given(st.binary(max_size=60), st.lists(st.integers(min_value=0)))
def test_any_bytes_are_content_or_refused_the_same_however_they_are_cut(
    wire: bytes, places: list[int]
) -> None:
    def outcome(blobs: list[bytes]) -> object:
        decoder = ChunkedDecoder()
        try:
            return feed(decoder, blobs) if decoder.done else (feed(decoder, blobs), decoder.done)
        except BodyMalformed:
            return BodyMalformed

    assert outcome([wire]) == outcome(cut(wire, places))
