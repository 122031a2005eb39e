"""A disk that fails at the operation one chooses, and a model of what it would hold after a power failure.

`FaultyOs` stands in for the module ``os`` in the storage modules. It counts every operation on files, and at
the chosen one does what the fault says. It also keeps, strictly after POSIX, what is *durable*: the content
of a file as of its last flush, the names in a directory as of its last flush, and nothing else.
"""

import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from registry_app.storage import win32
from registry_app.storage.win32 import Win32Error
from tests.registry.win32.simulated import SimulatedWin32

_ERROR_IO_DEVICE = 1117
_POSIX = {"open", "write", "writev", "ftruncate", "rename", "mkdir", "unlink", "rmdir", "fsync", "fdatasync"}
_WINDOWS = {"create_file", "move_file", "delete_file", "create_directory", "remove_directory"}
CHANGES = _POSIX | _WINDOWS
"""Operations before which a crash leaves the disk in a state of its own."""
READS = {"read", "stat", "listdir", "scandir", "statvfs"} | {
    "open_file",
    "final_path",
    "information",
    "list_directory",
    "free_bytes",
}
GROWTH = {"open", "write", "writev", "rename", "mkdir", "create_file", "move_file", "create_directory"}
"""Operations that need space."""
_COUNTED = _POSIX | READS | {"close"}
_PATIENCE = 22
"""Tries of the Windows rules before a sharing violation becomes an error."""


class Fault(Enum):
    """What happens at the chosen operation."""

    NONE = "nothing"
    CRASH = "the process dies before it"
    TORN_CRASH = "the process dies in the middle of a write"
    EIO = "the disk fails"
    ENOSPC = "the disk is full"
    TORN_ENOSPC = "the disk is full in the middle of a write"
    SHORT = "a write takes only its first byte"
    BUSY = "another program has the file open, for long"


class Crash(BaseException):
    """The process is dead. Not an `Exception`: a dead process handles nothing."""


def applies(fault: Fault, operation: str) -> bool:
    """Return whether ``fault`` can happen to ``operation``."""
    if fault is Fault.CRASH:
        return operation in CHANGES
    if fault in (Fault.TORN_CRASH, Fault.TORN_ENOSPC, Fault.SHORT):
        return operation in ("write", "writev")
    if fault is Fault.ENOSPC:
        return operation in GROWTH
    if fault is Fault.BUSY:
        return operation in _WINDOWS | {"open_file", "list_directory"}
    return fault is Fault.EIO and operation in CHANGES | READS


@dataclass
class Durable:
    """What a power failure leaves, by inode."""

    files: dict[int, bytes] = field(default_factory=dict)
    directories: dict[int, dict[str, int]] = field(default_factory=dict)
    kinds: dict[int, bool] = field(default_factory=dict)

    def flush(self, fd: int) -> None:
        """Take the file or directory ``fd`` as it is now."""
        found = os.fstat(fd)
        path = f"/proc/self/fd/{fd}"
        if not os.path.isdir(path):
            self.files[found.st_ino] = Path(path).read_bytes()
            return
        names: dict[str, int] = {}
        for entry in os.scandir(path):
            names[entry.name] = entry.inode()
            self.kinds[entry.inode()] = entry.is_dir()
        self.directories[found.st_ino] = names

    def strictly(self, root: str, target: str) -> None:
        """Write to ``target`` what of ``root`` is durable by the letter."""
        self._directory(os.stat(root).st_ino, target)

    def _directory(self, inode: int, target: str) -> None:
        os.mkdir(target)
        for name, child in self.directories.get(inode, {}).items():
            if self.kinds[child]:
                self._directory(child, f"{target}/{name}")
            else:
                Path(f"{target}/{name}").write_bytes(self.files.get(child, b""))

    def names_first(self, root: str, target: str) -> None:
        """Write to ``target`` all names, but only the content that was flushed, as some journals do."""
        os.mkdir(target)
        for entry in os.scandir(root):
            place = f"{target}/{entry.name}"
            if entry.is_dir():
                self.names_first(entry.path, place)
            else:
                Path(place).write_bytes(self.files.get(entry.inode(), b""))


class FaultyOs:
    """The module ``os``, until operation number ``at``."""

    def __init__(self, fault: Fault = Fault.NONE, at: int = -1) -> None:
        self.fault = fault
        self.at = at
        self.operations: list[str] = []
        self.durable = Durable()
        self.dead = False
        self.struck = False
        self.paused = False
        """Operations are neither counted nor disturbed."""
        self._open: set[int] = set()
        self._kept: list[int] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever os has
        real = getattr(os, name)
        if name not in _COUNTED:
            return real
        return lambda *arguments, **options: self._do(name, real, arguments, options)

    def _do(
        self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - as above
        strikes = self.step(_name(name, arguments))
        if strikes and self.fault in (Fault.TORN_CRASH, Fault.TORN_ENOSPC, Fault.SHORT):
            return self._torn(arguments[0], arguments[1])
        if strikes:
            raise self.failure()
        if name in ("fsync", "fdatasync"):
            # The real flush would only cost time: power does not fail here.
            return self.durable.flush(arguments[0])
        result = real(*arguments, **options)
        self._keep(name, arguments, result)
        return result

    def step(self, operation: str) -> bool:
        """Count ``operation``; return whether the fault strikes it."""
        if self.dead:
            raise Crash
        if self.paused:
            return False
        number = len(self.operations)
        self.operations.append(operation)
        lasting = _PATIENCE if self.fault is Fault.BUSY else 1
        strikes = self.at <= number < self.at + lasting and self.fault is not Fault.NONE
        self.struck = self.struck or strikes
        return strikes

    def failure(self) -> BaseException:
        """Return what the fault raises."""
        if self.fault in (Fault.CRASH, Fault.TORN_CRASH):
            self.dead = True
            return Crash()
        code = errno.EIO if self.fault is Fault.EIO else errno.ENOSPC
        return OSError(code, os.strerror(code))

    def _torn(self, fd: int, data: bytes | Sequence[bytes]) -> int:
        whole = b"".join([data] if isinstance(data, bytes | memoryview) else data)
        if self.fault is Fault.SHORT:
            return os.write(fd, whole[:1])
        os.write(fd, whole[: len(whole) // 2])
        raise self.failure()

    def _keep(self, name: str, arguments: tuple[Any, ...], result: int) -> None:
        """Remember what is open."""
        if name == "open":
            self._open.add(result)
            self.keep_inode(arguments[0])
        elif name == "mkdir":
            self.keep_inode(arguments[0])
        elif name == "close":
            self._open.discard(arguments[0])

    def keep_inode(self, path: str) -> None:
        """Keep the number of the inode at ``path`` from being used again: `Durable` goes by it."""
        self._kept.append(os.open(path, os.O_PATH))

    def end(self) -> None:
        """Close what the dead process left open."""
        for fd in [*self._open, *self._kept]:
            os.close(fd)

    def opened(self, path: str, _mode: str) -> io.FileIO:
        """Stand in for ``io.FileIO``: reading fails, too."""
        if self.step("read"):
            raise self.failure()
        return io.FileIO(path, "r")


def _name(name: str, arguments: tuple[Any, ...]) -> str:
    """Tell opening to read from opening to write: only the latter changes something."""
    if name != "open" or (len(arguments) > 1 and arguments[1] & os.O_CREAT):
        return name
    return "read"


@dataclass
class FaultyIo:
    """The module ``io`` for `registry_app.storage.posix`."""

    os: FaultyOs

    def FileIO(self, path: str, mode: str) -> io.FileIO:
        """Open through the faulty disk."""
        return self.os.opened(path, mode)


class FaultyWin32:
    """A simulated Win32 whose operations count with those of ``os``."""

    def __init__(self, real: SimulatedWin32, faulty: FaultyOs) -> None:
        self._real = real
        self._faulty = faulty

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever Win32 has
        real = getattr(self._real, name)
        if name == "close_file":
            return real
        return lambda *arguments: self._do(name, real, arguments)

    def _do(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
        creates = name == "open_file" and arguments[3] == win32.CREATE_NEW
        if self._faulty.step("create_file" if creates else name):
            raise self._failure(str(arguments[0]))
        result = real(*arguments)
        if creates:
            self._faulty.keep_inode(self._real.real(arguments[0]))
        return result

    def _failure(self, path: str) -> BaseException:
        codes = {Fault.EIO: _ERROR_IO_DEVICE, Fault.ENOSPC: win32.ERROR_DISK_FULL, Fault.BUSY: 32}
        code = codes.get(self._faulty.fault)
        return self._faulty.failure() if code is None else Win32Error(code, path)


def tree(root: str) -> set[str]:
    """Return all files below ``root`` with their content's length."""
    return set(_tree(Path(root)))


def _tree(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        if path.is_file():
            yield f"{path.relative_to(root)}: {path.stat().st_size}"
