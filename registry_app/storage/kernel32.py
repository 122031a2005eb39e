"""The calls of `registry_app.storage.win32`, made with ctypes. Can be imported on Windows only."""

import ctypes
import msvcrt
import os
import sys
from collections.abc import Callable
from ctypes import wintypes

from registry_app.storage import win32
from registry_app.storage.win32 import FileInformation, Win32Error

assert sys.platform == "win32"  # noqa: S101 - tells mypy which platform's names are there

_FILE_ATTRIBUTE_DIRECTORY = 0x10
_FILE_ATTRIBUTE_NORMAL = 0x80
_FILE_FLAG_BACKUP_SEMANTICS = 0x0200_0000  # without it CreateFile opens no directory
_FILE_READ_ATTRIBUTES = 0x80
_SHARE_ALL = win32.FILE_SHARE_READ | win32.FILE_SHARE_WRITE | win32.FILE_SHARE_DELETE
_VOLUME_NAME_NONE = 4
_ERROR_NO_MORE_FILES = 18
_INVALID_HANDLE = wintypes.HANDLE(-1).value
_EPOCH = 116_444_736_000_000_000  # 1970 in FILETIME's count of 100 ns since 1601
_PATH_BUFFER = 32_768


class _ByHandleFileInformation(ctypes.Structure):
    _fields_ = (
        ("attributes", wintypes.DWORD),
        ("creation_time", wintypes.FILETIME),
        ("last_access_time", wintypes.FILETIME),
        ("last_write_time", wintypes.FILETIME),
        ("volume", wintypes.DWORD),
        ("size_high", wintypes.DWORD),
        ("size_low", wintypes.DWORD),
        ("links", wintypes.DWORD),
        ("index_high", wintypes.DWORD),
        ("index_low", wintypes.DWORD),
    )


def _function(name: str, result: object, *arguments: object) -> Callable[..., int]:
    function = getattr(_KERNEL32, name)
    function.restype, function.argtypes = result, arguments
    called: Callable[..., int] = function
    return called


_KERNEL32 = ctypes.WinDLL("kernel32", use_last_error=True)
_P = ctypes.POINTER
_create_file = _function(
    "CreateFileW",
    wintypes.HANDLE,
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
)
_close_handle = _function("CloseHandle", wintypes.BOOL, wintypes.HANDLE)
_get_information = _function(
    "GetFileInformationByHandle", wintypes.BOOL, wintypes.HANDLE, _P(_ByHandleFileInformation)
)
_get_final_path = _function(
    "GetFinalPathNameByHandleW",
    wintypes.DWORD,
    wintypes.HANDLE,
    wintypes.LPWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
)
_move_file = _function("MoveFileExW", wintypes.BOOL, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD)
_delete_file = _function("DeleteFileW", wintypes.BOOL, wintypes.LPCWSTR)
_create_directory = _function("CreateDirectoryW", wintypes.BOOL, wintypes.LPCWSTR, wintypes.LPVOID)
_remove_directory = _function("RemoveDirectoryW", wintypes.BOOL, wintypes.LPCWSTR)
_find_first_file = _function(
    "FindFirstFileW", wintypes.HANDLE, wintypes.LPCWSTR, _P(wintypes.WIN32_FIND_DATAW)
)
_find_next_file = _function("FindNextFileW", wintypes.BOOL, wintypes.HANDLE, _P(wintypes.WIN32_FIND_DATAW))
_find_close = _function("FindClose", wintypes.BOOL, wintypes.HANDLE)
_get_free_space = _function(
    "GetDiskFreeSpaceExW",
    wintypes.BOOL,
    wintypes.LPCWSTR,
    _P(ctypes.c_ulonglong),
    _P(ctypes.c_ulonglong),
    _P(ctypes.c_ulonglong),
)


def _check(done: object, path: str) -> None:
    if not done:
        raise Win32Error(ctypes.get_last_error(), path)


class Kernel32:
    """The real Win32."""

    def open_file(self, path: str, access: int, share: int, disposition: int) -> int:
        """CreateFileW of a file; return a descriptor."""
        handle = _open(path, access, share, disposition, _FILE_ATTRIBUTE_NORMAL)
        flags = os.O_BINARY | os.O_NOINHERIT
        return msvcrt.open_osfhandle(handle, flags | (0 if access & win32.GENERIC_WRITE else os.O_RDONLY))

    def close_file(self, fd: int) -> None:
        """Close a descriptor, and with it its handle."""
        os.close(fd)

    def final_path(self, fd: int) -> str:
        """Return the path of an open file without its volume."""
        return _final_path(msvcrt.get_osfhandle(fd), "")

    def information(self, path: str) -> FileInformation:
        """Return what is at ``path``."""
        handle = _open(
            path, _FILE_READ_ATTRIBUTES, _SHARE_ALL, win32.OPEN_EXISTING, _FILE_FLAG_BACKUP_SEMANTICS
        )
        try:
            found = _ByHandleFileInformation()
            _check(_get_information(handle, ctypes.byref(found)), path)
            final = _final_path(handle, path)
        finally:
            _close_handle(handle)
        written = found.last_write_time
        return FileInformation(
            size=found.size_high << 32 | found.size_low,
            mtime_ns=((written.dwHighDateTime << 32 | written.dwLowDateTime) - _EPOCH) * 100,
            volume=found.volume,
            number=found.index_high << 32 | found.index_low,
            is_directory=bool(found.attributes & _FILE_ATTRIBUTE_DIRECTORY),
            final_path=final,
        )

    def move_file(self, source: str, target: str, flags: int) -> None:
        """Rename."""
        _check(_move_file(source, target, flags), target)

    def delete_file(self, path: str) -> None:
        """Delete a file, now or when its last reader closes."""
        _check(_delete_file(path), path)

    def create_directory(self, path: str) -> None:
        """Make one directory."""
        _check(_create_directory(path, None), path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        _check(_remove_directory(path), path)

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory."""
        found = wintypes.WIN32_FIND_DATAW()
        handle = _find_first_file(path + "\\*", ctypes.byref(found))
        if handle == _INVALID_HANDLE:
            # The root of a drive, alone, has no "." in it.
            if ctypes.get_last_error() == win32.ERROR_FILE_NOT_FOUND:
                return []
            _check(False, path)
        names = []
        try:
            while True:
                names.append(found.cFileName)
                if not _find_next_file(handle, ctypes.byref(found)):
                    break
            if ctypes.get_last_error() != _ERROR_NO_MORE_FILES:
                _check(False, path)
        finally:
            _find_close(handle)
        return [name for name in names if name not in (".", "..")]

    def free_bytes(self, path: str) -> int:
        """Return the bytes free for the caller."""
        free, total, all_free = ctypes.c_ulonglong(), ctypes.c_ulonglong(), ctypes.c_ulonglong()
        _check(_get_free_space(path, ctypes.byref(free), ctypes.byref(total), ctypes.byref(all_free)), path)
        return free.value


def _open(path: str, access: int, share: int, disposition: int, flags: int) -> int:
    handle: int | None = _create_file(path, access, share, None, disposition, flags, None)
    if handle is None or handle == _INVALID_HANDLE:
        raise Win32Error(ctypes.get_last_error(), path)
    return handle


def _final_path(handle: int, path: str) -> str:
    buffer = ctypes.create_unicode_buffer(_PATH_BUFFER)
    _check(_get_final_path(handle, buffer, _PATH_BUFFER, _VOLUME_NAME_NONE), path)
    return buffer.value
