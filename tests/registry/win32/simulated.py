"""A Win32 that keeps a drive in a Linux directory, with the rules that make Windows different.

Modelled on the strict side, after NTFS on Windows Server 2016: what a newer Windows forgives is refused here.

* Names fold case and keep it. Without the prefix of an extended-length path, trailing dots and spaces are
  dropped, device names are devices and MAX_PATH holds.
* Share modes: opening needs the consent of those who have the file open, and theirs needs ours. Renaming
  and deleting need everyone's FILE_SHARE_DELETE.
* Deleting an open file leaves its name behind, untouchable, until the last handle closes.
* An open file cannot be replaced by a rename, whatever it shares; a directory with an open file in it
  cannot be renamed.
* A directory cannot be opened as a file, and so not flushed.
* `antivirus`, called before each operation, may make it fail as if another program had the file open.
"""

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from registry_app.storage import win32
from registry_app.storage.win32 import FileInformation, Win32Error

ERROR_FILENAME_EXCED_RANGE = 206
MAX_PATH = 260
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³]) *(\..*)?", re.IGNORECASE)
_RIGHTS = (
    (win32.GENERIC_READ, win32.FILE_SHARE_READ),
    (win32.GENERIC_WRITE, win32.FILE_SHARE_WRITE),
)


@dataclass(frozen=True)
class Opened:
    """One open handle."""

    file: tuple[int, int]
    access: int
    share: int


def no_antivirus(_call: str, _path: str) -> None:
    """Leave every file alone."""


@dataclass
class SimulatedWin32:
    """Drive ``C:``, kept in the directory ``drive``."""

    drive: str
    antivirus: Callable[[str, str], None] = no_antivirus
    free: int | None = None
    calls: list[tuple[str, ...]] = field(default_factory=list)
    _opened: dict[int, Opened] = field(default_factory=dict)
    _pending: dict[tuple[int, int], str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # -- the calls of `registry_app.storage.win32.Win32`

    def open_file(self, path: str, access: int, share: int, disposition: int) -> int:
        with self._call("open_file", path):
            real = self._find(path)
            if disposition == win32.CREATE_NEW:
                return self._create(path, real, access, share)
            if real is None:
                raise Win32Error(self._why_absent(path), path)
            if os.path.isdir(real):
                raise Win32Error(win32.ERROR_ACCESS_DENIED, path)
            self._refuse_pending(real, path)
            for other in self._handles(real):
                self._refuse_conflict(other, access, share, path)
            flags = os.O_RDWR if access & win32.GENERIC_WRITE else os.O_RDONLY
            return self._register(os.open(real, flags), access, share)

    def close_file(self, fd: int) -> None:
        with self._lock:
            file = self._opened.pop(fd).file
            os.close(fd)
            if file in self._pending and not any(other.file == file for other in self._opened.values()):
                os.unlink(self._pending.pop(file))

    def final_path(self, fd: int) -> str:
        with self._lock:
            return self._plain(os.readlink(f"/proc/self/fd/{fd}"))

    def information(self, path: str) -> FileInformation:
        with self._lock:
            real = self._existing(path)
            self._refuse_pending(real, path)
            found = os.stat(real)
            is_directory = os.path.isdir(real)
            return FileInformation(
                found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino, is_directory, self._plain(real)
            )

    def move_file(self, source: str, target: str, flags: int) -> None:
        with self._call("move_file", source, target, str(flags)):
            real = self._existing(source)
            self._refuse_pending(real, source)
            if os.path.isdir(real):
                self._refuse_open_below(real, source)
            self._need_delete_share(real, source)
            old = self._find(target)
            if old is not None and old != real:
                self._refuse_replacement(old, target, flags)
            os.rename(real, old if old is not None and old != real else self._place(target))

    def delete_file(self, path: str) -> None:
        with self._call("delete_file", path):
            real = self._existing(path)
            if os.path.isdir(real):
                raise Win32Error(win32.ERROR_ACCESS_DENIED, path)
            self._refuse_pending(real, path)
            self._need_delete_share(real, path)
            if self._handles(real):
                self._pending[_identity(real)] = real
            else:
                os.unlink(real)

    def create_directory(self, path: str) -> None:
        with self._call("create_directory", path):
            if self._find(path) is not None:
                raise Win32Error(win32.ERROR_ALREADY_EXISTS, path)
            os.mkdir(self._place(path))

    def remove_directory(self, path: str) -> None:
        with self._call("remove_directory", path):
            real = self._existing(path)
            if not os.path.isdir(real):
                raise Win32Error(win32.ERROR_DIRECTORY, path)
            if os.listdir(real):
                raise Win32Error(win32.ERROR_DIR_NOT_EMPTY, path)
            os.rmdir(real)

    def list_directory(self, path: str) -> list[str]:
        with self._call("list_directory", path):
            real = self._existing(path)
            if not os.path.isdir(real):
                raise Win32Error(win32.ERROR_DIRECTORY, path)
            return os.listdir(real)

    def free_bytes(self, path: str) -> int:
        with self._call("free_bytes", path):
            volume = os.statvfs(self._existing(path))
            return volume.f_bavail * volume.f_frsize if self.free is None else self.free

    # -- for tests

    def real(self, path: str) -> str:
        """Return where ``path`` lies on the Linux disk."""
        return self._existing(path)

    @property
    def open_handles(self) -> int:
        """How many files are open."""
        return len(self._opened)

    # -- names

    def _names(self, path: str) -> list[str]:
        """Return the names below the drive, as the kernel gets them."""
        if path.startswith("\\\\?\\"):
            drive, *names = path[4:].split("\\")
            if "/" in path or any(name in ("", ".", "..") for name in names[:-1] if names != [""]):
                raise Win32Error(win32.ERROR_INVALID_NAME, path)
        else:
            if len(path) >= MAX_PATH:
                raise Win32Error(ERROR_FILENAME_EXCED_RANGE, path)
            drive, *names = path.replace("/", "\\").split("\\")
            names = [name.rstrip(". ") for name in names]
            if any(_DEVICES.fullmatch(name) for name in names):
                raise Win32Error(win32.ERROR_DIRECTORY, path)
        if drive.upper() != "C:":
            raise Win32Error(win32.ERROR_PATH_NOT_FOUND, path)
        for name in names:
            if set(name) & set('<>:"/|?*') or len(name) > 255:
                raise Win32Error(win32.ERROR_INVALID_NAME, path)
        return [name for name in names if name]

    def _find(self, path: str) -> str | None:
        """Return the real path that the names of ``path`` lead to, folding case."""
        real = self.drive
        for name in self._names(path):
            step = _entry(real, name)
            if step is None:
                return None
            real = step
        return real

    def _existing(self, path: str) -> str:
        real = self._find(path)
        if real is None:
            raise Win32Error(self._why_absent(path), path)
        return real

    def _why_absent(self, path: str) -> int:
        parent = self._find(path.rpartition("\\")[0])
        is_there = parent is not None and os.path.isdir(parent)
        return win32.ERROR_FILE_NOT_FOUND if is_there else win32.ERROR_PATH_NOT_FOUND

    def _place(self, path: str) -> str:
        """Return the real path for a new name in an existing directory."""
        parent = self._find(path.rpartition("\\")[0])
        if parent is None or not os.path.isdir(parent):
            raise Win32Error(win32.ERROR_PATH_NOT_FOUND, path)
        return f"{parent}/{self._names(path)[-1]}"

    def _plain(self, real: str) -> str:
        return real.removeprefix(self.drive).replace("/", "\\") or "\\"

    # -- sharing

    def _create(self, path: str, real: str | None, access: int, share: int) -> int:
        if real is not None:
            self._refuse_pending(real, path)
            raise Win32Error(win32.ERROR_FILE_EXISTS, path)
        fd = os.open(self._place(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        return self._register(fd, access, share)

    def _register(self, fd: int, access: int, share: int) -> int:
        assert fd not in self._opened, "a descriptor was closed without close_file"
        status = os.fstat(fd)
        self._opened[fd] = Opened((status.st_dev, status.st_ino), access, share)
        return fd

    def _handles(self, real: str) -> list[Opened]:
        file = _identity(real)
        return [other for other in self._opened.values() if other.file == file]

    def _refuse_conflict(self, other: Opened, access: int, share: int, path: str) -> None:
        for right, consent in _RIGHTS:
            if (access & right and not other.share & consent) or (
                other.access & right and not share & consent
            ):
                raise Win32Error(win32.ERROR_SHARING_VIOLATION, path)

    def _need_delete_share(self, real: str, path: str) -> None:
        if any(not other.share & win32.FILE_SHARE_DELETE for other in self._handles(real)):
            raise Win32Error(win32.ERROR_SHARING_VIOLATION, path)

    def _refuse_replacement(self, old: str, path: str, flags: int) -> None:
        if not flags & win32.MOVEFILE_REPLACE_EXISTING:
            raise Win32Error(win32.ERROR_ALREADY_EXISTS, path)
        if os.path.isdir(old) or self._handles(old):
            raise Win32Error(win32.ERROR_ACCESS_DENIED, path)

    def _refuse_pending(self, real: str, path: str) -> None:
        if _identity(real) in self._pending:
            raise Win32Error(win32.ERROR_ACCESS_DENIED, path)

    def _refuse_open_below(self, real: str, path: str) -> None:
        opened = {other.file for other in self._opened.values()}
        for directory, _, names in os.walk(real):
            if any(_identity(f"{directory}/{name}") in opened for name in names):
                raise Win32Error(win32.ERROR_ACCESS_DENIED, path)

    def _call(self, name: str, path: str, *more: str) -> threading.RLock:
        self.antivirus(name, path)
        self.calls.append((name, path, *more))
        return self._lock


def _identity(real: str) -> tuple[int, int]:
    status = os.stat(real)
    return status.st_dev, status.st_ino


def _entry(directory: str, name: str) -> str | None:
    """Return the path of the entry that ``name`` finds, folding case."""
    exact = f"{directory}/{name}"
    if os.path.lexists(exact):
        return exact
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    folded = name.upper()
    return next((f"{directory}/{other}" for other in names if other.upper() == folded), None)
