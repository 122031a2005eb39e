"""The file system rules of POSIX: open files may be renamed, names are bytes, and a rename must be flushed.

*Durability.* POSIX promises that a rename is atomic, not that it is on the disk: a new name is durable when
the directory that holds it was flushed, and a new directory when the one above it was.
`PosixFileSystem.replace` therefore flushes the target's directory and the parent of every directory that it
had to make. (One window is left to the journal of the file system, which keeps the order of such changes: a
directory that another thread has made and not yet flushed.)
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, TypeVar

from registry_app.storage.filesystem import FileSystem, FileTooLarge, NameNotStorable, Stat, WritableFile

assert sys.platform != "win32"  # noqa: S101 - tells mypy which platform's names are there

_LONGEST_NAME = 255  # bytes; NAME_MAX of ext4, XFS, btrfs and APFS
_MOST_BUFFERS = 1024  # IOV_MAX of Linux and macOS
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MODE = 0o644
_IS_DIRECTORY = 0o040000
_MOST_RACES = 8
_T = TypeVar("_T")


class PosixFile(WritableFile):
    """A growing file on POSIX."""

    def _append(self, buffers: list[memoryview]) -> int:
        written = 0
        while buffers:
            count = os.writev(self._fd, buffers[:_MOST_BUFFERS])
            written += count
            while buffers and count >= len(buffers[0]):
                count -= len(buffers.pop(0))
            if count:
                buffers[0] = buffers[0][count:]
        return written

    def flush(self) -> None:
        """Return when content and size are on the disk."""
        _flush(self._fd)

    def close(self) -> None:
        """Close; a second time does nothing."""
        fd, self._fd = self._fd, -1
        if fd != -1:
            os.close(fd)


class PosixFileSystem(FileSystem):
    """A disk that tells names apart by their bytes."""

    def prepare(self) -> None:
        """Make the root; refuse a disk that takes ``latest`` for ``Latest``: it would serve the wrong image.

        Windows drives under WSL, and directories of a Windows or macOS host in a Linux container, do that.
        """
        super().prepare()
        if not os.listdir(self.root):
            self.make_directory(self.staging)
        for name in os.listdir(self.root):
            same, other = (self.stat(f"{self.root}/{spelling}") for spelling in (name, name.swapcase()))
            if name != name.swapcase() and same is not None and same == other:
                raise OSError(
                    errno.ENOTSUP,
                    "this disk does not tell upper from lower case, so tags would be confused; "
                    "use a directory on a disk of Linux's own",
                    self.root,
                )

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``, or None."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_dir = found.st_mode & 0o170000 == _IS_DIRECTORY
        return Stat(found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino), is_dir)

    def read_bytes(self, path: str, limit: int) -> bytes:
        """Return the whole content of a small file."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(fd, limit + 1)
            while len(content) <= limit and (more := os.read(fd, limit + 1 - len(content))):
                content += more
        finally:
            os.close(fd)
        if len(content) > limit:
            raise FileTooLarge(errno.EFBIG, f"more than {limit} bytes", path)
        return content

    def open_read(self, path: str) -> BinaryIO:
        """Open unbuffered for reading."""
        return io.FileIO(path, "r")

    def list(self, path: str) -> list[str]:
        """Return the names in a directory; none if it is absent."""
        try:
            return os.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def free_bytes(self, path: str) -> int:
        """Return the bytes available to processes that are not root's."""
        volume = os.statvfs(path)
        return volume.f_bavail * volume.f_frsize

    def create(self, path: str) -> WritableFile:
        """Create a file and its parents."""
        return PosixFile(self._with_parents(path, lambda: os.open(path, _NEW_FILE, _MODE)), 0)

    def open_append(self, path: str) -> WritableFile:
        """Open an existing file at its end."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        return PosixFile(fd, os.lseek(fd, 0, os.SEEK_END))

    def replace(self, source: str, target: str) -> None:
        """Rename, and return when the new name is on the disk."""
        self._with_parents(target, lambda: os.rename(source, target))
        _flush_directory(os.path.dirname(target))

    def _with_parents(self, path: str, action: Callable[[], _T]) -> _T:
        """Return what ``action`` does at ``path``, after making its parents if need be."""
        for _ in range(_MOST_RACES):
            try:
                return action()
            except FileNotFoundError:
                # Not tested first: the parents are nearly always there. In a loop: someone else may be
                # removing empty directories.
                self.make_directory(os.path.dirname(path))
        return action()

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents, durably."""
        missing = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            try:
                os.mkdir(directory)
            except FileExistsError:
                if not os.path.isdir(directory):
                    raise
            # Also if another process made it just now: it may not have come to flush it yet.
            _flush_directory(os.path.dirname(directory))

    def remove(self, path: str, missing_ok: bool = False) -> None:
        """Remove one file, and return when its name is gone from the disk."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            if not missing_ok:
                raise
            return
        _flush_directory(os.path.dirname(path))

    def remove_tree(self, path: str) -> None:
        """Rename the directory out of sight, then remove it bit by bit."""
        aside = self.temporary()
        try:
            os.stat(path)
            self._with_parents(aside, lambda: os.rename(path, aside))
        except FileNotFoundError:
            return
        _flush_directory(os.path.dirname(path))
        # It is done: what cannot be removed from the staging directory now, `discard_leftovers` will.
        with suppress(OSError):
            self._destroy(aside, is_dir=True)

    def remove_empty(self, path: str) -> bool:
        """Remove a directory if nothing is in it."""
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True

    def check_component(self, name: str, kind: str) -> None:
        """Refuse what no POSIX directory can hold."""
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise NameNotStorable(name, f"it is no {kind} but a path")
        if len(os.fsencode(name)) > _LONGEST_NAME:
            raise NameNotStorable(name, f"a {kind} has at most {_LONGEST_NAME} bytes here")

    def check_entry(self, directory: str, name: str, kind: str) -> None:  # noqa: ARG002
        """Refuse what no POSIX directory can hold; none takes one name for another."""
        self.check_component(name, kind)

    def _destroy(self, path: str, is_dir: bool) -> None:
        if not is_dir:
            os.unlink(path)
            return
        with os.scandir(path) as entries:
            for entry in entries:
                self._destroy(entry.path, entry.is_dir(follow_symlinks=False))
        os.rmdir(path)


def _flush(fd: int) -> None:
    """Flush content and size; the time of change may lag behind."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def _flush_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
