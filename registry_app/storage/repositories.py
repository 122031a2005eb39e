"""What belongs to a repository: links to blobs and manifests, tags, and the list of all repositories.

The layout has no place for a manifest's media type. The content tells it nearly always
(`declared_media_type`). Where a client pushed something else than the content tells, and only there, it is
kept in a file ``mediatype`` beside the revision's link, where the reference registry does not look.
"""

import logging
from collections.abc import Iterator

from registry_app.errors import NameInvalid, NameUnknown, TagInvalid
from registry_app.reference import ALGORITHMS, Digest, Repository, Tag
from registry_app.storage.filesystem import FileSystem, FileTooLarge, NameNotStorable, Stat
from registry_app.storage.layout import Layout
from registry_app.storage.links import has_link, read_link, write_link
from registry_app.storage.shared import Shared
from registry_app.storage.walk import Listings, walk

log = logging.getLogger("registry")

LONGEST_MEDIA_TYPE = 512


class RepositoryStore:
    """The repositories of one store. Callers hold its lock while they change tags and manifests."""

    def __init__(
        self, fs: FileSystem, layout: Layout, shared: Shared, listings: Listings | None = None
    ) -> None:
        self._fs = fs
        self._layout = layout
        self._shared = shared
        self.listings = listings or Listings()
        """What is remembered of the directories that a walk passes; other views of the store share it."""

    # names

    def require_storable(self, repository: Repository) -> None:
        """Raise `NameInvalid` if the disk cannot hold the repository's name, or takes it for another one."""
        directory = self._layout.repositories
        for component in repository.name.split("/"):
            try:
                self._fs.check_entry(directory, component, "repository name")
            except NameNotStorable as error:
                raise NameInvalid(str(error), detail={"name": repository.name}) from error
            directory = self._layout.child(directory, component)

    def require_storable_tag(self, repository: Repository, tag: Tag) -> None:
        """Raise `TagInvalid` if the disk cannot hold the tag, or takes it for another one."""
        try:
            self._fs.check_entry(self._layout.tags(repository), tag.name, "tag")
        except NameNotStorable as error:
            raise TagInvalid(str(error), detail={"tag": tag.name}) from error

    # blobs

    def has_blob(self, repository: Repository, digest: Digest) -> bool:
        """Return whether the blob belongs to the repository."""
        return has_link(self._fs, self._layout.layer_link(repository, digest), digest)

    def add_blob(self, repository: Repository, digest: Digest) -> None:
        """Make a blob part of the repository."""
        write_link(self._fs, self._layout.layer_link(repository, digest), digest)

    def remove_blob(self, repository: Repository, digest: Digest) -> bool:
        """Take a blob out of the repository; return whether it was in."""
        if not self.has_blob(repository, digest):
            return False
        self._fs.remove(self._layout.layer_link(repository, digest), missing_ok=True)
        return True

    # manifests

    def manifest_link(self, repository: Repository, digest: Digest) -> Stat | None:
        """Return the state of a manifest's link, which is another one when the manifest was pushed anew under
        another media type; None if there is none.
        """
        return self._fs.stat(self._layout.revision_link(repository, digest))

    def has_manifest(self, repository: Repository, digest: Digest) -> bool:
        """Return whether the manifest belongs to the repository."""
        return has_link(self._fs, self._layout.revision_link(repository, digest), digest)

    def add_manifest(self, repository: Repository, digest: Digest, media_type: str | None) -> None:
        """Make a manifest part of the repository; ``media_type`` is None where the content tells it."""
        link = self._layout.revision_link(repository, digest)
        if media_type == self.media_type(repository, digest):
            write_link(self._fs, link, digest)
        else:
            path = self._layout.revision_media_type(repository, digest)
            if media_type is None:
                self._fs.remove(path, missing_ok=True)
            else:
                self._fs.write_whole(path, media_type.encode())
            # The link last, and anew: who remembers what the old one meant must see that something changed.
            self._fs.write_whole(link, str(digest).encode())
        self._shared.note_change()

    def media_type(self, repository: Repository, digest: Digest) -> str | None:
        """Return the media type that a manifest was pushed with; None where the content tells it.

        A damaged file tells nothing; ``registry_app check`` lists it.
        """
        path = self._layout.revision_media_type(repository, digest)
        if self._fs.stat(path) is None:
            return None
        try:
            return self._fs.read_bytes(path, LONGEST_MEDIA_TYPE).decode("ascii")
        except FileNotFoundError:
            return None
        except (UnicodeDecodeError, FileTooLarge):
            log.warning("damaged media type: %s", path)
            return None

    def remove_manifest(self, repository: Repository, digest: Digest) -> None:
        """Take a manifest, and the tags that point to it, out of the repository.

        The tags first: a crash between leaves a manifest without a tag, not a tag that points nowhere.
        """
        for tag in self.tags(repository):
            if self.tagged(repository, tag) == digest:
                self.remove_tag(repository, tag)
        self._fs.remove_tree(self._layout.revision(repository, digest))
        self._shared.note_change()

    def manifests(self, repository: Repository) -> Iterator[Digest]:
        """Yield the digests of the repository's manifests, in no order; some may just have been removed."""
        for algorithm in ALGORITHMS:
            for name in self._fs.list(self._layout.revisions(repository, algorithm)):
                if len(name) in (64, 128):
                    yield Digest(algorithm, name)

    # tags

    def tagged(self, repository: Repository, tag: Tag) -> Digest | None:
        """Return the digest that a tag points to; None if there is no such tag."""
        return read_link(self._fs, self._layout.tag_current(repository, tag))

    def has_tag(self, repository: Repository, tag: Tag) -> bool:
        """Return whether there is such a tag."""
        return self._fs.stat(self._layout.tag_current(repository, tag)) is not None

    def add_tag(self, repository: Repository, tag: Tag, digest: Digest) -> None:
        """Let a tag point to a manifest of the repository. The index first: it only remembers."""
        write_link(self._fs, self._layout.tag_index(repository, tag, digest), digest)
        write_link(self._fs, self._layout.tag_current(repository, tag), digest)
        self._shared.note_change()

    def remove_tag(self, repository: Repository, tag: Tag) -> bool:
        """Remove a tag, and only it; return whether it was there."""
        if not self.has_tag(repository, tag):
            return False
        self._fs.remove_tree(self._layout.tag(repository, tag))
        self._shared.note_change()
        return True

    def tags(self, repository: Repository, last: str = "") -> Iterator[Tag]:
        """Yield the tags after ``last`` in lexical order; raise `NameUnknown` if the repository is absent."""
        if self._fs.stat(self._layout.manifests(repository)) is None:
            raise NameUnknown(detail={"name": repository.name})
        for name in sorted(self._fs.list(self._layout.tags(repository))):
            # The reference registry may have left a directory behind, a person anything at all.
            if name > last and (tag := Tag.read(name)) is not None and self.has_tag(repository, tag):
                yield tag

    # the catalog

    def all(self, last: str = "") -> Iterator[Repository]:
        """Yield the repositories after ``last`` that hold something, in the lexical order of their names."""
        return filter(self._holds_something, walk(self._fs, self._layout, self.listings, last))

    def _holds_something(self, repository: Repository) -> bool:
        """Return whether a directory is a repository that one can pull from."""
        if self._fs.stat(self._layout.manifests(repository)) is None:
            return False
        if next(self.tags(repository), None) is not None:
            return True
        return any(self.has_manifest(repository, digest) for digest in self.manifests(repository))

    def with_uploads(self) -> Iterator[Repository]:
        """Yield all repositories, also those into which nothing but uploads ever came."""
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            directory = self._layout.child(self._layout.repositories, prefix).rstrip("/")
            names = self._fs.list(directory)
            if "_uploads" in names:
                yield Repository(prefix.rstrip("/"))
            waiting += [f"{prefix}{name}/" for name in names if Repository.read(prefix + name) is not None]
