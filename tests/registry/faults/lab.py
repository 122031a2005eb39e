"""Run the scenario on a disk that fails, with the rules of either platform."""

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from registry_app.check.findings import Finding, Severity
from registry_app.check.store import NoStoreError
from registry_app.check.survey import survey
from registry_app.errors import RegistryError
from registry_app.registry import Registry
from registry_app.storage import filesystem, posix, windows, windows_files
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.faults.disk import Crash, FaultyIo, FaultyOs, FaultyWin32, tree
from tests.registry.faults.scenario import STEPS, Expectation, Step, observe
from tests.registry.pushes import registry_on
from tests.registry.win32.simulated import SimulatedWin32


class Lab(ABC):
    """Directories that stand for disks, and registries on them."""

    aftermaths: tuple[str, ...]
    """What a crash may leave on this platform, see `aftermath`."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.monkeypatch = monkeypatch
        self.runs = 0

    def new(self) -> str:
        """Return the path of a disk that is not there yet."""
        self.runs += 1
        return str(self.directory / str(self.runs))

    @abstractmethod
    def mount(self, disk: str, faulty: FaultyOs) -> FileSystem:
        """Return the rules of the platform on ``disk``, all of whose operations go through ``faulty``."""

    def store(self, disk: str) -> str:
        """Return the directory of the store on ``disk``."""
        return disk

    def start(self, disk: str, faulty: FaultyOs) -> Registry:
        """Return a new registry process on ``disk``."""
        faulty.paused = True
        registry = registry_on(self.mount(disk, faulty))
        faulty.paused = False
        return registry

    def clean_run(self) -> tuple[Expectation, list[str]]:
        """Return what a run without faults shows, and its operations."""
        faulty, disk = FaultyOs(), self.new()
        registry = self.start(disk, faulty)
        states = []
        for step in [lambda _registry: None, *STEPS]:
            step(registry)
            faulty.paused = True
            states.append(observe(registry))
            faulty.paused = False
        expectation = Expectation(states, tree(self.store(disk)))
        faulty.end()
        counting = FaultyOs()
        assert self.run_until_crash(counting, self.new()) == len(STEPS)
        counting.end()
        return expectation, counting.operations

    def run_until_crash(self, faulty: FaultyOs, disk: str) -> int:
        """Run the scenario; return the step in which the process died, or how many there are."""
        registry = self.start(disk, faulty)
        for number, step in enumerate(STEPS):
            try:
                step(registry)
            except Crash:
                return number
        return len(STEPS)

    def aftermath(self, name: str, faulty: FaultyOs, disk: str) -> str:
        """Return a new disk: ``disk`` as a crash leaves it."""
        target = self.new()
        if name == "killed":
            shutil.copytree(disk, target)
        elif name == "power, strictly":
            faulty.durable.strictly(disk, target)
        else:
            faulty.durable.names_first(disk, target)
        return target

    def go_on(self, disk: str, step: int, expectation: Expectation) -> str:
        """Restart after a crash in ``step``, look, clean up, do the rest; return what is wrong, if any."""
        faulty = FaultyOs()
        registry = self.start(disk, faulty)
        try:
            if wrong := expectation.allows(observe(registry), step):
                return f"after the restart: {wrong}"
            if damage := damage_in(registry.fs):
                return f"check finds {damage}"
            registry.fs.discard_leftovers(older_than=0)
            registry.purge_uploads(0)
            names = tree(self.store(disk))
            if left := [name for name in names if "_staging/" in name or "_uploads/" in name]:
                return f"left over: {left}"
            for rest in STEPS[step:]:
                rest(registry)
            return self._compare(registry, disk, expectation)
        finally:
            faulty.end()

    def run_through(self, faulty: FaultyOs, disk: str, expectation: Expectation) -> str:
        """Run the whole scenario, repeating the step that fails; return what is wrong, if anything."""
        registry = self.start(disk, faulty)
        for number, step in enumerate(STEPS):
            if _succeeds(step, registry):
                continue
            faulty.paused = True
            if wrong := expectation.allows(observe(registry), number):
                return f"after the error: {wrong}"
            if damage := damage_in(registry.fs):
                return f"check finds {damage}"
            step(registry)
            if wrong := expectation.allows(observe(registry), number):
                return f"after the second try: {wrong}"
            faulty.paused = False
        if not faulty.struck:
            return "the fault never struck"
        registry.fs.discard_leftovers(older_than=0)
        registry.purge_uploads(0)
        return self._compare(registry, disk, expectation)

    def _compare(self, registry: Registry, disk: str, expectation: Expectation) -> str:
        if observe(registry) != expectation.states[-1]:
            return "the end differs for clients"
        found = tree(self.store(disk))
        if found != expectation.tree:
            return f"the files differ: {found ^ expectation.tree}"
        if wrong := [one for one in survey(registry.fs).findings if one.severity is not Severity.NOTE]:
            return f"check finds {wrong}"
        return ""


class PosixLab(Lab):
    """Linux."""

    aftermaths = ("killed", "power, strictly", "power, names first")

    def mount(self, disk: str, faulty: FaultyOs) -> FileSystem:
        """Put ``faulty`` below the POSIX rules."""
        self.monkeypatch.setattr(posix, "os", faulty)
        self.monkeypatch.setattr(posix, "io", FaultyIo(faulty))
        self.monkeypatch.setattr(filesystem, "os", faulty)
        return PosixFileSystem(disk)


class WindowsLab(Lab):
    """Windows: its renames are durable, for they are written through; its directories cannot be flushed."""

    aftermaths = ("killed", "power, names first")

    def mount(self, disk: str, faulty: FaultyOs) -> FileSystem:
        """Put ``faulty`` below the Windows rules, and the simulated Win32 below that."""
        os.makedirs(disk, exist_ok=True)
        for module in (windows, windows_files, filesystem):
            self.monkeypatch.setattr(module, "os", faulty)
        api = FaultyWin32(SimulatedWin32(disk), faulty)
        return WindowsFileSystem("C:\\registry-data", api, sleep=lambda _seconds: None)

    def store(self, disk: str) -> str:
        """Return where ``C:\\registry-data`` lies."""
        return f"{disk}/registry-data"


def damage_in(fs: FileSystem) -> list[Finding]:
    """Return the damage that `check` finds; a store that is not there yet has none."""
    try:
        return survey(fs).of(Severity.DAMAGE)
    except NoStoreError:
        return []


def _succeeds(step: Step, registry: Registry) -> bool:
    try:
        step(registry)
    except (OSError, RegistryError):
        return False
    return True
