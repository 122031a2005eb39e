"""The few Win32 calls that `registry_app.storage.windows` is made of, as an interface.

`registry_app.storage.kernel32` has the real ones. The tests have others that keep the same rules on Linux, so
that the Windows code itself runs there. Paths are extended-length ones; a file descriptor is one of the C
run-time's, on which `os.write`, `os.fsync` (FlushFileBuffers), `os.ftruncate` and `os.lseek` work.
"""

from typing import NamedTuple, Protocol

ERROR_FILE_NOT_FOUND = 2
ERROR_PATH_NOT_FOUND = 3
ERROR_ACCESS_DENIED = 5
ERROR_SHARING_VIOLATION = 32
ERROR_LOCK_VIOLATION = 33
ERROR_HANDLE_DISK_FULL = 39
ERROR_FILE_EXISTS = 80
ERROR_DISK_FULL = 112
ERROR_INVALID_NAME = 123
ERROR_DIR_NOT_EMPTY = 145
ERROR_ALREADY_EXISTS = 183
ERROR_DIRECTORY = 267
ERROR_DELETE_PENDING = 303

GENERIC_READ = 0x8000_0000
GENERIC_WRITE = 0x4000_0000
FILE_SHARE_READ = 1
FILE_SHARE_WRITE = 2
FILE_SHARE_DELETE = 4
CREATE_NEW = 1
OPEN_EXISTING = 3
MOVEFILE_REPLACE_EXISTING = 1
MOVEFILE_WRITE_THROUGH = 8


class Win32Error(Exception):
    """A call failed; ``code`` is what GetLastError said."""

    def __init__(self, code: int, path: str) -> None:
        super().__init__(f"Win32 error {code}: {path}")
        self.code = code
        self.path = path


class FileInformation(NamedTuple):
    """What GetFileInformationByHandle and GetFinalPathNameByHandle say of one file or directory."""

    size: int
    mtime_ns: int
    volume: int
    number: int
    is_directory: bool
    final_path: str
    """The path without a volume, each name as the disk spells it."""


class Win32(Protocol):
    """The calls. Each raises `Win32Error`."""

    def open_file(self, path: str, access: int, share: int, disposition: int) -> int:
        """CreateFileW of a file, not a directory; return a descriptor."""

    def close_file(self, fd: int) -> None:
        """Close a descriptor of `open_file`."""

    def final_path(self, fd: int) -> str:
        """GetFinalPathNameByHandleW (VOLUME_NAME_NONE) of an open file."""

    def information(self, path: str) -> FileInformation:
        """Open for attributes only, which no share mode hinders, ask, and close."""

    def move_file(self, source: str, target: str, flags: int) -> None:
        """MoveFileExW, of a file or, without replacing, of a directory."""

    def delete_file(self, path: str) -> None:
        """DeleteFileW."""

    def create_directory(self, path: str) -> None:
        """CreateDirectoryW."""

    def remove_directory(self, path: str) -> None:
        """RemoveDirectoryW of an empty directory."""

    def list_directory(self, path: str) -> list[str]:
        """FindFirstFileW, FindNextFileW: the names as the disk spells them, without ``.`` and ``..``."""

    def free_bytes(self, path: str) -> int:
        """GetDiskFreeSpaceExW: bytes that the caller, with its quota, may still write."""
