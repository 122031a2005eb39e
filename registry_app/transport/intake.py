"""One request body on its way from a socket into blocking sinks, in bursts from a thread.

The receiving thread reads into a few buffers that are used again and again, hands each at once to the first
sink while it is still in the processor's cache, and to the other sinks in lanes beside it. The event loop
only waits for the socket when the client is slow, so a slow client holds no thread, and the bytes in flight
are those of the buffers.
"""

import enum
import os
import select
from collections.abc import Sequence
from time import monotonic

from .buffers import Buffers
from .chunked import BodyDecoder, Piece, compact
from .errors import BodyError, BodyIncomplete, BodyTooLarge
from .lanes import Lane, Sink

BURST_SECONDS = 0.25
"""How long one burst lasts at most before the thread serves another upload."""

PATIENCE_MS = 20
"""How long a burst waits for a client that has been fast so far, or for a lane to let go of a buffer."""

MANY_PIECES = 4
"""From more pieces than this in a buffer on, moving them together costs less than handling each."""

FAST_BYTES = 256 << 10
"""What a client must have sent since the last wait to be worth waiting for."""


class Outcome(enum.Enum):
    """Why a burst ended."""

    DONE = enum.auto()
    """The body's end has been received."""
    BLOCKED = enum.auto()
    """The client has to send more first."""
    AGAIN = enum.auto()
    """The burst was long enough, or the lanes are behind."""


class Intake:
    """One body, of which ``early`` has been received before. `burst` runs in any thread, one at a time, and
    is called at least once; `drain` and `raise_errors` come after the last one.
    """

    def __init__(
        self, descriptor: int, decoder: BodyDecoder, sinks: Sequence[Sink], limit: int | None, early: bytes
    ) -> None:
        self.socket = os.dup(descriptor)
        self.received = 0
        """Bytes of content handed to the first sink so far."""
        self._decoder, self._limit = decoder, limit
        self._first, *others = sinks
        self._lanes = [Lane(sink) for sink in others]
        self._buffers = Buffers()
        self._early = early
        self._stopped = False

    def stop(self) -> None:
        """Let the current burst end early."""
        self._stopped = True

    def burst(self) -> Outcome:
        """Receive until there is a reason to stop; raises `BodyError`, or what a sink raised."""
        end, fresh = monotonic() + BURST_SECONDS, 0
        if self._early:
            early, self._early = self._early, b""
            self._hand_on(self._decoded(early), None)
        while not self._decoder.done:
            if self._stopped or monotonic() > end:
                return Outcome.AGAIN
            self.raise_errors()
            buffer = self._buffers.take(PATIENCE_MS / 1000)
            if buffer is None:
                return Outcome.AGAIN
            count = self._receive_into(buffer)
            fresh += count
            if not count:
                if fresh < FAST_BYTES or not self._more():
                    return Outcome.BLOCKED
                fresh = 0
        return Outcome.DONE

    @property
    def idle(self) -> bool:
        """Whether every sink has taken what was received; told without waiting."""
        return all(lane.idle for lane in self._lanes)

    def drain(self) -> None:
        """Return when no sink is being called any more; blocks."""
        for lane in self._lanes:
            lane.drain()

    def raise_errors(self) -> None:
        """Raise what a sink beside the first has raised so far."""
        for lane in self._lanes:
            if lane.error is not None:
                raise lane.error

    def close(self) -> None:
        """Let go of the socket, when no burst runs any more."""
        os.close(self.socket)

    def _read(self, buffer: memoryview) -> int | None:
        """Read what is there; None if there is nothing yet."""
        try:
            count = os.readv(self.socket, [buffer])
        except BlockingIOError:
            return None
        except OSError as error:
            raise BodyIncomplete("the connection broke") from error
        if not count:
            raise BodyIncomplete("the client went away")
        return count

    def _receive_into(self, buffer: memoryview) -> int:
        """Receive what is there and hand its content on; return how many bytes that was, 0 for nothing yet.

        The buffer is free again when all sinks are done with it, or at once if there is nothing for them.
        """
        most = self._decoder.most
        try:
            count = self._read(buffer if most is None else buffer[:most])
            pieces = self._decoded(buffer[:count]) if count else []
        except BodyError:
            self._buffers.give_back(buffer)
            raise
        if not pieces:
            self._buffers.give_back(buffer)
            return count or 0
        self._hand_on([compact(pieces, buffer)] if len(pieces) > MANY_PIECES else pieces, buffer)
        return count or 0

    def _decoded(self, data: Piece) -> list[Piece]:
        """Return the content in ``data``; raise `BodyError` if there is too much of it or its framing is
        broken.
        """
        pieces = self._decoder.feed(data)
        size = sum(map(len, pieces))
        if self._limit is not None and self.received + size > self._limit:
            raise BodyTooLarge(f"the body exceeds the limit of {self._limit} bytes")
        self.received += size
        return pieces

    def _hand_on(self, pieces: list[Piece], buffer: memoryview | None) -> None:
        """Give every sink the pieces, which may be views on ``buffer``."""
        done = self._buffers.lend(buffer, 1 + len(self._lanes))
        for lane in self._lanes:
            lane.put(pieces, done)
        try:
            self._first(pieces)
        finally:
            done()

    def _more(self) -> bool:
        """Wait a moment for a client that sends fast."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(PATIENCE_MS))
