"""Manifests as they lie in the store: read, verified, with the media type that they were pushed with."""

from dataclasses import dataclass

from registry_app.errors import ManifestUnknown
from registry_app.manifest import declared_media_type
from registry_app.reference import Digest, Repository
from registry_app.storage.blobs import BlobStore
from registry_app.storage.repositories import RepositoryStore

LARGEST_READ = 64 << 20
"""Largest manifest that is served, should another registry have accepted it; in bytes."""


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as a client gets it."""

    digest: Digest
    media_type: str
    content: bytes


def read_stored(
    blobs: BlobStore, repositories: RepositoryStore, repository: Repository, digest: Digest
) -> StoredManifest:
    """Read a manifest from the disk; raise `ManifestUnknown` if it is gone or damaged."""
    try:
        content = blobs.read(digest, LARGEST_READ)
    except FileNotFoundError as error:
        raise ManifestUnknown(detail={"digest": str(digest)}) from error
    if Digest.of(content, digest.algorithm) != digest:
        raise ManifestUnknown(
            "the manifest is damaged on disk; push it again", detail={"digest": str(digest)}
        )
    media_type = repositories.media_type(repository, digest) or declared_media_type(content)
    return StoredManifest(digest, media_type, content)
