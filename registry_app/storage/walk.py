"""All repositories in the order of their names, from any name on, without looking at what lies before.

That is not the order in which directories lie in each other: ``a-b`` comes between ``a`` and ``a/b``. So a
directory stands at two places: for itself under its name, for what lies inside under its name and a slash.
Each listing is kept sorted in both ways for as long as its directory is unchanged; a walk then looks only at
what it passes.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from registry_app.reference import Repository
from registry_app.storage.cache import Cache
from registry_app.storage.evidence import is_settled
from registry_app.storage.filesystem import FileSystem, Stat
from registry_app.storage.layout import Layout

_MEMORY = 16 << 20
_NAME_BYTES = 200
"""About what one name takes in memory, in both lists."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a directory."""

    names: list[str]
    insides: list[str]
    """The same names with a slash, sorted as such."""

    def after(self, prefix: str, last: str) -> tuple[int, int]:
        """Return where in both lists that begins which, below ``prefix``, follows ``last`` or holds it."""
        if not last.startswith(prefix):
            everything = (0, 0), (len(self.names), len(self.insides))
            return everything[prefix < last]
        rest = last[len(prefix) :]
        inside = bisect_right(self.insides, rest)
        # Whatever lies inside sorts between this and its own longest continuation.
        if inside and rest.startswith(self.insides[inside - 1]):
            inside -= 1
        return bisect_right(self.names, rest), inside


class Listings:
    """The listings of a store's directories; remembers those that cannot change without showing it."""

    def __init__(self) -> None:
        self._known: Cache[str, tuple[Stat, Listing]] = Cache(_MEMORY)

    def of(self, fs: FileSystem, path: str) -> Listing:
        """Return what lies in the directory ``path`` now."""
        now = fs.stat(path)
        known = self._known.get(path)
        if known is not None and known[0] == now:
            return known[1]
        names = fs.list(path)
        listing = Listing(sorted(names), sorted(f"{name}/" for name in names))
        if now is not None and is_settled(now):
            self._known.put(path, (now, listing), len(names) * _NAME_BYTES)
        return listing


def walk(fs: FileSystem, layout: Layout, listings: Listings, last: str = "") -> Iterator[Repository]:
    """Yield, in order, each name after ``last`` that a directory could be a repository of."""
    heap: list[tuple[str, str, list[str], int]] = []

    def push(prefix: str, names: list[str], index: int) -> None:
        for at in range(index, len(names)):
            name = prefix + names[at]
            if Repository.read(name.removesuffix("/")) is not None:
                heapq.heappush(heap, (name, prefix, names, at))
                return

    def look_into(prefix: str) -> None:
        listing = listings.of(fs, layout.child(layout.repositories, prefix).rstrip("/"))
        itself, inside = listing.after(prefix, last)
        push(prefix, listing.names, itself)
        push(prefix, listing.insides, inside)

    look_into("")
    while heap:
        name, prefix, names, index = heapq.heappop(heap)
        push(prefix, names, index + 1)
        if name.endswith("/"):
            look_into(name)
        else:
            yield Repository(name)
