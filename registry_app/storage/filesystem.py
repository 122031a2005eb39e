"""What the registry asks of a disk: one object per platform, so that Windows' rules can be tested on Linux.

Nothing here knows what a repository or a blob is, and nothing is asynchronous. A path is a ``str``: the root
directory as configured, then names joined with ``/`` by `registry_app.storage.layout`, on every platform; the
object translates. Every failure is an `OSError`, also a name that the disk cannot hold (`NameNotStorable`).

Three promises, on which "nothing lost" rests:

* `FileSystem.replace` and `FileSystem.write_whole` are *atomic and durable*: before, the old content; after,
  the new, also after a power failure; never a mixture.
* What `FileSystem.stat`, `FileSystem.read_bytes` and `FileSystem.open_read` find has *exactly* the spelling
  that was asked for; if a disk folds case and the object cannot see through it, `FileSystem.prepare` fails.
* Unfinished work lies in one place, `FileSystem.staging`, so that what a crash leaves there can be discarded.
"""

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO, NamedTuple, Self
from uuid import uuid4

Buffers = Iterable[bytes | bytearray | memoryview]


class Stat(NamedTuple):
    """What the disk says of one file or directory."""

    size: int
    """In bytes; of no meaning for a directory."""
    mtime_ns: int
    """Time of the last change of the content, in nanoseconds since 1970."""
    identity: tuple[int, int]
    """Volume and file number: another one means another file, even under the same name."""
    is_dir: bool


class NameNotStorable(OSError):
    """A name that this disk cannot hold, or would take for another one.

    ``why`` is a sentence for the person who chose the name.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name!r} cannot be stored on this disk: {why}")
        self.name = name
        self.why = why


class FileTooLarge(OSError):
    """A file that should be read whole is larger than its reader allows."""


class WritableFile(ABC):
    """A file that grows at its end; nothing is durable before `flush`."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._size

    def tell(self) -> int:
        """Return where the next byte goes, which is always the end."""
        return self._size

    def fileno(self) -> int:
        """Return the descriptor; its offset is the end of the file. Whoever writes there calls `resync`."""
        return self._fd

    def resync(self) -> int:
        """Take over what was written through `fileno`; return the size."""
        self._size = os.lseek(self._fd, 0, os.SEEK_END)
        return self._size

    def write(self, buffers: Buffers) -> int:
        """Append all ``buffers``, or nothing if the disk refuses; return the bytes written."""
        before = self._size
        try:
            written = self._append([memoryview(buffer).cast("B") for buffer in buffers if len(buffer)])
        except OSError:
            # A full disk takes the first half of a write. Whoever asks the size must not find it. If even
            # this is refused, the error of the write is the one that counts, and readers go by digest.
            with suppress(OSError):
                self.truncate(before)
            raise
        self._size = before + written
        return written

    def truncate(self, size: int) -> None:
        """Forget everything after the first ``size`` bytes."""
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
        self._size = size

    @abstractmethod
    def _append(self, buffers: list[memoryview]) -> int:
        """Write all ``buffers`` at the end and return how many bytes that was."""

    @abstractmethod
    def flush(self) -> None:
        """Return when the content is on the disk, not only on its way."""

    @abstractmethod
    def close(self) -> None:
        """Close; a second time does nothing. What was not flushed may be lost in a power failure."""


class FileSystem(ABC):
    """One platform's disk, below one root directory."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.staging = f"{root}/_staging"

    def prepare(self) -> None:
        """Make the root; raise OSError if the disk below it breaks a rule that this object relies on."""
        self.make_directory(self.root)

    # -- reading

    @abstractmethod
    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``; None if nothing is there under exactly this spelling."""

    def is_unchanged(self, seen: Iterable[tuple[str, Stat | None]]) -> bool:
        """Return whether everything is as it was seen; False also if that cannot be said without waiting."""
        stat = self.stat
        return all(stat(path) == found for path, found in seen)

    @abstractmethod
    def read_bytes(self, path: str, limit: int) -> bytes:
        """Return the whole content, or raise `FileTooLarge` if it has more than ``limit`` bytes."""

    @abstractmethod
    def open_read(self, path: str) -> BinaryIO:
        """Open unbuffered for reading, in a way that others may still rename and remove the file.

        The caller closes it soon: Windows keeps the space, and some renames waiting, until then.
        """

    @abstractmethod
    def list(self, path: str) -> list[str]:
        """Return the names in a directory as the disk spells them, in no order; none if it is absent."""

    @abstractmethod
    def free_bytes(self, path: str) -> int:
        """Return the bytes that this process may still write on the volume of ``path``, which must exist."""

    # -- writing

    @abstractmethod
    def create(self, path: str) -> WritableFile:
        """Create a file and its parents; raise `FileExistsError` if it is there."""

    @abstractmethod
    def open_append(self, path: str) -> WritableFile:
        """Open an existing file to write on at its end."""

    @abstractmethod
    def replace(self, source: str, target: str) -> None:
        """Rename a closed, flushed file, making parents, durably, in place of what is there.

        The target should not be a file that is read for long: Windows refuses that.
        """

    def write_whole(self, path: str, data: bytes) -> None:
        """Make ``data`` the content of ``path``: durably, at once, or not at all and without a trace."""
        temporary = self.temporary()
        try:
            with self.create(temporary) as file:
                file.write([data])
                file.flush()
            self.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                self.remove(temporary, missing_ok=True)
            raise

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Make a directory and its parents; nothing if it is there."""

    @abstractmethod
    def remove(self, path: str, missing_ok: bool = False) -> None:
        """Remove one file, durably; its name is free at once, even if someone reads it."""

    @abstractmethod
    def remove_tree(self, path: str) -> None:
        """Remove a directory and all below it, in one step as seen from ``path``; nothing if it is absent."""

    @abstractmethod
    def remove_empty(self, path: str) -> bool:
        """Remove a directory if nothing is in it; return whether it is gone."""

    # -- names

    @abstractmethod
    def check_component(self, name: str, kind: str) -> None:
        """Raise `NameNotStorable` if the disk cannot hold ``name``; ``kind`` (tag, …) is for the message."""

    @abstractmethod
    def check_entry(self, directory: str, name: str, kind: str) -> None:
        """Raise `NameNotStorable` also if the disk would take ``name`` for another one in ``directory``.

        A race that this check cannot see is caught by `create`, `replace` and `make_directory`, which raise
        the same error rather than write into a directory of another spelling.
        """

    # -- leftovers

    def temporary(self) -> str:
        """Return a path, free and on the same volume as the root, for work that `replace` will end."""
        return f"{self.staging}/{uuid4().hex}"

    def discard_leftovers(self, older_than: float) -> int:
        """Remove what crashed work left in `staging`, at least ``older_than`` seconds ago; return how many.

        Other processes may be at work on the same directory: hence the age. What is in use stays until the
        next time.
        """
        before = time.time_ns() - int(older_than * 1e9)
        removed = 0
        for name in self.list(self.staging):
            path = f"{self.staging}/{name}"
            found = self.stat(path)
            if found is None or found.mtime_ns > before:
                continue
            with suppress(OSError):
                self._destroy(path, found.is_dir)
                removed += 1
        return removed

    @abstractmethod
    def _destroy(self, path: str, is_dir: bool) -> None:
        """Remove what lies at ``path`` in `staging`, bit by bit if it is a directory."""


def for_this_platform(root: str) -> FileSystem:
    """Return the file system object for the platform this process runs on."""
    if sys.platform == "win32":
        from registry_app.storage.windows import WindowsFileSystem  # noqa: PLC0415 - other platforms need none of it

        return WindowsFileSystem(root)
    from registry_app.storage.posix import PosixFileSystem  # noqa: PLC0415 - as above

    return PosixFileSystem(root)
