"""File systems of both platforms, as fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_app.storage.filesystem import FileSystem
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.win32.fake_dll import kernel32_over
from tests.registry.win32.simulated import SimulatedWin32

ROOT = "C:\\registry-data"


@pytest.fixture
def win32(tmp_path: Path) -> Iterator[SimulatedWin32]:
    """An empty drive C:; whoever leaves a file open fails."""
    drive = tmp_path / "C"
    drive.mkdir()
    api = SimulatedWin32(str(drive))
    yield api
    assert api.open_handles == 0


@pytest.fixture
def windows(win32: SimulatedWin32) -> WindowsFileSystem:
    """The Windows rules, over the simulated drive."""
    return WindowsFileSystem(ROOT, win32, sleep=lambda _seconds: None)


@pytest.fixture
def ctypes_windows(win32: SimulatedWin32) -> Iterator[WindowsFileSystem]:
    """The Windows rules and the ctypes code, over a stand-in for kernel32.dll."""
    with kernel32_over(win32) as api:
        yield WindowsFileSystem(ROOT, api, sleep=lambda _seconds: None)


@pytest.fixture(params=["posix", "windows", "ctypes_windows"])
def fs(request: pytest.FixtureRequest, tmp_path: Path) -> FileSystem:
    """Each platform's rules in turn."""
    if request.param == "posix":
        return PosixFileSystem(str(tmp_path / "data"))
    found: FileSystem = request.getfixturevalue(request.param)
    return found
