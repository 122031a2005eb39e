"""Faults to play on a host, asked for from outside by a file that may be written before or while the host
is up.
"""

from __future__ import annotations

import os
import threading

from rehearsal import store

KNOWN = {
    "engine-refuses-start": "the engine's service stops when it is started",
    "drop-connection-at": "N: the connection ends at the N-th command from now on, unanswered and not run",
    "disk-full": "every write to a drive fails",
    "slow": "MS: every answer takes so many milliseconds longer",
    "freeze": "connections are taken, nothing is answered",
}
NUMBERED = ("drop-connection-at", "slow")


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
            self._faults = {
                name: value for name, value in self._faults.items() if name != "drop-connection-at"
            }
            store.save(self._path, self._faults)
            return True

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
    """Ask for a fault; raises `ValueError` for one that is not known or lacks its number."""
    if name not in KNOWN:
        raise ValueError(f"no fault {name!r}; there are: {', '.join(KNOWN)}, clear")
    given_number = len(arguments) == 1 and arguments[0].isdigit()
    if not (given_number if name in NUMBERED else not arguments):
        raise ValueError(f"{name} - {KNOWN[name]}")
    store.save(path, {**(store.load(path) or {}), name: arguments})


def clear_faults(path: str) -> None:
    """Take every fault back."""
    store.save(path, {})
