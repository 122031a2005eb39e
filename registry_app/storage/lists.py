"""Tags of a repository and pages of the catalog, remembered for as long as the directories they were read
from hold.
"""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from registry_app.reference import Repository, Tag
from registry_app.storage.cache import Cache
from registry_app.storage.evidence import Evidence, Observer, evidence_of
from registry_app.storage.filesystem import FileSystem, Stat
from registry_app.storage.layout import LINK, Layout
from registry_app.storage.repositories import RepositoryStore
from registry_app.storage.shared import Shared

LONGEST_TRUST = 10.0
"""Seconds after which tags are read again in any case.

A tag is in the list if its link is there, and the list is trusted while its directory has not changed.
Whoever removes a tag removes its directory, which shows; if that is cut short after the link, it shows
after so long.
"""

LOOK_EVERY = 0.02
"""Seconds for which a page of the catalog is believed without another look at the disk, if none of this
registry's own processes has changed a name meanwhile.

A page stands on hundreds of directories. What the registry itself does shows at once; what another program
does to the tree shows after so long, which is about the step of a file's time stamp anyway.
"""

_TAG_MEMORY = 8 << 20
_CATALOG_MEMORY = 8 << 20
_NAME_BYTES = 80


@dataclass(frozen=True, slots=True)
class Names:
    """Sorted names, and what tells whether they are still right (None: ask again)."""

    names: list[str]
    still_true: Callable[[], bool] | None = None
    more: bool = False
    """Whether something follows them."""

    def after(self, last: str, most: int) -> list[str]:
        """Return at most ``most`` names after ``last``."""
        start = bisect_right(self.names, last)
        return self.names[start : start + most]


class _Fresh:
    """Evidence that is trusted for a while only."""

    __slots__ = ("_evidence", "_until", "weight")

    def __init__(self, evidence: Evidence) -> None:
        self._evidence, self._until = evidence, time.monotonic() + LONGEST_TRUST
        self.weight = evidence.weight

    def __call__(self) -> bool:
        return time.monotonic() < self._until and self._evidence()


class _Patient:
    """Evidence of much, which is looked at not more often than `LOOK_EVERY`."""

    __slots__ = ("_changes", "_evidence", "_shared", "_until", "weight")

    def __init__(self, evidence: _Fresh, shared: Shared) -> None:
        self._evidence, self._shared = evidence, shared
        self._until, self._changes = 0.0, b""
        self.weight = evidence.weight

    def __call__(self) -> bool:
        now, changes = time.monotonic(), self._shared.changes()
        if now < self._until and changes == self._changes:
            return True
        if not self._evidence():
            return False
        # The count is from before the look: a change during it leads to another look.
        self._until, self._changes = now + LOOK_EVERY, changes
        return True


class Lists:
    """The lists of one store."""

    def __init__(self, fs: FileSystem, layout: Layout, repositories: RepositoryStore, shared: Shared) -> None:
        self._fs = fs
        self._shared = shared
        self._layout = layout
        self._repositories = repositories
        self._tags: Cache[Repository, Names] = Cache(_TAG_MEMORY)
        self._pages: Cache[tuple[int, str], Names] = Cache(_CATALOG_MEMORY)

    def tags(self, repository: Repository) -> Names:
        """Return all tags of a repository; raise `NameUnknown`."""
        known = self._tags.get(repository)
        if known is not None and known.still_true is not None and known.still_true():
            return known
        directory = self._layout.tags(repository)
        # The directories before they are listed: what appears in them while we look must show later.
        seen = {path: self._fs.stat(path) for path in (self._layout.manifests(repository), directory)}
        for name in self._fs.list(directory):
            # What is no tag yet may become one without a change of the directory that it lies in.
            tag = Tag.read(name)
            if tag is not None and not self._repositories.has_tag(repository, tag):
                current = self._layout.tag_current(repository, tag)
                seen[current] = self._fs.stat(current)
        evidence = evidence_of(self._fs, seen)
        names = [tag.name for tag in self._repositories.tags(repository)]
        found = Names(names, None if evidence is None else _Fresh(evidence))
        if evidence is not None:
            self._tags.put(repository, found, len(names) * _NAME_BYTES + evidence.weight)
        return found

    def _deciding(self, names: list[str], seen: dict[str, Stat | None]) -> dict[str, Stat | None]:
        """Return what has to be looked at to know that a page still holds: of a repository with tags, where
        they are.

        While its directory of tags is unchanged it has the tag that was found in there, as in `tags`, and
        so it is a repository; its own directory tells of repositories inside.
        """
        deciding = dict(seen)
        for repository in map(Repository, names):
            tags = self._layout.tags(repository)
            if seen.get(tags) is not None:
                deciding.pop(self._layout.manifests(repository), None)
        return {
            path: found
            for path, found in deciding.items()
            if found is None or not path.endswith(f"/current/{LINK}")
        }

    def catalog(self, most: int, last: str) -> Names:
        """Return at most ``most`` repositories after ``last``."""
        known = self._pages.get((most, last))
        if known is not None and known.still_true is not None and known.still_true():
            return known
        observer = Observer(self._fs)
        walk = RepositoryStore(observer.view, self._layout, self._shared, self._repositories.listings).all(
            last
        )
        names = [repository.name for repository in islice(walk, most)]
        more = bool(names) and next(walk, None) is not None
        evidence = evidence_of(self._fs, self._deciding(names, observer.seen))
        patient = None if evidence is None else _Patient(_Fresh(evidence), self._shared)
        found = Names(names, patient, more)
        if evidence is not None:
            self._pages.put((most, last), found, evidence.weight)
        return found
