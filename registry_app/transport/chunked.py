"""Request-body framing without I/O: blobs in, pieces of content out, and what follows the body.

Strict where leniency would let two parsers disagree on where a request ends (RFC 9112, section 7.1 and
11.2): every CRLF is checked, a size is hexadecimal digits only, and the size line, the sizes and the
trailer section are bounded.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from .errors import BodyMalformed

Piece: TypeAlias = bytes | memoryview

MAX_LINE = 1024
"""Bytes of a chunk-size line with its extensions, or of one trailer field; our choice, RFC 9112 asks for
some bound.
"""

MAX_TRAILERS = 8192
"""Bytes of the whole trailer section."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")
_NEWLINE = re.compile(rb"\n")
_NEXT_CHUNK = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n")


class BodyDecoder(Protocol):
    """Finds the content and the end of one request body in the bytes of its connection."""

    @property
    def done(self) -> bool:
        """Whether the body's end has been seen."""

    @property
    def surplus(self) -> bytes:
        """Bytes after the body's end, which belong to the next request; empty until `done`."""

    @property
    def most(self) -> int | None:
        """How many bytes may be read without reading into what follows the body; None if that is unknown."""

    def feed(self, data: Piece) -> list[Piece]:
        """Return the content in ``data``, in order; raise `BodyMalformed` if the framing is broken."""


class LengthDecoder:
    """A body of as many bytes as its Content-Length says."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.surplus = b""

    @property
    def done(self) -> bool:
        """Whether the body's end has been seen."""
        return not self.left

    @property
    def most(self) -> int:
        """How many bytes may be read without reading into what follows the body."""
        return self.left

    def feed(self, data: Piece) -> list[Piece]:
        """Return the content in ``data``: all of it, or the part up to the body's end."""
        size = len(data)
        if size <= self.left:
            self.left -= size
            return [data] if size else []
        content, self.surplus = memoryview(data)[: self.left], bytes(data[self.left :])
        self.left = 0
        return [content] if content else []


class ChunkedDecoder:
    """A body in chunked transfer coding; extensions and trailers are checked and dropped."""

    most = None

    def __init__(self) -> None:
        self.done = False
        self.surplus = b""
        self._left = 0
        self._partial = b""
        self._trailers = 0
        self._expect: Callable[[bytes], None] = self._size_line

    def feed(self, data: Piece) -> list[Piece]:
        """Return the content in ``data`` as views on it; raise `BodyMalformed` at the first wrong byte's
        line.
        """
        pieces: list[Piece] = []
        view, position, end = memoryview(data), 0, len(data)
        while position < end and not self.done:
            if not self._left:
                position = self._framing(view, position)
                continue
            step = min(self._left, end - position)
            pieces.append(view[position : position + step])
            position += step
            self._left -= step
        if self.done:
            self.surplus = bytes(view[position:])
        return pieces

    def _framing(self, view: memoryview, position: int) -> int:
        """Consume one line of framing, or as much of it as there is; return the position after it."""
        # The common case in one step: the CRLF after a chunk and a plain, non-zero size line, both complete.
        if not self._partial and self._expect == self._chunk_end:
            match = _NEXT_CHUNK.match(view, position)
            if match is not None and (size := int(match[1], 16)):
                self._left = size
                return match.end()
        newline = _NEWLINE.search(view, position, position + MAX_LINE)
        stop = newline.end() if newline is not None else len(view)
        if len(self._partial) + stop - position > MAX_LINE:
            raise BodyMalformed("a line of the chunked framing is too long")
        self._partial += view[position:stop]
        if newline is not None:
            line, self._partial = self._partial, b""
            self._expect(line)
        return stop

    def _size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BodyMalformed("the chunk size is not a hexadecimal number on a line of its own")
        self._left = int(match[1], 16)
        self._expect = self._chunk_end if self._left else self._trailer

    def _chunk_end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise BodyMalformed("a chunk is longer than its size says")
        self._expect = self._size_line

    def _trailer(self, line: bytes) -> None:
        self._trailers += len(line)
        if line == b"\r\n":
            self.done = True
        elif self._trailers > MAX_TRAILERS or not _TRAILER_LINE.fullmatch(line):
            raise BodyMalformed("the trailer section is malformed or too long")


def compact(pieces: Sequence[Piece], buffer: memoryview) -> memoryview:
    """Move pieces, which are views on ``buffer`` in their order, together to its beginning; return them as
    one.
    """
    end = 0
    for piece in pieces:
        buffer[end : end + len(piece)] = piece
        end += len(piece)
    return buffer[:end]
