"""The verbs of the specification over a store. Plain and synchronous: knows no HTTP, no event loop, no
thread.

Every method that returns has done what it says, durably; every method that raises has changed nothing that a
client can see.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from registry_app.errors import (
    BlobUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    PreconditionFailed,
)
from registry_app.manifest import OPAQUE, Manifest, declared_media_type, read_manifest
from registry_app.reference import Digest, Reference, Repository, Tag
from registry_app.referrers import Referrers, ReferrersPage
from registry_app.settings import Settings
from registry_app.storage.blobs import BlobStore
from registry_app.storage.blocking import WouldBlock, may_block
from registry_app.storage.cache import Cache
from registry_app.storage.evidence import is_settled
from registry_app.storage.filesystem import FileSystem, Stat
from registry_app.storage.layout import Layout
from registry_app.storage.lists import Lists, Names
from registry_app.storage.locks import Locks
from registry_app.storage.open_uploads import OpenUploads
from registry_app.storage.repositories import RepositoryStore
from registry_app.storage.shared import Shared
from registry_app.storage.space import Space
from registry_app.storage.uploads import UploadStore
from registry_app.stored import StoredManifest, read_stored

GENERIC = frozenset({"application/json", OPAQUE, "application/x-www-form-urlencoded", "text/plain"})
"""Content types that clients send without meaning anything by them: then the content tells."""

READ_AT_ONCE = 256 << 10
"""Largest manifest that is read and verified on an event loop, in bytes: half a millisecond's work."""

Condition = Callable[[str | None], bool]
"""Whether a change may be made, given the digest of what it would change (None: there is nothing yet)."""

_MANIFEST_MEMORY = 32 << 20
_TAG_MEMORY = 65536


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of pushing a manifest."""

    digest: Digest
    subject: Digest | None
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. ``more`` says that something follows."""

    names: list[str]
    more: bool
    still_true: Callable[[], bool] | None = None
    """Tells later whether this is still the answer; None: ask again."""


class Registry:
    """One registry over one file system."""

    def __init__(self, settings: Settings, fs: FileSystem, shared: Shared | None = None) -> None:
        self.settings = settings
        self.fs = fs
        self.shared = shared or Shared()
        """What this process has in common with others that serve the same store."""
        self.layout = Layout(fs.root)
        self.locks = Locks(self.shared)
        self.space = Space(fs, settings.reserve)
        self.blobs = BlobStore(fs, self.layout, self.locks)
        self.repositories = RepositoryStore(fs, self.layout, self.shared)
        self.uploads = UploadStore(
            fs,
            self.layout,
            self.blobs,
            self.space,
            most=settings.max_uploads,
            all_open=OpenUploads(settings.max_all_uploads, self._count_uploads, processes=settings.workers),
        )
        self._lists = Lists(fs, self.layout, self.repositories, self.shared)
        self._tags: Cache[tuple[Repository, Tag], tuple[Stat, Digest]] = Cache(_TAG_MEMORY)
        self._manifests: Cache[tuple[Repository, Digest], tuple[Stat, Stat, StoredManifest]] = Cache(
            _MANIFEST_MEMORY
        )
        self._referrers = Referrers(self.blobs, self.repositories)

    # blobs

    def blob_size(self, repository: Repository, digest: Digest) -> int:
        """Return the size of a blob of the repository in bytes; raise `BlobUnknown`."""
        size = self.blobs.size(digest) if self.repositories.has_blob(repository, digest) else None
        if size is None:
            raise BlobUnknown(detail={"digest": str(digest)})
        return size

    def blob_files(self, repository: Repository, digest: Digest) -> tuple[str, ...]:
        """Return the files that decide about a blob of a repository."""
        return self.layout.layer_link(repository, digest), self.layout.blob_data(digest)

    def manifest_files(self, repository: Repository, reference: Reference, digest: Digest) -> tuple[str, ...]:
        """Return the files that decide about a manifest of a repository, which ``reference`` means now."""
        files = self.layout.revision_link(repository, digest), self.layout.blob_data(digest)
        return (
            files
            if isinstance(reference, Digest)
            else (self.layout.tag_current(repository, reference), *files)
        )

    def open_blob(self, digest: Digest) -> BinaryIO:
        """Open a blob that `blob_size` found; raise `BlobUnknown` if it has just gone."""
        try:
            return self.blobs.open(digest)
        except FileNotFoundError as error:
            raise BlobUnknown(detail={"digest": str(digest)}) from error

    def delete_blob(self, repository: Repository, digest: Digest) -> None:
        """Take a blob out of a repository; raise `BlobUnknown`. The content stays: others may have it."""
        with self.locks.repository(repository):
            if not self.repositories.remove_blob(repository, digest):
                raise BlobUnknown(detail={"digest": str(digest)})

    def mount(self, repository: Repository, digest: Digest, source: Repository | None) -> bool:
        """Make a blob of ``source``, or of any repository, part of ``repository``; return False if it is not
        there.
        """
        self.repositories.require_storable(repository)
        with self.locks.digest(digest):
            if source is not None and not self.repositories.has_blob(source, digest):
                return False
            if self.blobs.size(digest) is None:
                return False
            self.repositories.add_blob(repository, digest)
        return True

    # uploads

    def start_upload(self, repository: Repository, algorithm: str) -> str:
        """Begin an upload whose digest will probably be of ``algorithm``; return its identifier."""
        self.repositories.require_storable(repository)
        return self.uploads.start(repository, algorithm)

    def finish_upload(self, repository: Repository, upload_id: str, digest: Digest) -> None:
        """Make a flushed upload a blob of the repository; raise `DigestInvalid` and leave nothing if it is
        another.
        """
        # Over both: who looks for blobs that no repository has must not come between.
        with self.locks.digest(digest):
            self.uploads.commit(repository, upload_id, digest)
            self.repositories.add_blob(repository, digest)
        self.uploads.discard(repository, upload_id)

    def finish_whole_upload(self, repository: Repository, upload_id: str, digest: Digest) -> None:
        """Flush an upload of which everything has come, and make it a blob as `finish_upload` does."""
        writer = self.uploads.open(repository, upload_id, digest.algorithm)
        try:
            writer.flush()
        finally:
            self.uploads.close(upload_id, writer)
        self.finish_upload(repository, upload_id, digest)

    def purge_uploads(self, age: float) -> int:
        """Remove the uploads that nobody wrote to for ``age`` seconds; return how many."""
        return sum(self.uploads.purge(repository, age) for repository in self.repositories.with_uploads())

    def _count_uploads(self) -> int:
        """Return how many uploads are open, after those have gone whose time is over."""
        if self.settings.purge_uploads:
            self.purge_uploads(self.settings.upload_age)
        return sum(map(self.uploads.count, self.repositories.with_uploads()))

    # manifests

    def resolve(self, repository: Repository, reference: Reference) -> Digest:
        """Return the digest that ``reference`` means; raise `ManifestUnknown` if it is a tag that is not
        there.
        """
        if isinstance(reference, Digest):
            return reference
        key = (repository, reference)
        now = self.fs.stat(self.layout.tag_current(repository, reference))
        remembered = self._tags.get(key)
        if remembered is not None and remembered[0] == now:
            return remembered[1]
        digest = self.repositories.tagged(repository, reference) if now is not None else None
        if now is None or digest is None:
            raise ManifestUnknown(detail={"name": repository.name, "tag": reference.name})
        if is_settled(now):
            self._tags.put(key, (now, digest))
        return digest

    def manifest(self, repository: Repository, reference: Reference) -> StoredManifest:
        """Return a manifest of the repository; raise `ManifestUnknown`, or `WouldBlock` where a large one
        cannot be read.
        """
        digest = self.resolve(repository, reference)
        key = (repository, digest)
        link = self.fs.stat(self.layout.revision_link(repository, digest))
        data = self.fs.stat(self.layout.blob_data(digest))
        remembered = self._manifests.get(key)
        if remembered is not None and remembered[0] == link and remembered[1] == data:
            return remembered[2]
        if link is None or data is None or link.size < len(str(digest)):
            raise ManifestUnknown(detail={"name": repository.name, "digest": str(digest)})
        if data.size > READ_AT_ONCE and not may_block():
            raise WouldBlock
        stored = read_stored(self.blobs, self.repositories, repository, digest)
        if is_settled(link) and is_settled(data):
            self._manifests.put(key, (link, data, stored), len(stored.content) + 512)
        return stored

    def put_manifest(
        self,
        repository: Repository,
        reference: Reference,
        content: bytes,
        content_type: str | None,
        tags: Sequence[Tag] = (),
        *,
        condition: Condition | None = None,
    ) -> Pushed:
        """Store a manifest under ``reference``, and under ``tags`` too, if ``condition`` holds.

        Raises `ManifestInvalid`, `ManifestBlobUnknown`, `DigestInvalid`, `NameInvalid`, `TagInvalid`,
        `PreconditionFailed` or `DiskFull`.
        """
        tags = (reference, *tags) if isinstance(reference, Tag) else tuple(tags)
        digest = reference if isinstance(reference, Digest) else Digest.of(content)
        if Digest.of(content, digest.algorithm) != digest:
            raise DigestInvalid(detail={"expected": str(digest)})
        declared = declared_media_type(content)
        manifest = read_manifest(content, _media_type(content_type, declared))
        self.repositories.require_storable(repository)
        for tag in tags:
            self.repositories.require_storable_tag(repository, tag)
        self.space.require(len(content))
        with self.locks.repository(repository):
            # Under the lock that deleting takes as well: what was found must still be there at the end.
            self._require(condition, repository, reference)
            if not self.settings.sparse:
                self._require_content(repository, manifest)
            self.blobs.put(digest, content)
            self._forget(repository, digest)
            kept = None if manifest.media_type == declared else manifest.media_type
            self.repositories.add_manifest(repository, digest, kept)
            # Once more: who read it meanwhile may have found the media type of before.
            self._forget(repository, digest)
            for tag in tags:
                self._tags.forget((repository, tag))
                self.repositories.add_tag(repository, tag, digest)
        return Pushed(digest, manifest.subject, tags)

    def _require_content(self, repository: Repository, manifest: Manifest) -> None:
        """Raise `ManifestBlobUnknown` if the repository lacks something that ``manifest`` names."""
        missing = [
            str(descriptor.digest)
            for descriptor in manifest.blobs
            if descriptor.is_distributed and not self.repositories.has_blob(repository, descriptor.digest)
        ]
        missing += [
            str(descriptor.digest)
            for descriptor in manifest.manifests
            if not self.repositories.has_manifest(repository, descriptor.digest)
        ]
        if missing:
            raise ManifestBlobUnknown(detail={"digests": missing})

    def delete_manifest(
        self, repository: Repository, digest: Digest, condition: Condition | None = None
    ) -> None:
        """Take a manifest and its tags out of the repository; raise `ManifestUnknown`, or
        `PreconditionFailed` if ``condition`` does not hold.
        """
        with self.locks.repository(repository):
            self._require(condition, repository, digest)
            if not self.repositories.has_manifest(repository, digest):
                raise ManifestUnknown(detail={"digest": str(digest)})
            self._forget(repository, digest)
            self.repositories.remove_manifest(repository, digest)

    def delete_tag(self, repository: Repository, tag: Tag, condition: Condition | None = None) -> None:
        """Remove a tag and nothing else; raises as `delete_manifest` does."""
        with self.locks.repository(repository):
            self._require(condition, repository, tag)
            self._tags.forget((repository, tag))
            if not self.repositories.remove_tag(repository, tag):
                raise ManifestUnknown(detail={"tag": tag.name})

    def _require(self, condition: Condition | None, repository: Repository, reference: Reference) -> None:
        """Raise `PreconditionFailed` unless ``condition`` holds of what ``reference`` means now."""
        if condition is None:
            return
        digest = (
            reference if isinstance(reference, Digest) else self.repositories.tagged(repository, reference)
        )
        exists = digest is not None and self.repositories.has_manifest(repository, digest)
        if not condition(str(digest) if exists else None):
            raise PreconditionFailed(detail={"found": str(digest) if exists else None})

    def _forget(self, repository: Repository, digest: Digest) -> None:
        self._manifests.forget((repository, digest))
        self._referrers.forget(repository, digest)

    # lists

    def tags(self, repository: Repository, most: int, last: str) -> Page:
        """Return at most ``most`` tags after ``last``; raise `NameUnknown`."""
        found: Names = self._lists.tags(repository)
        names = found.after(last, most + 1 if most else 0)
        return Page(names[:most], len(names) > most, found.still_true)

    def catalog(self, most: int, last: str, shown: Callable[[str], bool] | None = None) -> Page:
        """Return at most ``most`` repositories after ``last``, of those that may be ``shown`` (None: all)."""
        if shown is None:
            found = self._lists.catalog(most, last)
            return Page(found.names, found.more, found.still_true)
        return _page(filter(shown, (repository.name for repository in self.repositories.all(last))), most)

    def referrers_page(
        self, repository: Repository, subject: Digest, artifact_type: str | None, last: str
    ) -> ReferrersPage:
        """Return the manifests after ``last`` whose subject is ``subject``, of one artifact type if given."""
        return self._referrers.page(repository, subject, artifact_type=artifact_type, last=last)


def _media_type(content_type: str | None, declared: str) -> str:
    """Return the media type of a manifest that came as ``content_type`` and says ``declared``."""
    media_type = declared if content_type is None or content_type in GENERIC else content_type
    if media_type == OPAQUE:
        raise ManifestInvalid("neither Content-Type nor the manifest itself says what it is")
    if not media_type.startswith("application/") or len(media_type) > 255:
        # Not text/html above all: a manifest is served to browsers as what it was pushed as.
        raise ManifestInvalid(f"{media_type[:200]!r} is no media type of a manifest")
    return media_type


def _page(names: Iterable[str], most: int) -> Page:
    found = list(islice(names, most + 1 if most else 0))
    return Page(found[:most], len(found) > most)
