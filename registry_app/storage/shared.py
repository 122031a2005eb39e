"""What the processes that serve one store together know of each other, beside the store itself.

One process needs no more than the count of its own changes. Several are forked after this was made: then they
count in the same memory, and lock files in the same directory.
"""

import mmap
import os
import threading
from contextlib import AbstractContextManager
from types import TracebackType

_COUNTER = 8
"""Bytes of one process's count."""


class Shared:
    """Made once for a store, before its processes are forked; their lock files lie in ``directory``, which is
    made when it is needed.
    """

    def __init__(self, processes: int = 1, directory: str | None = None) -> None:
        self._directory = directory
        self._memory = mmap.mmap(-1, processes * _COUNTER)
        self._mine = slice(0, _COUNTER)
        self._counting = threading.Lock()

    def join(self, number: int) -> None:
        """Be process ``number`` from now on; called once, after the fork."""
        self._mine = slice(number * _COUNTER, (number + 1) * _COUNTER)

    @property
    def alone(self) -> bool:
        """Whether no other process of ours serves the same store."""
        return self._directory is None

    def note_change(self) -> None:
        """Tell every process that names in the store have changed; called when they have."""
        # Each process writes a count of its own: two that wrote the same one could lose a change.
        with self._counting:
            count = int.from_bytes(self._memory[self._mine], "little") + 1
            self._memory[self._mine] = count.to_bytes(_COUNTER, "little")

    def changes(self) -> bytes:
        """Return what is another value as soon as any process has noted a change."""
        return self._memory[:]

    def lock(self, name: str) -> AbstractContextManager[object]:
        """Return a lock, re-entrant for its thread, that all processes know by ``name``."""
        if self._directory is None:
            return threading.RLock()
        return _FileLock(os.path.join(self._directory, name))


class _FileLock:
    """A lock of threads, and of processes by flock(2) on a file that holds nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._fd = -1

    def __enter__(self) -> None:
        self._threads.acquire()
        if not self._depth:
            try:
                self._lock_file()
            except BaseException:
                self._threads.release()
                raise
        self._depth += 1

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            _flock(self._fd, "LOCK_UN")
        self._threads.release()

    def _lock_file(self) -> None:
        if self._fd < 0:
            # Not before the fork: processes that inherit one descriptor hold its lock together.
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _flock(self._fd, "LOCK_EX")


def try_to_hold(path: str) -> int | None:
    """Return a descriptor that, while open, keeps other holders of the file ``path`` away; None if it is
    held.

    Raises FileNotFoundError. Whoever gets the file must look whether it still lies at ``path``.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _flock(fd, "LOCK_EX", "LOCK_NB")
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _flock(fd: int, *operations: str) -> None:
    import fcntl  # noqa: PLC0415 - not on Windows, where a store has one process

    fcntl.flock(fd, sum(getattr(fcntl, operation) for operation in operations))
