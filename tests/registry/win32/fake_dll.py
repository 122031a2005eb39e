"""A ``kernel32.dll`` for ctypes on Linux: the calling conventions of Win32 in front of `SimulatedWin32`.

So `registry_app.storage.kernel32` itself runs here: which function it calls, with which arguments in which
order, how it reads structures, buffers and the last error. What it cannot show is the layout of the
structures, which ctypes takes from its own definitions for Windows.
"""

# ruff: noqa: ANN401, PLR0917 - C functions, with ctypes' untyped references and as many arguments as they have

import ctypes
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from registry_app.storage.win32 import Win32, Win32Error
from tests.registry.win32.simulated import SimulatedWin32

_INVALID_HANDLE = 2**64 - 1
_NO_MORE_FILES = 18
_BACKUP_SEMANTICS = 0x0200_0000
_FIRST_PSEUDO_HANDLE = 1_000_000
_EPOCH = 116_444_736_000_000_000
_ARGUMENTS = {"CreateFileW": 7, "GetFinalPathNameByHandleW": 4, "MoveFileExW": 3, "GetDiskFreeSpaceExW": 4}


class FakeDll:
    """What ``ctypes.WinDLL("kernel32", use_last_error=True)`` gives."""

    def __init__(self, api: SimulatedWin32) -> None:
        self.api = api
        self.last_error = 0
        self._paths: dict[int, str] = {}
        self._listings: dict[int, list[str]] = {}
        self._next = _FIRST_PSEUDO_HANDLE
        for name in [name for name in vars(FakeDll) if name[0].isupper()]:
            setattr(self, name, self._exported(name, getattr(self, name)))

    def _exported(self, name: str, implementation: Callable[..., int]) -> Callable[..., int]:
        """Return a function as ctypes gives it: failure is a return value, the reason the last error."""

        def call(*arguments: Any) -> int:
            assert len(arguments) == len(call.argtypes) == _ARGUMENTS.get(name, len(arguments))  # type: ignore[attr-defined]
            try:
                return implementation(*arguments)
            except Win32Error as error:
                self.last_error = error.code
                return _INVALID_HANDLE if name in ("CreateFileW", "FindFirstFileW") else 0

        return call

    def _handle(self) -> int:
        self._next += 1
        return self._next

    def CreateFileW(
        self, path: str, access: int, share: int, security: None, disposition: int, flags: int, template: None
    ) -> int:
        assert security is None
        assert template is None
        if flags & _BACKUP_SEMANTICS:
            self.api.information(path)
            handle = self._handle()
            self._paths[handle] = path
            return handle
        return self.api.open_file(path, access, share, disposition)

    def CloseHandle(self, handle: int) -> int:
        del self._paths[handle]
        return 1

    def GetFileInformationByHandle(self, handle: int, reference: Any) -> int:
        found, into = self.api.information(self._paths[handle]), reference._obj
        into.attributes = 0x10 if found.is_directory else 0x20
        ticks = found.mtime_ns // 100 + _EPOCH
        into.last_write_time.dwHighDateTime, into.last_write_time.dwLowDateTime = (
            ticks >> 32,
            ticks & 0xFFFF_FFFF,
        )
        into.volume = found.volume & 0xFFFF_FFFF
        into.size_high, into.size_low = found.size >> 32, found.size & 0xFFFF_FFFF
        into.index_high, into.index_low = found.number >> 32, found.number & 0xFFFF_FFFF
        return 1

    def GetFinalPathNameByHandleW(self, handle: int, buffer: Any, size: int, flags: int) -> int:
        assert flags == 4, "VOLUME_NAME_NONE"
        path = self.api.information(self._paths[handle]).final_path if handle in self._paths else None
        buffer.value = path or self.api.final_path(handle)
        assert len(buffer.value) < size
        return len(buffer.value)

    def MoveFileExW(self, source: str, target: str, flags: int) -> int:
        self.api.move_file(source, target, flags)
        return 1

    def DeleteFileW(self, path: str) -> int:
        self.api.delete_file(path)
        return 1

    def CreateDirectoryW(self, path: str, security: None) -> int:
        assert security is None
        self.api.create_directory(path)
        return 1

    def RemoveDirectoryW(self, path: str) -> int:
        self.api.remove_directory(path)
        return 1

    def FindFirstFileW(self, pattern: str, reference: Any) -> int:
        directory, _, name = pattern.rpartition("\\")
        assert name == "*"
        names = self.api.list_directory(directory)
        handle = self._handle()
        self._listings[handle] = [".", "..", *names]
        self.FindNextFileW(handle, reference)
        return handle

    def FindNextFileW(self, handle: int, reference: Any) -> int:
        if not self._listings[handle]:
            raise Win32Error(_NO_MORE_FILES, "")
        reference._obj.cFileName = self._listings[handle].pop(0)
        return 1

    def FindClose(self, handle: int) -> int:
        del self._listings[handle]
        return 1

    def GetDiskFreeSpaceExW(self, path: str, free: Any, total: Any, all_free: Any) -> int:
        free._obj.value = self.api.free_bytes(path)
        total._obj.value = all_free._obj.value = 2**60
        return 1


class _Os(ModuleType):
    """The module ``os`` of Windows, as far as `registry_app.storage.kernel32` uses it."""

    O_BINARY = O_NOINHERIT = O_RDONLY = 0

    def __init__(self, api: SimulatedWin32) -> None:
        super().__init__("os")
        self.close = api.close_file


@contextmanager
def kernel32_over(api: SimulatedWin32) -> Iterator[Win32]:
    """Yield the real ctypes code over ``api``."""
    dll = FakeDll(api)
    name = "registry_app.storage.kernel32"
    with pytest.MonkeyPatch.context() as patched:
        same = SimpleNamespace(open_osfhandle=lambda handle, _flags: handle, get_osfhandle=lambda fd: fd)
        patched.setitem(sys.modules, "msvcrt", same)
        patched.setattr(
            ctypes, "WinDLL", lambda _name, use_last_error: dll if use_last_error else None, raising=False
        )
        patched.setattr(ctypes, "get_last_error", lambda: dll.last_error, raising=False)
        patched.setattr(sys, "platform", "win32")
        sys.modules.pop(name, None)
        module = importlib.import_module(name)
        patched.setattr(sys, "platform", "linux")
        patched.setattr(module, "os", _Os(api))
        yield module.Kernel32()
        sys.modules.pop(name)
    assert dll._paths == {}, "handles left open"
    assert dll._listings == {}, "searches left open"
