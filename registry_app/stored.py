"""Manifests as they lie in the store: read, verified, with the media type that they were pushed with."""

from dataclasses import dataclass

from registry_app.errors import ManifestUnknown
from registry_app.manifest import declared_media_type, is_media_type
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
    return StoredManifest(digest, media_type_of(repositories, repository, digest, content), content)


def media_type_of(
    repositories: RepositoryStore, repository: Repository, digest: Digest, content: bytes
) -> str:
    """Return the media type of a manifest, as it was pushed if that is kept and whole, else as it says."""
    kept = repositories.media_type(repository, digest)
    # It goes into a header, so nothing gets there by its being on the disk alone.
    return kept if kept is not None and is_media_type(kept) else declared_media_type(content)
