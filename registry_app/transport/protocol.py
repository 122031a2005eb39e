"""Sanic's HTTP/1.1 connection with our ways in and out: bodies without copies, files sent by the kernel.

Everything of Sanic that is not public and that this package stands on is in `PRIVATE_MEMBERS`; a test
compares the list, and what it makes possible, with the installed Sanic.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from time import monotonic
from typing import Any

from sanic import Request
from sanic.exceptions import BadRequest, PayloadTooLarge, RequestCancelled
from sanic.http import Http, Stage
from sanic.response import BaseHTTPResponse
from sanic.server.protocols.http_protocol import HttpProtocol

from .body import Inbox, RequestBody
from .chunked import BodyDecoder, ChunkedDecoder, LengthDecoder, Piece
from .errors import BodyError, BodyIncomplete, BodyMalformed, BodyTooLarge
from .memory import AnswerMemory
from .sendfile import FileRegion, Sender, choose_sender

PRIVATE_MEMBERS: dict[type, tuple[str, ...]] = {
    HttpProtocol: ("_can_write", "_time", "_http", "_task"),
    Http: (
        "recv_buffer",
        "request_body",
        "request_bytes",
        "request_bytes_left",
        "expecting_continue",
        "keep_alive",
        "request",
        "response",
        "stage",
    ),
}
"""Undocumented attributes used here. Documented nowhere, checked by
``tests/registry/test_transport_sanic.py``.
"""

HTTP_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

TLS_HANDSHAKE = b"\x16"
"""First byte of a TLS connection, and of no HTTP request."""

NOT_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""What tells a client that tried TLS that this is plain HTTP.

Docker, crane and others then try again without TLS; without an answer they would wait for a time-out first.
"""

ENCRYPTED_HIGH_WATER = 2 << 20
"""Bytes of one encrypted connection that may wait to be sent."""

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


class RegistryProtocol(HttpProtocol):
    """One connection; pass as ``protocol=`` to the server."""

    __slots__ = ("_encrypted", "_inbox", "_memory", "_sender", "_working")

    HTTP_CLASS = RegistryHttp

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Sanic's own
        super().__init__(**options)
        self._encrypted = False
        self._memory = _memory_of(self.app)
        self._inbox: Inbox | None = None
        self._sender: Sender | None = None
        self._working = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start serving a new connection."""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self._encrypted = transport.get_extra_info("sslcontext") is not None
        if self.transport is not None and not self._encrypted:
            # With no allowance `_can_write` is set exactly when the kernel has everything, which sending
            # from another descriptor needs; small answers are also written at once. uvloop's TLS hangs with
            # it.
            self.transport.set_write_buffer_limits(high=0)
        elif self.transport is not None:
            # So that the next chunk of a file is encrypted while the kernel sends the last one.
            self.transport.set_write_buffer_limits(high=ENCRYPTED_HIGH_WATER)

    def divert(self) -> Inbox:
        """Deliver what is received to a new inbox, beginning with what Sanic has not used."""
        self._inbox = inbox = Inbox(self.stop_reading, self.start_reading)
        if self.recv_buffer:
            inbox.put(bytes(self.recv_buffer))
            self.recv_buffer.clear()
        self.start_reading()
        return inbox

    def undivert(self) -> None:
        """Deliver to Sanic again."""
        self._inbox = None

    def data_received(self, data: bytes) -> None:
        """Take what the transport received."""
        if self._inbox is not None:
            self._time = monotonic()
            self._inbox.put(data)
        elif self.recv_buffer:
            super().data_received(data)
        elif self._is_idle() and (answer := self._memory.find(data)) is not None:
            self._time = monotonic()
            self.write_now(answer)
        elif data[:1] == TLS_HANDSHAKE and not self._encrypted:
            self.write_now(NOT_TLS)
            self.close()
        else:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """The client sends no more; one that waits for an answer gets it before the connection closes."""
        if self._inbox is not None:
            self._inbox.close()
        http = self.http
        if http is None or self._encrypted:
            return None
        http.keep_alive = False
        return bool(http.stage in (Stage.HANDLER, Stage.RESPONSE))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whoever reads from it or writes to it is told."""
        if self._inbox is not None:
            self._inbox.close()
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    async def send(self, data: bytes | FileRegion) -> None:
        """Write bytes, or a region of a file."""
        if not isinstance(data, FileRegion):
            self._remember(data)
            await super().send(data)  # type: ignore[no-untyped-call]
            return
        transport = await self.writable()
        if self._sender is None:
            self._sender = choose_sender(transport, self.loop)
        try:
            await self._sender(self, data)
        except OSError as error:
            transport.abort()
            raise RequestCancelled from error

    def _is_idle(self) -> bool:
        """Whether nothing is under way, so that an answer may be written at once."""
        http = self.http
        return http is not None and http.stage is Stage.IDLE and http.keep_alive and self._can_write.is_set()

    def _remember(self, data: bytes) -> None:
        """Keep a whole answer for the next request of the same bytes, if its maker says how long it holds."""
        http = self.http
        still_true = getattr(http.response, "still_true", None)
        if still_true is not None and http.stage is Stage.HANDLER and http.keep_alive and not self.access_log:
            self._memory.keep(http.request.head + b"\r\n\r\n", bytes(data), still_true)

    async def writable(self) -> asyncio.Transport:
        """Wait until the transport takes more, and return it; `RequestCancelled` if the client is gone."""
        await self._can_write.wait()
        if self.transport is None or self.transport.is_closing():
            raise RequestCancelled
        return self.transport

    def write_now(self, data: bytes) -> None:
        """Write a few bytes beside any flow control."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self.conn_info is None or self.conn_info.lost

    def progressed(self) -> None:
        """Some bytes left for the client: the response time-out starts anew."""
        self._time = monotonic()

    def end_output(self) -> None:
        """Tell the client that nothing follows, while still reading; where the transport can."""
        if self.transport is not None and not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Suspend the response time-out while the server itself is busy, for example with a long fsync."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            self.progressed()

    def check_timeouts(self) -> None:
        """Close what is idle for too long; called by a timer."""
        if self._working:
            self.progressed()
        super().check_timeouts()  # type: ignore[no-untyped-call]

    def stop_reading(self) -> None:
        """Leave what comes in the socket."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def start_reading(self) -> None:
        """Receive what comes."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


def _memory_of(app: Any) -> AnswerMemory:  # noqa: ANN401 - Sanic with any configuration and context
    """Return the answers that ``app``'s connections share."""
    memory: AnswerMemory | None = getattr(app.ctx, "answer_memory", None)
    if memory is None:
        memory = app.ctx.answer_memory = AnswerMemory()
    return memory


def http_of(request: Request) -> RegistryHttp:
    """Return the connection's request cycle; TypeError unless the server runs `RegistryProtocol`."""
    if not isinstance(request.stream, RegistryHttp):
        raise TypeError("the server must be started with protocol=RegistryProtocol")
    return request.stream


@contextlib.contextmanager
def server_at_work(request: Request) -> Iterator[None]:
    """Suspend the response time-out of ``request`` while the server itself works, as in verifying a blob."""
    with http_of(request).protocol.working():
        yield
