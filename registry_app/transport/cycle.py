"""Sanic's cycle of request and answer, with bodies read strictly and without copies, and given up within
bounds.
"""

import re
from time import monotonic
from typing import TYPE_CHECKING, Any

from sanic import Request
from sanic.exceptions import BadRequest, PayloadTooLarge
from sanic.http import Http, Stage
from sanic.response import BaseHTTPResponse

from .body import Inbox, RequestBody
from .chunked import BodyDecoder, ChunkedDecoder, LengthDecoder, Piece
from .errors import BodyError, BodyIncomplete, BodyMalformed, BodyTooLarge

if TYPE_CHECKING:
    from .protocol import RegistryProtocol

HTTP_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_HEAD = re.compile(rb"[^\r\n\0]*(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\0]*)*")
"""A request line and its header fields as RFC 9112, sections 2.2, 5.1 and 5.2, want them: lines end in CRLF,
no blank before a colon, no folded line."""

DRAIN_LIMIT = 65536
"""Bytes of an unread body that are worth reading so that the connection can serve another request."""

LINGER_LIMIT = 64 << 20
"""Bytes read and dropped after an early answer, so that the client comes to reading it."""

LINGER_SECONDS = 5.0
"""How long a client that got an early answer may go on sending."""

DRAIN_TIMEOUT = 5.0
"""Seconds without a byte after which the rest of a small body is given up."""


class RegistryHttp(Http):
    """Sanic's request cycle, with bodies read through `RequestBody`."""

    __slots__ = ("body", "given_up")

    body: RequestBody | None
    given_up: bool
    protocol: "RegistryProtocol"
    request_body: Any
    request_bytes: Any
    request_bytes_left: Any

    def init_for_request(self) -> None:
        """Reset what belongs to one request."""
        super().init_for_request()  # type: ignore[no-untyped-call]
        self.body = None
        self.given_up = False

    def create_empty_request(self) -> None:
        """Make what an error is answered for if there is no request; Sanic's fails if the URL is at fault."""
        self.url = None
        super().create_empty_request()

    async def http1_request_header(self) -> None:
        """Read a request's head; raise `BadRequest` also where another parser could read another one.

        Sanic takes ``Content-Length : 5`` for a field of that name with a blank, and a bare LF for part of a
        value: a proxy in front that does not would see a body where Sanic sees the next request. Two Host
        fields, or none in HTTP/1.1, are refused by RFC 9112, section 3.2; chunks in HTTP/1.0 by section 6.1.
        """
        await super().http1_request_header()  # type: ignore[no-untyped-call]
        if not _HEAD.fullmatch(self.request.head):
            raise BadRequest("malformed header")
        hosts, old = len(self.request.headers.getall("host", ())), self.request.version == "1.0"
        if hosts > 1 or not (hosts or old):
            raise BadRequest("a request names one host")
        if old and self.request_body == "chunked":
            raise BadRequest("HTTP/1.0 has no chunks")

    def respond(self, response: BaseHTTPResponse) -> BaseHTTPResponse:
        """Start answering; close afterwards if more of the request is on its way than is worth reading."""
        if self.request_body is True and not self.request_bytes:
            # "Content-Length: 0" announces nothing; Sanic would complain that nobody read it.
            self.request_body = None
        if self.request_body and not self._rest_is_small():
            self.keep_alive = False
            self.expecting_continue = False
        return super().respond(response)

    async def read(self) -> bytes | None:
        """Return more of the body, or None at its end. Called by Sanic, also for what a handler left
        unread.
        """
        if self.stage is not Stage.HANDLER:
            await self._discard_rest()
            return None
        try:
            data = b"".join(await self.next_pieces(self.protocol.response_timeout))
        except BodyError as error:
            raise BadRequest(str(error)) from error
        if self.body is not None and self.body.received > self.request_max_size:
            self.give_up_body(done=not self.request_body)
            raise PayloadTooLarge("the body exceeds the size limit")
        return data or None

    async def next_pieces(self, idle_timeout: float) -> list[Piece]:
        """Return the next pieces of the body, none at its end; raise `BodyError` and give the connection
        up.
        """
        if not self.request_body:
            return []
        if self.given_up:
            raise BodyIncomplete("the body has been given up")
        try:
            if self.body is None:
                self.body = RequestBody(self._decoder(), self.protocol.divert())
            # Its own time-out tells the client that it stalled; the response time-out would blame us (503).
            with self.protocol.working():
                pieces = await self.body.next(idle_timeout)
        except BodyError:
            self.give_up_body(done=False)
            raise
        if self.body.done:
            self.protocol.undivert()
            self.take_back_connection(self.body.surplus)
        return pieces

    def refuse_over(self, limit: int | None) -> None:
        """Raise `BodyTooLarge` if the request announces a body of more than ``limit`` bytes."""
        if limit is not None and self.request_body is True and self.request_bytes > limit:
            raise BodyTooLarge(f"the body of {self.request_bytes} bytes exceeds the limit of {limit}")

    def hand_over_body(self) -> tuple[BodyDecoder, bytes]:
        """Stop reading, for somebody else to read the body; return its decoder and what is already here.

        Whoever takes it ends with `take_back_connection` or `give_up_body`. Raises `BodyMalformed`.
        """
        try:
            decoder = self._decoder()
        except BodyMalformed:
            self.give_up_body(done=False)
            raise
        self.protocol.stop_reading()
        early = bytes(self.recv_buffer)
        self.recv_buffer.clear()
        return decoder, early

    def take_back_connection(self, surplus: bytes) -> None:
        """Go on after the body's end, with what already belongs to the next request."""
        self.recv_buffer += surplus
        self.request_body = None
        self.request_bytes_left = 0
        self.protocol.start_reading()

    def give_up_body(self, *, done: bool) -> None:
        """Close after the answer; what is still on its way is dropped, if the body is not ``done``."""
        self.keep_alive = False
        self.given_up = True
        if done:
            self.request_body = None

    def _decoder(self) -> BodyDecoder:
        """Return what finds the body's end; the client is told to send it, if it waits for that."""
        if self.request_body == "chunked":
            # Sanic leaves the last CRLF of the header in the buffer, for its own chunk parser.
            del self.recv_buffer[:2]
            decoder: BodyDecoder = ChunkedDecoder()
        else:
            length = self.request.headers["content-length"]
            # RFC 9110, section 8.6: digits only; int() would take " 5", "+5" and other scripts' digits.
            if not (length.isascii() and length.isdigit()):
                raise BodyMalformed("Content-Length is not a number")
            decoder = LengthDecoder(self.request_bytes)
        if self.expecting_continue:
            self.expecting_continue = False
            self.protocol.write_now(HTTP_CONTINUE)
        return decoder

    def _rest_is_small(self) -> bool:
        if self.request_body == "chunked" or self.expecting_continue or self.given_up:
            return False
        received = self.body.received if self.body is not None else 0
        return bool(self.request_bytes - received <= DRAIN_LIMIT)

    async def _discard_rest(self) -> None:
        """Read what the client still sends after the answer, within bounds.

        Closing a socket with unread bytes makes the kernel reset the connection, and the client may then
        never see the answer that it was given early.
        """
        try:
            while self.keep_alive and await self.next_pieces(DRAIN_TIMEOUT):
                pass
        except BodyError:
            self.keep_alive = False
        if not self.keep_alive:
            self.protocol.end_output()
            await self._linger(self.protocol.divert())
        self.request_body = None

    async def _linger(self, inbox: Inbox) -> None:
        """Drop whatever comes, until the client is done or has had enough time to read the answer."""
        deadline, dropped = monotonic() + LINGER_SECONDS, 0
        while dropped < LINGER_LIMIT and (left := deadline - monotonic()) > 0:
            if not await inbox.arrival(left) or inbox.closed:
                return
            dropped += sum(map(len, inbox.take()))


def http_of(request: Request) -> RegistryHttp:
    """Return the connection's request cycle; TypeError unless the server runs `RegistryProtocol`."""
    if not isinstance(request.stream, RegistryHttp):
        raise TypeError("the server must be started with protocol=RegistryProtocol")
    return request.stream
