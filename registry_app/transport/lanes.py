"""Blocking consumers of one body, each fed in order by at most one thread at a time."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from .chunked import Piece

Sink: TypeAlias = Callable[[Sequence[Piece]], None]
"""Takes the next pieces of a body, in order; may block; called by one thread at a time, never on the event
loop.

The pieces are views on buffers that are used again once the sink has returned.
"""

Done: TypeAlias = Callable[[], None]

_POOL = ThreadPoolExecutor(max_workers=32, thread_name_prefix="lane")


class Lane:
    """Feeds one sink; stops at its first error, and drops what comes after."""

    def __init__(self, sink: Sink) -> None:
        self.error: BaseException | None = None
        self._sink = sink
        self._batches: deque[tuple[list[Piece], Done]] = deque()
        self._lock = threading.Condition()
        self._running = False

    def put(self, pieces: list[Piece], done: Done) -> None:
        """Queue a batch; ``done`` is called from some thread when the sink has let go of it."""
        with self._lock:
            self._batches.append((pieces, done))
            start, self._running = not self._running, True
        if start:
            _POOL.submit(self._run)

    @property
    def idle(self) -> bool:
        """Whether everything that was put has been taken; for whoever puts."""
        return not self._running

    def drain(self) -> None:
        """Return when everything that was put has been taken; blocks."""
        with self._lock:
            self._lock.wait_for(lambda: not self._running)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._batches:
                    self._running = False
                    self._lock.notify_all()
                    return
                pieces, done = self._batches.popleft()
            try:
                if self.error is None:
                    self._sink(pieces)
            except BaseException as error:  # noqa: BLE001 - kept for the receiver, which raises it
                self.error = error
            finally:
                done()
