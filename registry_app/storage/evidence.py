"""What an answer was read from: files and directories as they were, to tell later whether they still are.

The disk stays the only truth: whatever another process writes, moves or removes shows in the size, the time
stamp or the identity of one of them. Evidence is gathered *before* the content is read, so a change in
between shows, too.
"""

import time
from collections.abc import Iterable, Mapping
from typing import cast

from registry_app.storage.filesystem import FileSystem, Stat

SETTLED = 100_000_000
"""Nanoseconds: a file changed so recently may change again within one tick of its time stamp."""

_ENTRY_BYTES = 400
"""About what one path and its state take in memory."""


class Evidence:
    """Call it to learn whether everything is as it was; costs one look at the disk for each path."""

    __slots__ = ("_fs", "_seen", "weight")

    def __init__(self, fs: FileSystem, seen: Mapping[str, Stat | None]) -> None:
        self._fs = fs
        self._seen = tuple(seen.items())
        self.weight = len(self._seen) * _ENTRY_BYTES
        """About how many bytes this keeps in memory."""

    def __call__(self) -> bool:
        """Return whether nothing has changed."""
        return self._fs.is_unchanged(self._seen)


def is_settled(found: Stat) -> bool:
    """Return whether a later change of the file would show in its time stamp."""
    return time.time_ns() - found.mtime_ns > SETTLED


def gather(fs: FileSystem, paths: Iterable[str]) -> Evidence | None:
    """Return evidence of what is at ``paths``; None if a change of one of them might not show."""
    return evidence_of(fs, {path: fs.stat(path) for path in paths})


def evidence_of(fs: FileSystem, seen: Mapping[str, Stat | None]) -> Evidence | None:
    """Return evidence of what has been seen; None if a change of it might not show."""
    if all(found is None or is_settled(found) for found in seen.values()):
        return Evidence(fs, seen)
    return None


class Observer:
    """A view of a file system that notes what is looked at: every path asked for, every directory listed."""

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        self.seen: dict[str, Stat | None] = {}

    @property
    def view(self) -> FileSystem:
        """The file system to look through."""
        return cast("FileSystem", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._fs, name)

    def stat(self, path: str) -> Stat | None:
        """Return what is at ``path``."""
        if path not in self.seen:
            self.seen[path] = self._fs.stat(path)
        return self.seen[path]

    def list(self, path: str) -> list[str]:
        """Return the names in a directory."""
        self.stat(path)
        return self._fs.list(path)
