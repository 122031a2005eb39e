"""One request's body on its way in: from the connection's bytes to pieces of content, without copies.

Sanic's own reading copies every byte three times and does not check what follows a chunk, so `RegistryHttp`
and `receive` read through this instead. Bytes that were already in Sanic's buffer come first; what follows
the body goes back there, for the next request.
"""

import asyncio
from collections.abc import Callable

from .chunked import BodyDecoder, Piece
from .errors import BodyIncomplete, BodyStalled

HIGH_WATER = 1 << 20
"""Bytes waiting to be taken at which the connection stops reading."""

SMALL_PIECES = 8
"""From this many pieces on, and if they are small, joining them is cheaper than carrying them."""

SMALL_PIECE = 4096


class Inbox:
    """Bytes received for a body and not taken yet. The protocol puts, one reader takes; both on the event
    loop.
    """

    __slots__ = ("_blobs", "_pause", "_paused", "_resume", "_size", "_waiter", "closed")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.closed = False
        self._pause, self._resume, self._paused = pause, resume, False
        self._blobs: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[bool] | None = None

    def put(self, blob: bytes) -> None:
        """Add what was received; ask the connection to pause when there is much of it."""
        self._blobs.append(blob)
        self._size += len(blob)
        if self._size >= HIGH_WATER and not self._paused:
            self._paused = True
            self._pause()
        self._wake(arrived=True)

    def close(self) -> None:
        """The client sends no more: whoever waits is told."""
        self.closed = True
        self._wake(arrived=True)

    def take(self) -> list[bytes]:
        """Return what has arrived since the last call."""
        blobs, self._blobs, self._size = self._blobs, [], 0
        if self._paused:
            self._paused = False
            self._resume()
        return blobs

    async def arrival(self, seconds: float) -> bool:
        """Wait until something is there or the client is done; return False if ``seconds`` bring nothing."""
        if self._blobs or self.closed:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self, *, arrived: bool = False) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(arrived)


class RequestBody:
    """Reads one body from a connection whose protocol delivers into ``inbox``."""

    def __init__(self, decoder: BodyDecoder, inbox: Inbox) -> None:
        self.decoder = decoder
        self.inbox = inbox
        self.received = 0
        """Bytes of content returned so far."""
        self.surplus = b""
        """Once done: what was received after the body."""

    @property
    def done(self) -> bool:
        """Whether the whole body has been returned."""
        return self.decoder.done

    async def next(self, idle_timeout: float) -> list[Piece]:
        """Return the next pieces; none at the end. Raises `BodyIncomplete`, `BodyMalformed` or
        `BodyStalled`.
        """
        while not self.decoder.done:
            if not await self.inbox.arrival(idle_timeout):
                raise BodyStalled(f"no byte of the body for {idle_timeout:g} seconds")
            blobs = self.inbox.take()
            if not blobs:
                raise BodyIncomplete("the client went away")
            pieces = self._decode(blobs)
            if pieces:
                return pieces
        return []

    def _decode(self, blobs: list[bytes]) -> list[Piece]:
        pieces: list[Piece] = []
        for index, blob in enumerate(blobs):
            pieces += self.decoder.feed(blob)
            if self.decoder.done:
                self.surplus = b"".join([self.decoder.surplus, *blobs[index + 1 :]])
                break
        size = sum(map(len, pieces))
        self.received += size
        if len(pieces) >= SMALL_PIECES and size < len(pieces) * SMALL_PIECE:
            return [b"".join(pieces)]
        return pieces
