"""Answers with headers encoded once, and files as bodies."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from sanic import Request
from sanic.response import HTTPResponse

from .clock import http_date
from .memory import StillTrue
from .sendfile import FileRegion, read_at

Header = tuple[str, str]
Prepared = tuple[bytes, bytes]

SMALL_FILE = 65536
"""Bytes up to which a body is read at once and sent with its headers."""


def prepare(headers: Iterable[Header]) -> Prepared:
    """Encode headers for `FastResponse`, once for many answers; raise ValueError at CR, LF or NUL in one.

    The result is the first header's name, and its value followed by all the others as they go over the wire.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    if not lines:
        raise ValueError("no header to prepare")
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1 or "\0" in text:
        raise ValueError("a header contains a line break or NUL")
    name, _, rest = text.encode("latin-1").partition(b": ")
    return name, rest


class FastResponse(HTTPResponse):
    """A response whose own headers are encoded already; Sanic would clean and encode each of them every
    time.
    """

    __slots__ = ("prepared", "still_true")

    def __init__(
        self, body: bytes | None, status: int, prepared: Prepared, still_true: StillTrue | None = None
    ) -> None:
        super().__init__(body, status)
        self.prepared = prepared
        self.still_true = still_true
        """If given, the same request may get the same bytes again for as long as this says so."""

    @property
    def processed_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The headers as bytes: ours, the time, then those that Sanic adds (content-length, connection)."""
        yield self.prepared
        yield b"Date", http_date()
        for name, value in self.headers.items():
            yield name.encode("latin-1"), str(value).encode("latin-1")


async def send_file(
    request: Request,
    *,
    status: int,
    headers: Sequence[Header],
    path: BinaryIO | str,
    offset: int,
    length: int,
    still_true: StillTrue | None = None,
) -> HTTPResponse | None:
    """Answer with ``length`` bytes of ``path`` (a path, or an open binary file, which is closed) from
    ``offset``.

    ``headers`` must not hold a Content-Length: it is ``length``. Returns the response if the caller has to
    return it to Sanic, or None if all has been sent. Raises OSError before anything is sent if the file
    cannot be read.
    """
    opened = open(path, "rb") if isinstance(path, str) else path  # noqa: SIM115, ASYNC230
    with opened:
        response = FastResponse(None, status, prepare(headers), still_true)
        if request.method == "HEAD":
            response.headers["content-length"] = length
            return response
        if length <= SMALL_FILE:
            response.body = read_at(opened, offset, length)
            return response
        response.still_true = None
        response.headers["content-length"] = length
        await request.respond(response)
        await response.send(b"")
        await response.send(FileRegion(opened, offset, length))  # type: ignore[type-var]
    return None
