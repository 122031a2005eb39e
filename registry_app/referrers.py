"""Who refers to a manifest. OCI spec, "Listing referrers".

There is no index of subjects on disk that could be wrong: a repository's manifests are listed, and each one's
content, which never changes, is read once. So what another registry wrote or removed counts as well.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from registry_app.errors import ManifestUnknown, RegistryError
from registry_app.manifest import read_manifest, referrer_descriptor, referrers_index
from registry_app.reference import Digest, Repository
from registry_app.storage.blobs import BlobStore
from registry_app.storage.cache import Cache
from registry_app.storage.filesystem import FileTooLarge, Stat
from registry_app.storage.repositories import RepositoryStore
from registry_app.stored import StoredManifest, read_stored

LARGEST_PAGE = 4 << 20
"""Bytes of descriptors in one answer: clients read no more of an index than of any other manifest."""

_MEMORY = 32 << 20

Descriptor = dict[str, object]


@dataclass(frozen=True, slots=True)
class ReferrersPage:
    """A part of the list, as an image index; ``last`` is where the next one begins, None if there is none."""

    index: bytes
    last: str | None


@dataclass(frozen=True, slots=True)
class _Referrer:
    """What a manifest's content says about whom it refers to; as immutable as the content."""

    subject: Digest | None
    descriptor: Descriptor | None = None


class Referrers:
    """The referrers in one store."""

    def __init__(self, blobs: BlobStore, repositories: RepositoryStore) -> None:
        self._blobs = blobs
        self._repositories = repositories
        self._known: Cache[tuple[Repository, Digest], tuple[Stat | None, _Referrer]] = Cache(_MEMORY)
        """With each, its link as it was: it is written anew when the manifest gets another media type."""

    def page(
        self, repository: Repository, subject: Digest, *, artifact_type: str | None = None, last: str = ""
    ) -> ReferrersPage:
        """Return the manifests after ``last`` whose subject is ``subject``, of one artifact type if given."""
        found = sorted(self._of(repository, subject, artifact_type), key=_digest)
        page: list[Descriptor] = []
        size = 0
        for descriptor in found:
            if _digest(descriptor) <= last:
                continue
            size += len(json.dumps(descriptor)) + 1
            if page and size > LARGEST_PAGE:
                return ReferrersPage(referrers_index(page), _digest(page[-1]))
            page.append(descriptor)
        return ReferrersPage(referrers_index(page), None)

    def forget(self, repository: Repository, digest: Digest) -> None:
        """Read a manifest anew the next time: it was pushed or removed."""
        self._known.forget((repository, digest))

    def _of(self, repository: Repository, subject: Digest, artifact_type: str | None) -> Iterator[Descriptor]:
        for digest in self._repositories.manifests(repository):
            referrer = self._referrer(repository, digest)
            if referrer.subject != subject or referrer.descriptor is None:
                continue
            if artifact_type not in (None, referrer.descriptor.get("artifactType")):
                continue
            if self._repositories.has_manifest(repository, digest):
                yield referrer.descriptor

    def _referrer(self, repository: Repository, digest: Digest) -> _Referrer:
        key, link = (repository, digest), self._repositories.manifest_link(repository, digest)
        known = self._known.get(key)
        if known is not None and known[0] == link:
            return known[1]
        try:
            stored = read_stored(self._blobs, self._repositories, repository, digest)
        except (ManifestUnknown, FileTooLarge):
            # Removed a moment ago, or damaged: not remembered, for it may be pushed again.
            return _Referrer(None)
        referrer = _describe(stored)
        weight = 256 if referrer.subject is None else 512 + len(stored.content)
        self._known.put(key, (link, referrer), weight)
        return referrer


def _describe(stored: StoredManifest) -> _Referrer:
    try:
        manifest = read_manifest(stored.content, stored.media_type)
    except RegistryError:
        # Another registry accepted it: it is served, but says nothing that we could list.
        return _Referrer(None)
    if manifest.subject is None:
        return _Referrer(None)
    return _Referrer(manifest.subject, referrer_descriptor(manifest, stored.digest, len(stored.content)))


def _digest(descriptor: Descriptor) -> str:
    return str(descriptor["digest"])
