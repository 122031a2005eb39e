"""The drives of a simulated host: Windows' rules for names, over directories of this machine.

Names are matched without regard to case and keep the spelling they were created with. What Windows refuses is
refused with its own error (Win32 error codes; "Naming Files, Paths, and Namespaces").
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rehearsal.acl import MODIFY, AccessRules
from rehearsal.interfaces import FaultsApi, FileEntry, WindowsError

NOT_FOUND = (2, "The system cannot find the file specified.")
NO_PATH = (3, "The system cannot find the path specified.")
DENIED = (5, "Access to the path is denied.")
NO_DRIVE = (15, "The system cannot find the drive specified.")
EXISTS = (183, "Cannot create a file when that file already exists.")
DISK_FULL = (112, "There is not enough space on the disk.")
BAD_NAME = (123, "The filename, directory name, or volume label syntax is incorrect.")
RESERVED = (267, "The directory name is invalid.")

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_ABSOLUTE = re.compile(r"(?:\\\\\?\\)?([A-Za-z]):[\\/](.*)", re.DOTALL)

_ERRORS = {
    errno.ENOENT: NOT_FOUND,
    errno.ENOTDIR: NO_PATH,
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
    errno.EISDIR: DENIED,
    errno.EEXIST: EXISTS,
    errno.ENOSPC: DISK_FULL,
    errno.ENAMETOOLONG: (206, "The filename or extension is too long."),
}


def split(path: str) -> tuple[str, list[str]]:
    r"""Return the drive letter and the names of an absolute path, ``.`` and ``..`` resolved.

    Trailing dots and blanks of a name are cut off, as Win32 does; raises `WindowsError` for a name that
    Windows does not take.
    """
    match = _ABSOLUTE.fullmatch(path) or _ABSOLUTE.fullmatch(f"{path}\\")
    if match is None:
        raise WindowsError(*BAD_NAME, path)
    names: list[str] = []
    for raw in re.split(r"[\\/]+", match[2]):
        if raw in {"", "."}:
            continue
        if raw == "..":
            names = names[:-1]
            continue
        name = raw.rstrip(". ")
        if not name or _FORBIDDEN.search(name):
            raise WindowsError(*BAD_NAME, path)
        if _RESERVED.fullmatch(name):
            raise WindowsError(*RESERVED, path)
        names.append(name)
    return match[1].upper(), names


def join(drive: str, names: list[str]) -> str:
    """Return the path that `split` takes apart."""
    return f"{drive}:\\" + "\\".join(names)


class Drives:
    """The files of one host, below ``root``: drive C is ``root/C``."""

    def __init__(self, root: str, faults: FaultsApi) -> None:
        self._root = root
        self._faults = faults
        self.access = AccessRules(os.path.join(root, "acl.json"))
        os.makedirs(os.path.join(root, "C"), exist_ok=True)

    def real(self, path: str) -> str:
        """Return the path on this machine; what does not exist of it is spelt as given."""
        drive, names = split(path)
        found = os.path.join(self._root, drive)
        if not os.path.isdir(found):
            raise WindowsError(*NO_DRIVE, path)
        for name in names:
            found = os.path.join(found, _spelling(found, name))
        return found

    def spelt(self, path: str) -> str:
        """Return a Windows path with the spelling that its names have on the drive."""
        drive, _ = split(path)
        below = os.path.relpath(self.real(path), os.path.join(self._root, drive))
        return join(drive, [] if below == "." else below.split("/"))

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory; a path that cannot be one is just absent."""
        try:
            return os.path.exists(self.real(path))
        except WindowsError:
            return False

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory."""
        try:
            return os.path.isdir(self.real(path))
        except WindowsError:
            return False

    def entry(self, path: str) -> FileEntry:
        """Return what is known of one file or directory."""
        with _translated(path):
            real = self.real(path)
            return _entry(os.path.basename(real), os.stat(real))

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with _translated(path), open(self.real(path), "rb") as file:
            return file.read()

    def read_part(self, path: str, offset: int, count: int) -> tuple[bytes, int]:
        """Return up to ``count`` bytes from ``offset``, and the length of the whole file."""
        with _translated(path), open(self.real(path), "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(offset)
            return file.read(count), length

    def digest(self, path: str, algorithm: str) -> str:
        """Return the hexadecimal digest of a file, in capitals; ``algorithm`` is one of hashlib's."""
        with _translated(path), open(self.real(path), "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest().upper()

    def write(self, path: str, content: bytes) -> None:
        """Write a whole file, by rename; its directory must exist."""
        self._check_space(path)
        real = self.real(path)
        if os.path.isdir(real):
            raise WindowsError(*DENIED, path)
        part = os.path.join(os.path.dirname(real), f"~{threading.get_ident()}.rehearsal")
        with _translated(path, missing=NO_PATH):
            with open(part, "wb") as file:
                file.write(content)
            os.replace(part, real)

    def append(self, path: str, offset: int, content: bytes) -> None:
        """Write at ``offset``, which must be the file's length; offset 0 starts a new file."""
        self._check_space(path)
        missing = NOT_FOUND if offset else NO_PATH
        with _translated(path, missing), open(self.real(path), "r+b" if offset else "wb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() != offset:
                raise WindowsError(87, f"{path} has {file.tell()} bytes, not {offset}")
            file.write(content)

    def make_directory(self, path: str) -> None:
        """Create a directory and those above it; no error if it is there."""
        if not self.exists(path):
            self._check_space(path)
        with _translated(path, missing=NO_PATH):
            os.makedirs(self.real(path), exist_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all that is in it."""
        with _translated(path):
            real = self.real(path)
            if os.path.isdir(real):
                shutil.rmtree(real)
            else:
                os.remove(real)
        self.access.forget(path)

    def move(self, source: str, destination: str) -> None:
        """Rename a file or directory; an existing file is replaced, an existing directory is not."""
        with _translated(source):
            old, new = self.real(source), self.real(destination)
            if os.path.isdir(new) and old != new:
                raise WindowsError(*EXISTS, destination)
            os.replace(old, new)
        self.access.moved(source, destination)

    def replace(self, source: str, destination: str) -> None:
        """Put a file in the place of another, which keeps its permissions (ReplaceFile)."""
        with _translated(source):
            os.replace(self.real(source), self.real(destination))
        self.access.forget(source)

    def grants_modify(self, path: str, sid: str) -> bool:
        """Whether ``sid`` may modify a directory and what is made in it."""
        return self.access.allows(path, [sid], MODIFY)

    def list(self, path: str) -> list[FileEntry]:
        """Return a directory's entries in name order."""
        with _translated(path), os.scandir(self.real(path)) as found:
            entries = [_entry(item.name, item.stat()) for item in found]
        return sorted(entries, key=lambda entry: entry.name.upper())

    def _check_space(self, path: str) -> None:
        if self._faults.arguments("disk-full") is not None:
            raise WindowsError(*DISK_FULL, path)


def _spelling(directory: str, name: str) -> str:
    if os.path.lexists(os.path.join(directory, name)):
        return name
    wanted = name.casefold()
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return name
    return next((found for found in names if found.casefold() == wanted), name)


def _entry(name: str, status: os.stat_result) -> FileEntry:
    is_directory = (status.st_mode & 0o170000) == 0o040000
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return FileEntry(name, is_directory, 0 if is_directory else status.st_size, modified)


@contextmanager
def _translated(path: str, missing: tuple[int, str] = NOT_FOUND) -> Iterator[None]:
    try:
        yield
    except WindowsError:
        raise
    except OSError as error:
        known = dict(_ERRORS)
        known[errno.ENOENT] = missing
        code, message = known.get(
            error.errno or 0, (1117, f"The request could not be performed: {error.strerror}")
        )
        raise WindowsError(code, message, path) from error
