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
from sanic.exceptions import RequestCancelled
from sanic.http import Http, Stage
from sanic.server.protocols.http_protocol import HttpProtocol

from .body import Inbox
from .cycle import RegistryHttp, http_of
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
        "http1_request_header",
    ),
}
"""Undocumented attributes used here. Documented nowhere, checked by
``tests/registry/test_transport_sanic.py``.
"""

TLS_HANDSHAKE = b"\x16"
"""First byte of a TLS connection, and of no HTTP request."""

NOT_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""What tells a client that tried TLS that this is plain HTTP.

Docker, crane and others then try again without TLS; without an answer they would wait for a time-out first.
"""

ENCRYPTED_HIGH_WATER = 2 << 20
"""Bytes of one encrypted connection that may wait to be sent."""


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
            # A client that has gone needs not be told.
            with contextlib.suppress(OSError):
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


@contextlib.contextmanager
def server_at_work(request: Request) -> Iterator[None]:
    """Suspend the response time-out of ``request`` while the server itself works, as in verifying a blob."""
    with http_of(request).protocol.working():
        yield
