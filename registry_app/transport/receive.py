"""Receive a request's body: whole if it is small, otherwise streamed into blocking sinks off the event
loop.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from sanic import Request

from .chunked import Piece
from .errors import BodyError, BodyIncomplete, BodyTooLarge
from .protocol import http_of

Sink: TypeAlias = Callable[[Sequence[Piece]], None]
"""Takes the next pieces of a body, in order; may block; called by one thread at a time, never on the event
loop.
"""

IN_FLIGHT = 4 << 20
"""Bytes of one body received and not yet taken by every sink, above which its connection stops reading."""

SMALL_BODY_TIMEOUT = 30.0
"""Seconds without a byte after which a small body is given up."""

_POOL = ThreadPoolExecutor(max_workers=32, thread_name_prefix="receive")


class Lane:
    """Feeds one sink with batches in their order, from at most one thread, and stops at its first error."""

    def __init__(self, sink: Sink, loop: asyncio.AbstractEventLoop, advanced: Callable[[], None]) -> None:
        self.pending = 0
        self.error: BaseException | None = None
        self._sink, self._loop, self._advanced = sink, loop, advanced
        self._batches: deque[tuple[list[Piece], int]] = deque()
        self._lock = threading.Lock()
        self._running = False

    def put(self, pieces: list[Piece], size: int) -> None:
        """Queue a batch of ``size`` bytes."""
        with self._lock:
            self._batches.append((pieces, size))
            self.pending += size
            start, self._running = not self._running, True
        if start:
            _POOL.submit(self._run)

    def stop(self) -> None:
        """Drop what is queued and wait, blocking, for the sink's current call."""
        with self._lock:
            self._batches.clear()
            self.pending = 0
        while self._running:
            threading.Event().wait(0.001)

    def _run(self) -> None:
        while True:
            with self._lock:
                batches = list(self._batches)
                self._batches.clear()
                if not batches:
                    self._running = False
                    break
            size = sum(size for _, size in batches)
            try:
                if self.error is None:
                    self._sink([piece for pieces, _ in batches for piece in pieces])
            except BaseException as error:  # noqa: BLE001 - handed to the receiver, which raises it
                self.error = error
            with self._lock:
                self.pending = max(0, self.pending - size)
            self._loop.call_soon_threadsafe(self._advanced)


class Lanes:
    """Every sink of one body, each in its own lane, with a common bound on bytes in flight."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._loop = asyncio.get_running_loop()
        self._advance = asyncio.Event()
        self._lanes = [Lane(sink, self._loop, self._advance.set) for sink in sinks]

    async def put(self, pieces: list[Piece]) -> None:
        """Hand pieces to every sink; wait while too much is in flight; raise what a sink raised."""
        size = sum(map(len, pieces))
        for lane in self._lanes:
            lane.put(pieces, size)
        await self._until(IN_FLIGHT)

    async def finish(self) -> None:
        """Wait until every sink has taken everything; raise what a sink raised."""
        await self._until(0)

    def stop(self) -> None:
        """Return when no sink is being called any more, whatever that leaves out."""
        for lane in self._lanes:
            lane.stop()

    async def _until(self, allowed: int) -> None:
        while True:
            self._advance.clear()
            for lane in self._lanes:
                if lane.error is not None:
                    raise lane.error
            if all(lane.pending <= allowed for lane in self._lanes):
                return
            await self._advance.wait()


async def receive(request: Request, *sinks: Sink, limit: int | None, idle_timeout: float) -> int:
    """Stream the request's body into ``sinks`` and return its length in bytes.

    Each sink gets the whole body in order, from a thread of its own, so that hashing and writing overlap;
    when this returns or raises a `BodyError`, every sink has taken all that was received, and none is being
    called. ``limit`` is in bytes (None: unlimited), ``idle_timeout`` in seconds without a byte. Raises
    `BodyTooLarge` (before anything is read if the request says its length), `BodyIncomplete`,
    `BodyMalformed`, `BodyStalled`, or what a sink raised.
    """
    http = http_of(request)
    http.refuse_over(limit)
    lanes, received = Lanes(sinks), 0
    try:
        try:
            while pieces := await http.next_pieces(idle_timeout):
                received += sum(map(len, pieces))
                if limit is not None and received > limit:
                    raise BodyTooLarge(f"the body exceeds the limit of {limit} bytes")
                await lanes.put(pieces)
        except asyncio.CancelledError:
            if not http.protocol.lost:
                raise
            await lanes.finish()
            raise BodyIncomplete("the client went away") from None
        except BodyError:
            await lanes.finish()
            raise
        await lanes.finish()
    finally:
        lanes.stop()
    return received


async def small_body(request: Request, limit: int) -> bytes:
    """Return the request's whole body of at most ``limit`` bytes; raises as `receive` does."""
    http = http_of(request)
    http.refuse_over(limit)
    parts, received = [], 0
    while pieces := await http.next_pieces(SMALL_BODY_TIMEOUT):
        received += sum(map(len, pieces))
        if received > limit:
            raise BodyTooLarge(f"the body exceeds the limit of {limit} bytes")
        parts += pieces
    return b"".join(parts)
