"""Refuse what would fill the disk, while there is still room to say so."""

import errno
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from registry_app.errors import DiskFull
from registry_app.storage.filesystem import FileSystem

log = logging.getLogger("registry")

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system call says when there is no room."""

LOOK_EVERY = 2 << 20
"""Bytes that all uploads together write between two looks at the free space.

Others write to the same disk, further processes of this registry among them; the reserve can be passed by so
much for each of those, and not at all by one process alone.
"""

_MEBIBYTE = 1 << 20


class Space:
    """The free space of a store, less a reserve that nobody may use. For any number of threads."""

    def __init__(self, fs: FileSystem, reserve: int) -> None:
        self._fs = fs
        self._reserve = reserve
        self._lock = threading.Lock()
        self._granted = 0
        """Bytes that were free at the last look and are nobody's yet."""
        self._under_way = 0
        """Bytes that are being written: the disk may not count them yet."""

    def require(self, size: int) -> None:
        """Raise `DiskFull` if ``size`` more bytes would leave less than the reserve."""
        self._look(size, 0)

    @contextmanager
    def taking(self, size: int) -> Iterator[None]:
        """Write ``size`` bytes inside of this; raise `DiskFull` before if they would touch the reserve."""
        with self._lock:
            if size > self._granted:
                self._granted = min(self._look(size, self._under_way), max(size, LOOK_EVERY))
            self._granted -= size
            self._under_way += size
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= size

    def _look(self, size: int, under_way: int) -> int:
        """Return the bytes that may be written beside those ``under_way``; raise `DiskFull` if ``size`` may
        not.
        """
        free = self._fs.free_bytes(self._fs.root)
        room = free - self._reserve - under_way
        if room >= size:
            return room
        error = DiskFull(
            f"not enough disk space in the registry: {free // _MEBIBYTE} MiB are free, "
            f"{self._reserve // _MEBIBYTE} MiB of them reserved; "
            "remove images and collect garbage, or add space",
            detail={"needed": size, "free": free, "reserve": self._reserve},
        )
        # Whoever runs the registry must hear of it as well, not only whoever pushed.
        log.error("the disk is full: %s", error)
        raise error
