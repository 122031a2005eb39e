"""Open files on Windows, closed by the calls that opened them."""

import io
import os

from registry_app.storage.filesystem import WritableFile
from registry_app.storage.win32 import Win32


class WindowsFile(WritableFile):
    """A growing file on Windows."""

    def __init__(self, fd: int, size: int, api: Win32) -> None:
        super().__init__(fd, size)
        self._api = api

    def _append(self, buffers: list[memoryview]) -> int:
        written = 0
        for buffer in buffers:
            rest = buffer
            while rest:
                count = os.write(self._fd, rest)
                written += count
                rest = rest[count:]
        return written

    def flush(self) -> None:
        """Return when content and size are on the disk (FlushFileBuffers)."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close; a second time does nothing."""
        fd, self._fd = self._fd, -1
        if fd != -1:
            self._api.close_file(fd)


class SharedReader(io.FileIO):
    """A file that closes the way it was opened."""

    def __init__(self, fd: int, api: Win32) -> None:
        self._api = api
        super().__init__(fd, "r", closefd=False)

    def close(self) -> None:
        """Close; a second time does nothing."""
        if not self.closed:
            fd = self.fileno()
            super().close()
            self._api.close_file(fd)
