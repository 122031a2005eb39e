"""A region of a file on its way into one socket, in short bursts from a thread.

Bursts write to a duplicate of the connection's descriptor, without blocking, so that a cold file holds a
thread for one read and a slow client holds none: a burst that meets a full socket buffer ends, and the
event loop waits.
"""

import enum
import mmap
import os
import select
import threading
from time import monotonic
from typing import BinaryIO, Protocol

BURST_BYTES = 64 << 20
"""What one burst sends at most before the thread serves another client."""

BURST_SECONDS = 0.1
"""How long one burst lasts at most."""

PATIENCE_MS = 20
"""How long a burst waits for the client to make room, if that client has been fast so far."""

FAST_BYTES = 256 << 10
"""What a client must have taken since the last wait to be worth waiting for."""

SEND_BYTES = 4 << 20
"""Asked of the kernel in one call."""

WINDOW_BYTES = 4 << 20
"""Of a file mapped at a time: more does not send faster and shows as resident memory."""


class Push(Protocol):
    """One way to hand bytes of a file to a socket."""

    def __call__(self, socket: int, offset: int, length: int) -> int:
        """Send from ``offset`` up to ``length`` bytes; return how many. Raises BlockingIOError, OSError."""

    def close(self) -> None:
        """Let go of the file."""


class KernelPush:
    """sendfile(2): the bytes never enter the process."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = os.dup(file.fileno())

    def __call__(self, socket: int, offset: int, length: int) -> int:
        """Send some bytes."""
        return os.sendfile(socket, self._file, offset, min(length, SEND_BYTES))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


class MappedPush:
    """send(2) from a sliding map of the file: for sockets whose pacing makes sendfile's many small buffers
    slow.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = os.dup(file.fileno())
        self._map: mmap.mmap | None = None
        self._start = 0

    def __call__(self, socket: int, offset: int, length: int) -> int:
        """Send some bytes."""
        if self._map is None or not self._start <= offset < self._start + len(self._map):
            self._slide(offset, length)
        assert self._map is not None  # noqa: S101 - for the type checker; `_slide` has set it
        begin = offset - self._start
        with memoryview(self._map) as whole, whole[begin : begin + min(length, SEND_BYTES)] as part:
            return os.write(socket, part)

    def _slide(self, offset: int, length: int) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        self._start = offset - offset % mmap.ALLOCATIONGRANULARITY
        size = min(WINDOW_BYTES, offset + length - self._start)
        self._map = mmap.mmap(self._file, size, access=mmap.ACCESS_READ, offset=self._start)

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
        os.close(self._file)


class Outcome(enum.Enum):
    """Why a burst ended."""

    DONE = enum.auto()
    """Everything is with the kernel."""
    BLOCKED = enum.auto()
    """The client has to make room first."""
    AGAIN = enum.auto()
    """The burst was long enough; others may be waiting for a thread."""


class Transfer:
    """One region, one socket. `burst` runs in any thread, one at a time; `close` may come at any moment."""

    def __init__(self, socket: int, push: Push, offset: int, length: int) -> None:
        self.socket = os.dup(socket)
        self.left = length
        self._push, self._offset = push, offset
        self._lock = threading.Lock()
        self._busy = False
        self._stopped = False
        self._closed = False

    def burst(self) -> Outcome:
        """Send without blocking until there is a reason to stop; raise OSError if the client or the file is
        gone.
        """
        with self._lock:
            if self._stopped:
                return Outcome.AGAIN
            self._busy = True
        try:
            return self._send()
        finally:
            with self._lock:
                self._busy = False
                if self._stopped:
                    self._release()

    def close(self) -> None:
        """Stop, and release both descriptors as soon as no burst uses them."""
        with self._lock:
            self._stopped = True
            if not self._busy:
                self._release()

    def _send(self) -> Outcome:
        end, budget, taken = monotonic() + BURST_SECONDS, BURST_BYTES, 0
        while self.left:
            if self._stopped or budget <= 0 or monotonic() > end:
                return Outcome.AGAIN
            try:
                sent = self._push(self.socket, self._offset, self.left)
            except BlockingIOError:
                if taken < FAST_BYTES or not self._room():
                    return Outcome.BLOCKED
                taken = 0
                continue
            if not sent:
                raise OSError("the file is shorter than it was")
            self._offset += sent
            self.left -= sent
            taken += sent
            budget -= sent
        return Outcome.DONE

    def _room(self) -> bool:
        """Wait a moment for a client that reads fast."""
        poll = select.poll()
        poll.register(self.socket, select.POLLOUT)
        return bool(poll.poll(PATIENCE_MS))

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.socket)
            self._push.close()
