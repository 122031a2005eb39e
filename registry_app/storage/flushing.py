"""Flush a growing file while it grows, so that little is left to flush when it ends.

Policy for an upload: what has been acknowledged as a blob is on the disk. The content is flushed behind the
writer every `FLUSH_EVERY` bytes and once more at the end, then the file is renamed, then the directory is
flushed.
"""

from concurrent.futures import Future, ThreadPoolExecutor

from registry_app.storage.filesystem import WritableFile

FLUSH_EVERY = 64 << 20
"""Bytes after which the disk is made to begin with what it will have to do in any case."""

_POOL = ThreadPoolExecutor(max_workers=8, thread_name_prefix="flush")


class FlushBehind:
    """Flushes one file from a thread beside its writer; at most one flush at a time."""

    def __init__(self, file: WritableFile) -> None:
        self._file = file
        self._unflushed = 0
        self._running: Future[None] | None = None

    def wrote(self, size: int) -> None:
        """Note that the file has grown; raise the OSError of a flush that has failed meanwhile."""
        self._unflushed += size
        if self._unflushed < FLUSH_EVERY or not self.is_settled:
            return
        self.settle()
        self._unflushed = 0
        self._running = _POOL.submit(self._file.flush)

    @property
    def is_settled(self) -> bool:
        """Whether no flush is under way."""
        return self._running is None or self._running.done()

    def settle(self) -> None:
        """Return when no flush is under way; raise its OSError if it failed."""
        running, self._running = self._running, None
        if running is not None:
            running.result()
