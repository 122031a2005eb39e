"""How many uploads are open in the whole registry, so that a flood of begun pushes cannot fill it with
directories.

The disk is the truth: what a killed server left open counts, and so does what another process began. But
counting there means looking into every repository. So uploads are counted now and then, and in between each
process goes by what it began and ended itself.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from registry_app.errors import TooManyRequests

RETRY_AFTER = 60
"""Seconds after which a client that was refused may try again (RFC 6585, section 4): most pushes have ended
by then.
"""

COUNT_AGAIN = 5.0
"""Seconds between two counts that find no room: whoever is refused must not keep the disk busy."""

_SHARE = 4
_AT_LEAST = 16
"""All processes together may pass the limit by about so many: less than that is not worth a count."""


class OpenUploads:
    """Admits uploads up to a limit. For any number of threads, and for one of so many ``processes``."""

    def __init__(
        self,
        most: int,
        count: Callable[[], int],
        now: Callable[[], float] = time.monotonic,
        *,
        processes: int = 1,
    ) -> None:
        self._most = most
        self._processes = processes
        self._count = count
        self._now = now
        self._open = 0
        self._beginning = 0
        """Admitted, and perhaps not yet on the disk."""
        self._begun_meanwhile = 0
        """No longer beginning, since the count that is under way has begun."""
        self._until_count = 0
        """How many may still begin before the disk is looked at; others may begin as many meanwhile."""
        self._found_full = -COUNT_AGAIN
        """When a count found no room."""
        self._numbers = threading.Lock()
        self._counting = threading.Lock()

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Begin one upload inside of this; raise `TooManyRequests` before if so many are open already."""
        self._admit()
        try:
            yield
        finally:
            with self._numbers:
                self._beginning -= 1
                self._begun_meanwhile += 1

    def ended(self) -> None:
        """Note that an upload has become a blob, or was removed."""
        with self._numbers:
            self._open = max(self._open - 1, 0)

    def _admit(self) -> None:
        if self._is_count_due():
            with self._counting:
                # Whoever waited for another one's count need not count again.
                if self._is_count_due():
                    self._count_now()
        with self._numbers:
            if self._open >= self._most:
                raise TooManyRequests(
                    f"{self._most} uploads to this registry are open",
                    headers=[("Retry-After", str(RETRY_AFTER))],
                )
            self._open += 1
            self._beginning += 1
            self._until_count -= 1

    def _is_count_due(self) -> bool:
        with self._numbers:
            if self._open >= self._most:
                return self._now() - self._found_full >= COUNT_AGAIN
            return self._until_count <= 0

    def _count_now(self) -> None:
        with self._numbers:
            self._begun_meanwhile = 0
        found = self._count()
        with self._numbers:
            # What has just begun may have been seen or not. Rather count it twice, until the next time.
            self._open = found + self._beginning + self._begun_meanwhile
            room = max((self._most - found) // _SHARE, _AT_LEAST)
            self._until_count = max(room // self._processes, 1)
            if found >= self._most:
                self._found_full = self._now()
