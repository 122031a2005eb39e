"""Run a registry on the simulated Win32: ``python -m tests.registry.win32.serve DRIVE [RATE]``.

Settings come from the environment as ever; the root is ``C:\\registry-data`` on the drive kept in DRIVE. RATE
is the share of file operations that a virus scanner disturbs.
"""

import os
import sys
from random import Random

from registry_app import server
from registry_app.settings import load
from registry_app.storage import win32
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.win32 import Win32Error
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.win32.simulated import SimulatedWin32


class Scanner:
    """A virus scanner that has a file open at ``rate`` of all operations."""

    def __init__(self, rate: float) -> None:
        self._rate, self._random = rate, Random(1)

    def __call__(self, _call: str, path: str) -> None:
        if self._random.random() < self._rate:
            raise Win32Error(win32.ERROR_SHARING_VIOLATION, path)


def main(drive: str, rate: str = "0") -> int:
    """Serve; return the exit code."""

    def simulated(_root: str) -> FileSystem:
        return WindowsFileSystem("C:\\registry-data", SimulatedWin32(drive, Scanner(float(rate))))

    # The only place that asks for the platform's own.
    vars(server)["for_this_platform"] = simulated
    settings, _ = load(os.environ)
    return server.serve(settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
