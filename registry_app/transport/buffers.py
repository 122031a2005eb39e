"""Buffers to receive into: few for each body, and a bounded number for all bodies of the process together.

A body holds buffers only while its bytes are on their way from the socket into its sinks, so however many
clients push, and however slow they are, receiving takes no more memory than `POOL` has.
"""

import threading
from collections.abc import Callable

BUFFER_BYTES = 512 << 10
BUFFERS = 6
"""Together what one body has on its way at most; small enough for the processor's second-level cache."""

ALL_BUFFERS = 64
"""Of all bodies together: what about ten fast ones use."""


class Pool:
    """Buffers for any number of threads; each is made when it is first needed, and kept."""

    def __init__(self, most: int = ALL_BUFFERS) -> None:
        self._most = most
        self.made = 0
        """How many there are."""
        self._free: list[memoryview] = []
        self._returned = threading.Condition()
        self.lent = 0
        """How many are not free."""

    def take(self, seconds: float) -> memoryview | None:
        """Return a free buffer, the one used last if possible; None if there is none for so long."""
        with self._returned:
            if not self._returned.wait_for(lambda: self._free or self.made < self._most, seconds):
                return None
            self.lent += 1
            if self._free:
                return self._free.pop()
            self.made += 1
        return memoryview(bytearray(BUFFER_BYTES))

    def give_back(self, buffer: memoryview) -> None:
        """Make ``buffer`` free again."""
        with self._returned:
            self.lent -= 1
            self._free.append(buffer)
            self._returned.notify()


POOL = Pool()


class Buffers:
    """The buffers of one body."""

    def __init__(self, pool: Pool = POOL) -> None:
        self._pool = pool
        self._lent = 0
        self._returned = threading.Condition()

    def take(self, seconds: float) -> memoryview | None:
        """Return a buffer; None if this body has its share for so long, or the others have all."""
        with self._returned:
            if not self._returned.wait_for(lambda: self._lent < BUFFERS, seconds):
                return None
            self._lent += 1
        buffer = self._pool.take(seconds)
        if buffer is None:
            self._one_less()
        return buffer

    def give_back(self, buffer: memoryview) -> None:
        """Make ``buffer`` free again."""
        self._pool.give_back(buffer)
        self._one_less()

    def lend(self, buffer: memoryview | None, borrowers: int) -> Callable[[], None]:
        """Return what each of so many borrowers has to call once; the last call gives ``buffer`` back."""
        left, counting = borrowers, threading.Lock()

        def done() -> None:
            nonlocal left
            with counting:
                left -= 1
                last = not left
            if last and buffer is not None:
                self.give_back(buffer)

        return done

    def _one_less(self) -> None:
        with self._returned:
            self._lent -= 1
            self._returned.notify()
