"""The sockets of one simulated host: WinRM on 5985 and 5986. Everything that is said on them is decided
elsewhere.

One task serves one connection, one request at a time. A connection that ends cancels the request being
waited for, so that output which nobody will read stays where the next request finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from rehearsal.auth import Account, ConnectionAuth, UndecryptableError
from rehearsal.channel import Job
from rehearsal.http import BadRequestError, HttpRequest, response, take_request
from rehearsal.sessions import Reply, Sessions, Wait
from rehearsal.wsman import MAX_ENVELOPE_SIZE

log = logging.getLogger(__name__)

SEALING_OVERHEAD = 4096
"""Bytes that a sealed message may be longer than its envelope."""

SOAP_TYPE = ("Content-Type", "application/soap+xml;charset=UTF-8")


class DroppedError(Exception):
    """A fault that was asked for: the connection ends without an answer."""


@dataclass(frozen=True)
class Timing:
    """How slow a host is, in seconds. All assumptions: nothing here was measured on Windows."""

    round_trip: float = 0.0
    """Added to every answer."""
    shell_create: float = 0.0
    """Added to every answer that opens a shell."""
    process_start: float = 0.0
    """Before every WinRS command: a PowerShell started by ``powershell -encodedcommand`` takes its time."""
    idle_connection: float = 120.0
    """After which a silent connection is dropped: http.sys does that."""


@dataclass
class Behaviour:
    """What a listener asks its host on every request."""

    delay: Callable[[], float] = field(default=lambda: 0.0)
    """Seconds to wait before answering (fault ``slow``)."""
    frozen: Callable[[], bool] = field(default=lambda: False)
    """Whether to answer nothing at all (fault ``freeze``)."""


class Listener:
    """The two ports of one host."""

    def __init__(
        self,
        sessions: Sessions,
        account: Account,
        workers: Executor,
        *,
        basic: bool = False,
        timing: Timing | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.sessions = sessions
        self.account = account
        self.basic = basic
        self.timing = timing or Timing()
        self.behaviour = behaviour or Behaviour()
        self._workers = workers
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, address: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; return the port, which matters if 0 was asked for."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self, sealing=tls is None), address, port, ssl=tls, backlog=256
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, end every connection and every shell."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.abort()
        self.sessions.close()
        servers, self._servers = self._servers, []
        for server in servers:
            await server.wait_closed()

    def opened(self, connection: Connection) -> None:
        """Note a new connection."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def start_jobs(self) -> None:
        """Set off the work that the shells have ready."""
        for job in self.sessions.jobs():
            task = asyncio.get_running_loop().create_task(self._run(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job) -> None:
        if job.kind == "process" and self.timing.process_start:
            await asyncio.sleep(self.timing.process_start)
        finish = await asyncio.get_running_loop().run_in_executor(self._workers, job.run)
        finish()
        self.start_jobs()


class Connection(asyncio.Protocol):
    """One TCP connection with its own authentication."""

    def __init__(self, listener: Listener, *, sealing: bool) -> None:
        self._listener = listener
        self._sealing = sealing
        self._auth = ConnectionAuth(listener.account, basic=listener.basic, encrypted_transport=not sealing)
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a new connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type
        self._transport = transport
        self._listener.opened(self)
        self._wait_for_more()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client has gone: whatever it waited for, it will ask for again."""
        self._listener.closed(self)
        if self._task is not None:
            self._task.cancel()
        if self._idle is not None:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect bytes until they are a request."""
        self._buffer += data
        if self._task is None:
            self._next()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        try:
            request = take_request(self._buffer, MAX_ENVELOPE_SIZE + SEALING_OVERHEAD)
        except BadRequestError as error:
            self._write(response(error.status, [], str(error).encode(), close=True), close=True)
            return
        if request is None:
            self._wait_for_more()
            return
        if self._idle is not None:
            self._idle.cancel()
        self._task = asyncio.get_running_loop().create_task(self._serve(request))
        self._task.add_done_callback(self._served)

    def _wait_for_more(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._listener.timing.idle_connection, self.abort)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, DroppedError):
            self.abort()
        elif error is not None:
            log.error("a request could not be answered", exc_info=error)
            self._write(response(500, [], b"", close=True), close=True)
        elif self._transport is not None and not self._transport.is_closing():
            self._next()

    async def _serve(self, request: HttpRequest) -> None:
        await self._thawed()
        pause = self._listener.timing.round_trip + self._listener.behaviour.delay()
        if pause:
            await asyncio.sleep(pause)
        if request.path.rstrip("/").lower() != "/wsman":
            self._write(response(404, [], b""))
        elif request.method != "POST":
            self._write(response(405, [("Allow", "POST")], b""))
        else:
            await self._admit(request)

    async def _thawed(self) -> None:
        while self._listener.behaviour.frozen():  # noqa: ASYNC110 - thawed by a file, which has no event
            await asyncio.sleep(0.1)

    async def _admit(self, request: HttpRequest) -> None:
        headers: list[tuple[str, str]] = []
        if (authorization := request.headers.get("authorization")) is not None:
            headers = self._auth.authenticate(authorization)
        if not self._auth.accepted:
            self._write(response(401, headers or self._auth.challenge(), b""))
        elif not request.body:
            self._write(response(200, headers, b""))
        else:
            await self._answer(request, headers)

    async def _answer(self, request: HttpRequest, headers: list[tuple[str, str]]) -> None:
        content = request.body
        sealed = request.headers.get("content-type", "").startswith("multipart/encrypted")
        if sealed:
            try:
                content = self._auth.open(request.body)
            except UndecryptableError as error:
                log.info("cannot open a sealed message: %s", error)
                self._write(response(400, [], b"", close=True), close=True)
                return
        elif self._sealing and not self._listener.basic:
            # AllowUnencrypted is false: Windows answers so, and puts the reason into its own event log only
            log.info("a message that was not encrypted is refused")
            self._write(response(500, [], b""))
            return
        reply = await self._reply(content)
        if sealed:
            content_type, body = self._auth.seal(reply.body)
            self._write(response(reply.status, [*headers, ("Content-Type", content_type)], body))
        else:
            self._write(response(reply.status, [*headers, SOAP_TYPE], reply.body))

    async def _reply(self, content: bytes) -> Reply:
        if self._listener.timing.shell_create and b"/transfer/Create<" in content:
            await asyncio.sleep(self._listener.timing.shell_create)
        reply = self._listener.sessions.handle(content)
        self._listener.start_jobs()
        return await self._wait(reply) if isinstance(reply, Wait) else reply

    async def _wait(self, wait: Wait) -> Reply:
        changed = asyncio.Event()
        wait.channel.on_change = changed.set
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait.seconds):
                while not wait.over:
                    changed.clear()
                    await changed.wait()
        await self._thawed()
        if wait.superseded:
            raise DroppedError
        return wait.finish()

    def _write(self, data: bytes, *, close: bool = False) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if close:
            self._transport.close()
