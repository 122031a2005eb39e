"""Uploads that go wrong in every order: either the blob is what its digest says, or there is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registry.content import digest_of
from tests.registry.fuzz.strategies import request
from tests.registry.fuzz.wire import Answer, examples, first_answer, require_specified, statuses, talk
from tests.registry.servers import RunningRegistry

pytestmark = pytest.mark.timeout(1800)

PIECES = st.binary(min_size=0, max_size=40)


def send(
    registry: RunningRegistry, method: bytes, target: str, body: bytes, *fields: tuple[bytes, bytes]
) -> Answer:
    answer = first_answer(talk(registry, request(method, target.encode(), list(fields), body)))
    require_specified(answer, method)
    return answer


def begin(registry: RunningRegistry) -> str:
    return send(registry, b"POST", "/v2/fuzz/blobs/uploads/", b"").headers["location"]


class Upload:
    """An upload under way, and what a client that keeps count expects of it."""

    def __init__(self, registry: RunningRegistry) -> None:
        self.registry = registry
        self.location = begin(registry)
        self.content = b""

    def patch(self, piece: bytes, wanted: bytes | str | None) -> None:
        start = len(self.content)
        right = b"%d-%d" % (start, start + len(piece) - 1)
        content_range = right if isinstance(wanted, str) else wanted
        fields = [] if content_range is None else [(b"Content-Range", content_range)]
        answer = send(self.registry, b"PATCH", self.location, piece, *fields)
        # Also as RFC 9110 has it for answers: "bytes 0-3/4".
        fits = content_range is None or re.fullmatch(rb"(bytes )?%b(/\d+)?" % right, content_range)
        if answer.status == 202:
            assert fits, (content_range, start, len(piece))
            self.content += piece
        else:
            assert answer.status in {400, 416}, answer

    def require_size(self) -> None:
        """Check that the registry counts as the client does."""
        answer = send(self.registry, b"GET", self.location, b"")
        assert answer.status == 204
        assert answer.headers["range"] == f"0-{max(len(self.content) - 1, 0)}"


RANGES = st.one_of(
    st.none(),
    st.just("right"),
    st.sampled_from(
        [b"0-0", b"5-1", b"-1-3", b"a-b", b"bytes 0-3/4", b"0-" + b"9" * 40, b"", b"0", b"0-3-4"]
    ),
    st.builds(lambda a, b: b"%d-%d" % (a, b), st.integers(0, 80), st.integers(0, 80)),
)


@examples(300)
@given(st.lists(st.tuples(PIECES, RANGES), max_size=6), PIECES, st.booleans())
def test_what_the_digest_says_or_nothing(
    registry: RunningRegistry, patches: list[tuple[bytes, bytes | str | None]], last: bytes, is_right: bool
) -> None:
    upload = Upload(registry)
    for piece, content_range in patches:
        upload.patch(piece, content_range)
        upload.require_size()
    digest = digest_of(upload.content + last + (b"" if is_right else b"!"))

    answer = send(registry, b"PUT", f"{upload.location}?digest={digest}", last)

    found = registry.http.get(f"/v2/fuzz/blobs/{digest}")
    assert answer.status == (201 if is_right else 400)
    assert (found.status_code == 200) or not is_right
    if found.status_code == 200:
        assert digest_of(found.content) == digest
    assert registry.http.get(upload.location).status_code == 404


_CHUNK_NOISE = st.sampled_from(
    [
        b"",
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b";",
        b";x=" + b"y" * 5000,
        b"-1",
        b"0x3",
        b"g",
        b"\0",
        b"f" * 17,
        b"1_0",
        b"+5",
    ]
)


@examples(600)
@given(st.lists(st.tuples(PIECES, _CHUNK_NOISE, st.integers(0, 3)), max_size=5), st.booleans())
def test_damaged_chunks_are_a_client_error_or_the_end(
    registry: RunningRegistry, chunks: list[tuple[bytes, bytes, int]], ended: bool
) -> None:
    location = begin(registry)
    body = b""
    for piece, noise, place in chunks:
        parts = [b"%x" % len(piece), b"\r\n", piece, b"\r\n"]
        parts.insert(place, noise)
        body += b"".join(parts)
    head = b"PATCH " + location.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    received = talk(registry, head + body + (b"0\r\n\r\n" if ended else b""), end=True)

    assert all(status < 500 for status in statuses(received)), received[:300]
    assert registry.http.get(location).status_code == 204
    assert registry.http.delete(location).status_code == 204


@examples(150)
@given(st.binary(min_size=1, max_size=2000), st.data())
def test_an_upload_that_breaks_off_goes_on_where_it_was(
    registry: RunningRegistry, content: bytes, data: st.DataObject
) -> None:
    location = begin(registry)
    cut = data.draw(st.integers(0, len(content) - 1))
    head = request(b"PATCH", location.encode(), [], content)
    talk(registry, head[: len(head) - len(content) + cut], end=True)
    status = registry.http.get(location)
    assert status.status_code == 204
    size = 0 if status.headers["range"] == "0-0" else int(status.headers["range"][2:]) + 1
    assert size <= cut or cut == 0

    rest = _rest(registry, location, content, size)

    assert rest == 201
    assert registry.http.get(f"/v2/fuzz/blobs/{digest_of(content)}").content == content


def _rest(registry: RunningRegistry, location: str, content: bytes, size: int) -> int:
    """Send what is missing; the status ``0-0`` is that of no byte and of one: a client has to try."""
    digest = digest_of(content)
    answer = send(
        registry, b"PATCH", location, content[size:], (b"Content-Range", b"%d-%d" % (size, len(content) - 1))
    )
    if answer.status == 416:
        field = (b"Content-Range", b"1-%d" % (len(content) - 1))
        answer = send(registry, b"PATCH", location, content[1:], field) if len(content) > 1 else answer
    return send(registry, b"PUT", f"{location}?digest={digest}", b"").status
