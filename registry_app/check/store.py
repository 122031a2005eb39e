"""Look at a whole store: blobs first, then what every repository makes of them."""

from dataclasses import dataclass, field
from functools import cached_property

from registry_app.check.findings import Quarantine, Severity, Survey
from registry_app.reference import Digest
from registry_app.storage.filesystem import FileSystem, FileTooLarge
from registry_app.storage.layout import Layout
from registry_app.storage.repositories import RepositoryStore
from registry_app.storage.shared import Shared

_LONGEST_LINK = 256


class NoStoreError(Exception):
    """The directory holds no store."""


@dataclass
class Store:
    """A store under examination."""

    fs: FileSystem
    layout: Layout
    survey: Survey = field(default_factory=Survey)
    blobs: dict[Digest, int] = field(default_factory=dict)
    """Size of every blob whose content is what its name says."""
    referenced: set[Digest] = field(default_factory=set)
    """Blobs that some repository has a link to."""

    @cached_property
    def repositories(self) -> RepositoryStore:
        """What belongs to each repository."""
        return RepositoryStore(self.fs, self.layout, Shared())

    def below(self, path: str) -> str:
        """Return ``path`` as it is reported: below the root, with slashes."""
        return path.removeprefix(self.fs.root).replace("\\", "/").lstrip("/")

    def damage(self, kind: str, path: str, text: str, remedy: Quarantine | None = None) -> None:
        """Note damage for which quarantine is all that can be done."""
        self.survey.add(Severity.DAMAGE, kind, self.below(path), text, remedy or Quarantine(path))

    def leftover(self, kind: str, path: str, text: str) -> None:
        """Note something unfinished."""
        self.survey.add(Severity.LEFTOVER, kind, self.below(path), text, Quarantine(path))

    def note(self, kind: str, path: str, text: str) -> None:
        """Note something that is not wrong."""
        self.survey.add(Severity.NOTE, kind, self.below(path), text)

    def unreadable(self, path: str, error: OSError) -> None:
        """Note that the disk refused."""
        text = error.strerror or str(error)
        self.survey.add(Severity.UNREADABLE, "unreadable", self.below(path), text)

    def directories(self, path: str) -> list[tuple[str, str]]:
        """Return name and path of every directory in ``path``, sorted; a file among them is a stray."""
        found = []
        for name, child in self.entries(path):
            try:
                is_directory = self.is_directory(child)
            except OSError as error:
                self.unreadable(child, error)
                continue
            if is_directory:
                found.append((name, child))
            else:
                self.leftover("stray", child, "a file that is no part of the layout")
        return found

    def entries(self, path: str) -> list[tuple[str, str]]:
        """Return name and path of everything in ``path``, sorted; nothing if it is absent or unreadable."""
        try:
            return [(name, self.layout.child(path, name)) for name in sorted(self.fs.list(path))]
        except OSError as error:
            self.unreadable(path, error)
            return []

    def is_directory(self, path: str) -> bool:
        """Return whether ``path`` is a directory; raise OSError if the disk does not say."""
        found = self.fs.stat(path)
        return found is not None and found.is_dir

    def link(self, path: str) -> bytes | None:
        """Return what a link file holds, as `text` does."""
        return self.text(path, _LONGEST_LINK)

    def text(self, path: str, limit: int) -> bytes | None:
        """Return what a small file holds; None if there is none; nothing, at least, if it is far too long."""
        try:
            return self.fs.read_bytes(path, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except FileTooLarge:
            return b""
        except OSError as error:
            self.unreadable(path, error)
            return None
