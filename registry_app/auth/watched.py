"""A small configuration file that is read again when it changes, and kept as it was when it breaks.

A file is compared by its stat values at most once in an interval, so asking costs nothing on the request
path.
"""

import logging
import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)

# A file written twice within one tick of the file system's clock looks unchanged the second time (FAT: 2 s).
# A file this young is therefore read again at the next look, whatever stat says.
_SETTLED_NS = 2_000_000_000


class WatchedFile(Generic[T]):
    """The parsed content of the file at ``path``.

    The first reading raises what ``parse`` raises (or `OSError`): a registry must not start on a broken file.
    Later a broken or missing file is logged, and the last good content stays in force.
    """

    def __init__(
        self,
        path: str,
        parse: Callable[[bytes], T],
        *,
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.generation = 0
        """Counts the changes taken up: whatever was derived from an older generation is stale."""
        self._parse = parse
        self._interval = interval
        self._clock = clock
        self._stat: tuple[int, int, int] | None = None
        self._raw, self._value = self._read()
        self._next_look = clock() + interval

    def current(self) -> T:
        """Return the content, after reading it again if the file has changed."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + self._interval
            self._look()
        return self._value

    def _look(self) -> None:
        try:
            if self._stat is not None and self._stat == _signature(os.stat(self.path)):
                return
            raw, value = self._read()
        except (OSError, ValueError) as error:
            self._complain(error)
            return
        if raw != self._raw:
            self._raw, self._value = raw, value
            self.generation += 1
            logger.info("%s has changed and was read again", self.path)

    def _read(self) -> tuple[bytes, T]:
        with open(self.path, "rb") as file:
            stat = os.fstat(file.fileno())
            raw = file.read()
        value = self._parse(raw)
        settled = time.time_ns() - stat.st_mtime_ns > _SETTLED_NS
        self._stat = _signature(stat) if settled else None
        return raw, value

    def _complain(self, error: Exception) -> None:
        """Log what is wrong with the file; once a look, for as long as it is wrong."""
        self._stat = None
        logger.error("%s cannot be used, what was read before stays in force: %s", self.path, error)


def _signature(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def decode(raw: bytes) -> str:
    """Return ``raw`` as text: UTF-8, or whatever its byte order mark says.

    PowerShell 5.1 writes UTF-16 when output is redirected with ``>``, as the lab's htpasswd command does, and
    Notepad puts a mark in front of UTF-8. Raises `ValueError` (its subclass `UnicodeDecodeError`) for the
    rest.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    return raw.decode("utf-8-sig")
