"""Faults to play on a host, asked for from outside by a file that may be written before or while the host
is up.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal import store

NUMBER = re.compile(r"\d+")
SECONDS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Fault:
    """What a fault does, for people, and what arguments it takes: a form for the one it needs, or free
    words.
    """

    meaning: str
    argument: re.Pattern[str] | None = None
    words: bool = False

    def takes(self, arguments: Sequence[str]) -> bool:
        """Whether these arguments make sense."""
        if self.argument is not None:
            return len(arguments) == 1 and self.argument.fullmatch(arguments[0]) is not None
        return self.words or not arguments


KNOWN = {
    "engine-refuses-start": Fault(
        "[WORDS]: the engine stops right after it was started, saying this", words=True
    ),
    "engine-slow-start": Fault("SECONDS: the engine takes so long to start", SECONDS),
    "drop-connection-at": Fault("N: the N-th command from now is not run, its connection just ends", NUMBER),
    "disk-full": Fault("every write to a drive fails"),
    "power-cut-in-move": Fault("the power fails in the middle of the next Move-Item that replaces a file"),
    "slow": Fault("MS: every answer takes so many milliseconds longer", NUMBER),
    "freeze": Fault("connections are taken, nothing is answered"),
}


class Faults:
    """The faults of one host; read anew whenever the file changes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._faults: dict[str, list[str]] = {}
        self._commands = 0

    def arguments(self, name: str) -> list[str] | None:
        """Return a fault's arguments if it is set (perhaps none: ``[]``), else None."""
        with self._lock:
            self._refresh()
            return self._faults.get(name)

    def drops_this_command(self) -> bool:
        """Count one command, and tell whether its connection is to end; that happens once."""
        with self._lock:
            self._refresh()
            arguments = self._faults.get("drop-connection-at")
            if arguments is None:
                return False
            self._commands += 1
            if self._commands < int(arguments[0]):
                return False
            self._forget("drop-connection-at")
            return True

    def take(self, name: str) -> bool:
        """Tell whether a fault that happens once is set; it no longer is then."""
        with self._lock:
            self._refresh()
            is_set = name in self._faults
            if is_set:
                self._forget(name)
            return is_set

    def _forget(self, name: str) -> None:
        self._faults = {each: value for each, value in self._faults.items() if each != name}
        store.save(self._path, self._faults)

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            stamp = None
        else:
            stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._stamp = stamp
            self._faults = store.load(self._path) or {}
            self._commands = 0


def set_fault(path: str, name: str, arguments: list[str]) -> None:
    """Ask for a fault; raises `ValueError` for one that is not known or has other arguments than it takes."""
    fault = KNOWN.get(name)
    if fault is None:
        raise ValueError(f"no fault {name!r}; there are: {', '.join(KNOWN)}, clear")
    if not fault.takes(arguments):
        raise ValueError(f"{name} {fault.meaning}")
    store.save(path, {**(store.load(path) or {}), name: arguments})


def clear_faults(path: str) -> None:
    """Take every fault back."""
    store.save(path, {})
