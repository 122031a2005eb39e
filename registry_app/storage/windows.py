r"""The file system rules of Windows: names fold case, open files hinder renames, others open ours any time.

* Every path goes out in extended-length form (``\\?\C:\…``): no MAX_PATH, no device names, no dropped dots.
* A name counts as found only if the disk spells it as we do, in every component below the root. The open
  handle itself is asked (GetFinalPathNameByHandle), so nothing is cached that could be stale, nothing races.
* Readers share everything, so that a file can be renamed and removed while it is pulled; writers share
  reading.
* A virus scanner, an indexer or a backup may have a file open for a moment: sharing violations and their
  disguise, "access denied", are tried again for about a second; by a thread, not by the event loop.
* A rename is durable by MOVEFILE_WRITE_THROUGH, after the file itself was flushed. Directories cannot be
  flushed, and links of any kind are not used: a container may not make them in a mounted directory.
* DeleteFile frees a name only when the last reader closes. So what is removed is renamed into the staging
  directory first.
"""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import BinaryIO, TypeVar

from registry_app.storage import win32, windows_names, windows_paths
from registry_app.storage.blocking import WouldBlock, may_block, without_blocking
from registry_app.storage.filesystem import FileSystem, FileTooLarge, NameNotStorable, Stat, WritableFile
from registry_app.storage.win32 import Win32, Win32Error
from registry_app.storage.windows_files import SharedReader, WindowsFile

_T = TypeVar("_T")

_ABSENT = {
    win32.ERROR_FILE_NOT_FOUND,
    win32.ERROR_PATH_NOT_FOUND,
    win32.ERROR_INVALID_NAME,
    win32.ERROR_DIRECTORY,
}
_PASSING = {
    win32.ERROR_ACCESS_DENIED,
    win32.ERROR_SHARING_VIOLATION,
    win32.ERROR_LOCK_VIOLATION,
    win32.ERROR_DELETE_PENDING,
}
_ERRNO = {
    **dict.fromkeys(_ABSENT, errno.ENOENT),
    **dict.fromkeys(_PASSING, errno.EACCES),
    win32.ERROR_HANDLE_DISK_FULL: errno.ENOSPC,
    win32.ERROR_DISK_FULL: errno.ENOSPC,
    win32.ERROR_FILE_EXISTS: errno.EEXIST,
    win32.ERROR_ALREADY_EXISTS: errno.EEXIST,
    win32.ERROR_DIR_NOT_EMPTY: errno.ENOTEMPTY,
}
_DELAYS = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, *[0.064] * 15]
"""Seconds between tries, about one in all."""
_SHARE_ALL = win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE | win32.FILE_SHARE_DELETE


class WindowsFileSystem(FileSystem):
    """A disk that folds case; ``api`` and ``sleep`` are for tests."""

    def __init__(
        self, root: str, api: Win32 | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(root.rstrip("\\/"))
        self._api = api or _real_api()
        self._sleep = sleep
        self._plain_root = self.root.replace("/", "\\")
        self._root = windows_paths.extended(self._plain_root)

    # -- reading

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path`` if the disk spells it so."""
        where = self._extended(path)
        try:
            found = self._call(lambda: self._api.information(where))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not self._is_spelled(where, found.final_path):
            return None
        return Stat(found.size, found.mtime_ns, (found.volume, found.number), found.is_directory)

    def is_unchanged(self, seen: Iterable[tuple[str, Stat | None]]) -> bool:
        """Return whether everything is as it was seen; False also if another program is in the way."""
        try:
            with without_blocking():
                return super().is_unchanged(seen)
        except WouldBlock:
            return False

    def read_bytes(self, path: str, limit: int) -> bytes:
        """Return the whole content of a small file."""
        fd = self._open_exactly(path)
        try:
            content = os.read(fd, limit + 1)
            while len(content) <= limit and (more := os.read(fd, limit + 1 - len(content))):
                content += more
        finally:
            self._api.close_file(fd)
        if len(content) > limit:
            raise FileTooLarge(errno.EFBIG, f"more than {limit} bytes", path)
        return content

    def open_read(self, path: str) -> BinaryIO:
        """Open unbuffered for reading, sharing everything."""
        return SharedReader(self._open_exactly(path), self._api)

    def list(self, path: str) -> list[str]:
        """Return the names in a directory; none if it is absent or has another spelling."""
        where = self._extended(path)
        if self.stat(path) is None:
            return []
        try:
            return self._call(lambda: self._api.list_directory(where))
        except FileNotFoundError:
            return []

    def free_bytes(self, path: str) -> int:
        """Return the bytes that this process, with its quota, may still write."""
        where = self._extended(path)
        return self._call(lambda: self._api.free_bytes(where))

    # -- writing

    def create(self, path: str) -> WritableFile:
        """Create a file and its parents."""
        self.make_directory(windows_paths.parent(self._extended(path)))
        fd = self._open_exactly(path, win32.GENERIC_WRITE, win32.FILE_SHARE_READ, win32.CREATE_NEW)
        return WindowsFile(fd, 0, self._api)

    def open_append(self, path: str) -> WritableFile:
        """Open an existing file at its end."""
        fd = self._open_exactly(path, win32.GENERIC_WRITE, win32.FILE_SHARE_READ)
        return WindowsFile(fd, os.lseek(fd, 0, os.SEEK_END), self._api)

    def replace(self, source: str, target: str) -> None:
        """Rename and write through."""
        old, new = self._extended(source), self._extended(target)
        self.make_directory(windows_paths.parent(new))
        self._refuse_other_spelling(new)
        flags = win32.MOVEFILE_REPLACE_EXISTING | win32.MOVEFILE_WRITE_THROUGH
        self._call(lambda: self._api.move_file(old, new, flags))

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents."""
        where = self._extended(path)
        while not self._refuse_other_spelling(where):
            self.make_directory(windows_paths.parent(where))
            # Made by someone else meanwhile: the loop looks how it is spelled.
            with suppress(FileExistsError):
                self._call(lambda: self._api.create_directory(where))

    def remove(self, path: str, missing_ok: bool = False) -> None:
        """Remove one file."""
        where = self._extended(path)
        if self.stat(path) is None:
            if missing_ok:
                return
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        try:
            aside = self._set_aside(where)
        except FileNotFoundError:
            if missing_ok:
                return
            raise
        # The name is free, and that is what counts. What someone still holds open goes with the next
        # `discard_leftovers`.
        with suppress(OSError):
            self._call(lambda: self._api.delete_file(aside), patient=False)

    def remove_tree(self, path: str) -> None:
        """Rename the directory out of sight, then remove it bit by bit.

        A directory cannot be renamed while someone reads in it. If that lasts, its content goes in the order
        of the names, which has a tag's ``current`` before its ``index``.
        """
        where = self._extended(path)
        if self.stat(path) is None:
            return
        try:
            aside = self._set_aside(where)
        except FileNotFoundError:
            return
        except PermissionError:
            self._empty(where)
            self._call(lambda: self._api.remove_directory(where))
            return
        # It is done: what cannot be removed from the staging directory now, `discard_leftovers` will.
        with suppress(OSError):
            self._destroy(aside, is_dir=True)

    def remove_empty(self, path: str) -> bool:
        """Remove a directory if nothing is in it."""
        where = self._extended(path)
        if self.stat(path) is None:
            return True
        try:
            self._call(lambda: self._api.remove_directory(where))
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return False
            raise
        return True

    # -- names

    def check_component(self, name: str, kind: str) -> None:
        """Refuse what Windows reserves, cuts, forbids or cannot hold."""
        if why := windows_names.why_not_storable(name):
            raise NameNotStorable(name, f"{why}; choose another {kind}")

    def check_entry(self, directory: str, name: str, kind: str) -> None:
        """Refuse also what differs only by case from a name that is there."""
        self.check_component(name, kind)
        self._refuse_other_spelling(f"{self._extended(directory)}\\{name}", kind)

    # -- how

    def _extended(self, path: str) -> str:
        """Return ``path`` in extended-length form."""
        plain = path.replace("/", "\\")
        if plain.startswith("\\\\?\\"):
            return plain
        if plain.startswith(self._plain_root):
            return self._root + plain[len(self._plain_root) :]
        return windows_paths.extended(plain)

    def _call(self, action: Callable[[], _T], *, patient: bool = True) -> _T:
        """Return what ``action`` returns, trying again while another program is in the way; raise
        `WouldBlock` instead if the caller cannot wait for that.
        """
        for delay in _DELAYS if patient else []:
            try:
                return action()
            except Win32Error as error:
                if error.code not in _PASSING:
                    raise _os_error(error) from error
                if not may_block():
                    raise WouldBlock(error.path) from error
            self._sleep(delay)
        try:
            return action()
        except Win32Error as error:
            raise _os_error(error) from error

    def _open_exactly(
        self,
        path: str,
        access: int = win32.GENERIC_READ,
        share: int = _SHARE_ALL,
        disposition: int = win32.OPEN_EXISTING,
    ) -> int:
        """Open a file, unless the disk spells it differently: then it is not there, or not to be created."""
        where = self._extended(path)
        fd = self._call(lambda: self._api.open_file(where, access, share, disposition))
        try:
            exact = self._is_spelled(where, self._call(lambda: self._api.final_path(fd)))
        except OSError:
            self._api.close_file(fd)
            raise
        if exact:
            return fd
        self._api.close_file(fd)
        if disposition == win32.CREATE_NEW:
            self._call(lambda: self._api.delete_file(where))
            self._refuse_other_spelling(windows_paths.parent(where))
        raise FileNotFoundError(errno.ENOENT, "no such file", path)

    def _is_spelled(self, where: str, final: str) -> bool:
        """Tell whether the disk spells ``where`` as we do, below the root; the root is the operator's."""
        below = where[len(self._root) :] if where.startswith(self._root) else ""
        if final.endswith(below):
            return True
        if windows_names.fold(final[-len(below) :]) == windows_names.fold(below):
            return False
        # A junction or a mount somewhere below the root: the final path leads elsewhere. Look name by name.
        return all(self._lists(directory, name) for directory, name in windows_paths.steps(self._root, below))

    def _lists(self, directory: str, name: str) -> bool:
        return name in self._call(lambda: self._api.list_directory(directory))

    def _refuse_other_spelling(self, where: str, kind: str = "name") -> bool:
        """Return whether ``where`` is there; raise `NameNotStorable` if it is under another spelling."""
        try:
            found = self._call(lambda: self._api.information(where))
        except FileNotFoundError:
            return False
        if self._is_spelled(where, found.final_path):
            return True
        other = windows_paths.first_difference(where, found.final_path)
        raise NameNotStorable(
            where.rpartition("\\")[2],
            f"it differs only by case from {other}, which is there; choose another {kind}",
        )

    def _set_aside(self, where: str) -> str:
        """Rename a file or directory into the staging directory, and return where it is now."""
        aside = self._extended(self.temporary())
        self.make_directory(windows_paths.parent(aside))
        self._call(lambda: self._api.move_file(where, aside, win32.MOVEFILE_WRITE_THROUGH))
        return aside

    def _empty(self, where: str) -> None:
        """Remove what is in a directory, in the order of the names, each file at once."""
        for name in sorted(self._call(lambda: self._api.list_directory(where))):
            path = f"{where}\\{name}"
            if self._call(lambda path=path: self._api.information(path)).is_directory:  # type: ignore[misc]
                self._empty(path)
                self._call(lambda path=path: self._api.remove_directory(path))  # type: ignore[misc]
            else:
                self.remove(path)

    def _destroy(self, path: str, is_dir: bool) -> None:
        where = self._extended(path)
        if not is_dir:
            self._call(lambda: self._api.delete_file(where), patient=False)
            return
        for name in self._call(lambda: self._api.list_directory(where)):
            child = f"{where}\\{name}"
            found = self._call(lambda child=child: self._api.information(child))  # type: ignore[misc]
            self._destroy(child, found.is_directory)
        self._call(lambda: self._api.remove_directory(where))


def _real_api() -> Win32:
    if sys.platform == "win32":
        from registry_app.storage.kernel32 import Kernel32  # noqa: PLC0415 - can be imported on Windows only

        return Kernel32()
    raise OSError(errno.ENOSYS, "the file system rules of Windows need Windows")


def _os_error(error: Win32Error) -> OSError:
    """Return what Python raises for such a failure."""
    return OSError(_ERRNO.get(error.code, errno.EIO), f"Win32 error {error.code}", error.path)
