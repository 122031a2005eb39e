"""Receive a request's body: whole if it is small, otherwise streamed into blocking sinks off the event
loop.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sanic import Request

from .chunked import Piece
from .cycle import RegistryHttp, http_of
from .descriptors import descriptor_of, until_readable
from .errors import BodyError, BodyIncomplete, BodyStalled, BodyTooLarge
from .intake import Intake, Outcome
from .lanes import Lane, Sink
from .threads import in_thread

SMALL_BODY = 65536
"""Bytes up to which a body is received on the event loop and handed to the sinks at once."""

SMALL_BODY_TIMEOUT = 30.0
"""Seconds without a byte after which a small body is given up."""

IN_FLIGHT = 4 << 20
"""Bytes of one body received and not yet taken by every sink, where the event loop has to receive."""

_POOL = ThreadPoolExecutor(max_workers=32, thread_name_prefix="receive")


async def receive(request: Request, *sinks: Sink, limit: int | None, idle_timeout: float) -> int:
    """Stream the request's body into ``sinks`` and return its length in bytes.

    Each sink gets the whole body in order, off the event loop. The first is called by the thread that
    receives, so it should be the one that moves the bytes on; the others have a thread each beside it. When
    this returns or raises, none is being called any more, and unless a sink failed each has taken all that
    was received.

    ``limit`` is in bytes (None: unlimited), ``idle_timeout`` in seconds without a byte. Raises
    `BodyTooLarge` (before anything is read if the request says its length), `BodyIncomplete`,
    `BodyMalformed`, `BodyStalled`, or what a sink raised.
    """
    http = http_of(request)
    http.refuse_over(limit)
    if not http.request_body or (http.request_body is True and not http.request_bytes):
        await http.next_pieces(idle_timeout)
        return 0
    descriptor = descriptor_of(request.transport, http.protocol.loop)
    # The time-out on the body tells the client that it stalled; the response time-out, which might strike in
    # the same moment, would blame the server, and must not count what a slow disk takes.
    with http.protocol.working():
        if http.request_body is True and http.request_bytes <= SMALL_BODY:
            return await _at_once(http, sinks, idle_timeout)
        if descriptor is None:
            return await _on_the_loop(http, sinks, limit, idle_timeout)
        return await _beside_the_loop(http, sinks, limit, idle_timeout, descriptor)


async def small_body(request: Request, limit: int) -> bytes:
    """Return the request's whole body of at most ``limit`` bytes; raises as `receive` does."""
    http = http_of(request)
    http.refuse_over(limit)
    parts, received = [], 0
    while pieces := await http.next_pieces(min(SMALL_BODY_TIMEOUT, http.protocol.response_timeout)):
        received += sum(map(len, pieces))
        if received > limit:
            raise BodyTooLarge(f"the body exceeds the limit of {limit} bytes")
        parts += pieces
    return b"".join(parts)


async def _at_once(http: RegistryHttp, sinks: Sequence[Sink], idle_timeout: float) -> int:
    """Collect a small body, and let one thread call every sink with it. What has come is kept if it ends
    early.
    """
    parts: list[Piece] = []
    try:
        while pieces := await http.next_pieces(idle_timeout):
            parts += pieces
    except asyncio.CancelledError:
        if not http.protocol.lost:
            raise
        await in_thread(_POOL, partial(_call_all, sinks, parts))
        raise BodyIncomplete("the client went away") from None
    except BodyError:
        await in_thread(_POOL, partial(_call_all, sinks, parts))
        raise
    await in_thread(_POOL, partial(_call_all, sinks, parts))
    return sum(map(len, parts))


def _call_all(sinks: Sequence[Sink], pieces: list[Piece]) -> None:
    for sink in sinks:
        sink(pieces)


async def _beside_the_loop(
    http: RegistryHttp, sinks: Sequence[Sink], limit: int | None, idle_timeout: float, descriptor: int
) -> int:
    """Let a thread read the socket, in bursts; wait on the loop only for a slow client."""
    decoder, early = http.hand_over_body()
    intake = Intake(descriptor, decoder, sinks, limit, early)
    try:
        while not decoder.done:
            await _burst(http, intake, idle_timeout)
        await _drained(intake)
        intake.raise_errors()
    except BodyError:
        http.give_up_body(done=decoder.done)
        await _drained(intake)
        intake.raise_errors()
        raise
    except BaseException:
        http.give_up_body(done=decoder.done)
        raise
    finally:
        try:
            await _drained(intake)
        finally:
            intake.close()
    http.take_back_connection(decoder.surplus)
    return intake.received


async def _drained(intake: Intake) -> None:
    """Wait until no sink is being called any more; a small body's sinks are done already, mostly."""
    if not intake.idle:
        await in_thread(_POOL, intake.drain, intake.stop)


async def _burst(http: RegistryHttp, intake: Intake, idle_timeout: float) -> None:
    before = intake.received
    outcome = await in_thread(_POOL, intake.burst, intake.stop)
    if intake.received > before:
        http.protocol.progressed()
    loop = http.protocol.loop
    if outcome is Outcome.BLOCKED and not await until_readable(loop, intake.socket, idle_timeout):
        raise BodyStalled(f"no byte of the body for {idle_timeout:g} seconds")


async def _on_the_loop(
    http: RegistryHttp, sinks: Sequence[Sink], limit: int | None, idle_timeout: float
) -> int:
    """Let the transport receive, and feed each sink in a lane of its own.

    For where nothing but the transport can read the connection: under TLS, and on Windows.
    """
    flight = Flight(sinks, http.protocol.loop)
    received = 0
    try:
        while pieces := await http.next_pieces(idle_timeout):
            received += sum(map(len, pieces))
            if limit is not None and received > limit:
                raise BodyTooLarge(f"the body exceeds the limit of {limit} bytes")  # noqa: TRY301
            await flight.put(pieces)
        await flight.land()
    except asyncio.CancelledError:
        if not http.protocol.lost:
            raise
        await flight.land()
        raise BodyIncomplete("the client went away") from None
    except BodyError:
        await flight.land()
        raise
    except BaseException:
        http.give_up_body(done=not http.request_body)
        raise
    finally:
        await in_thread(_POOL, flight.drain)
    return received


class Flight:
    """The bytes of one body that its sinks have not taken yet, where the event loop receives."""

    def __init__(self, sinks: Sequence[Sink], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lanes = [Lane(sink) for sink in sinks]
        self._aloft = 0
        self._landed = asyncio.Event()

    async def put(self, pieces: list[Piece]) -> None:
        """Hand pieces to every sink; wait while too much is in flight; raise what a sink raised."""
        size = sum(map(len, pieces))
        for lane in self._lanes:
            self._aloft += size
            lane.put(pieces, lambda: self._land_from_thread(size))
        await self._until(IN_FLIGHT * len(self._lanes))

    async def land(self) -> None:
        """Return when every sink has taken everything; raise what a sink raised."""
        await self._until(0)

    def drain(self) -> None:
        """Return when no sink is being called any more; blocks."""
        for lane in self._lanes:
            lane.drain()

    def _land_from_thread(self, size: int) -> None:
        self._loop.call_soon_threadsafe(self._land, size)

    def _land(self, size: int) -> None:
        self._aloft -= size
        self._landed.set()

    async def _until(self, allowed: int) -> None:
        while self._aloft > allowed:
            self._landed.clear()
            await self._landed.wait()
        for lane in self._lanes:
            if lane.error is not None:
                raise lane.error
