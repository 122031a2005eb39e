"""Content to pull: written straight into the reference registry's layout, so that every peer serves the
same files.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
BLOCK = os.urandom(1 << 20)
"""Incompressible, and the same for everything made in one run."""


@dataclass(frozen=True)
class Blob:
    """A blob's digest and size in bytes."""

    digest: str
    size: int


def blocks(size: int, seed: bytes) -> Iterator[bytes]:
    """Yield ``size`` bytes of content that differs for each ``seed``, in pieces of at most 1 MiB."""
    head = (seed + BLOCK)[: min(size, len(BLOCK))]
    if head:
        yield head
    for start in range(len(head), size, len(BLOCK)):
        yield BLOCK[: min(len(BLOCK), size - start)]


def digest_of(size: int, seed: bytes) -> str:
    """Return the digest of what `blocks` yields."""
    hasher = hashlib.sha256()
    for block in blocks(size, seed):
        hasher.update(block)
    return f"sha256:{hasher.hexdigest()}"


class Store:
    """A tree ``docker/registry/v2`` below ``root``, filled without a registry."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._base = os.path.join(root, "docker", "registry", "v2")

    def blob_path(self, digest: str) -> str:
        """Return where a blob's content lies."""
        encoded = digest.removeprefix("sha256:")
        return os.path.join(self._base, "blobs", "sha256", encoded[:2], encoded, "data")

    def add_blob(self, repository: str, size: int, seed: bytes) -> Blob:
        """Write a blob of made-up content and link it to the repository."""
        digest = digest_of(size, seed)
        os.makedirs(os.path.dirname(self.blob_path(digest)), exist_ok=True)
        with open(self.blob_path(digest), "wb") as file:
            file.writelines(blocks(size, seed))
        self._link(f"repositories/{repository}/_layers/sha256/{digest[7:]}/link", digest)
        return Blob(digest, size)

    def add_image(self, repository: str, tags: list[str], layers: list[Blob]) -> str:
        """Write an image of ``layers`` under every tag and return the manifest's digest."""
        config = self.add_blob(repository, 2000, b"config of " + repository.encode())
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {"mediaType": CONFIG_TYPE, "digest": config.digest, "size": config.size},
                "layers": [
                    {"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers
                ],
            },
            indent=2,
        ).encode()
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        os.makedirs(os.path.dirname(self.blob_path(digest)), exist_ok=True)
        with open(self.blob_path(digest), "wb") as file:
            file.write(manifest)
        self.link_image(repository, tags, digest)
        return digest

    def link_image(self, repository: str, tags: list[str], digest: str) -> None:
        """Make a manifest that is there part of another repository, under every tag."""
        manifests = f"repositories/{repository}/_manifests"
        self._link(f"{manifests}/revisions/sha256/{digest[7:]}/link", digest)
        for tag in tags:
            self._link(f"{manifests}/tags/{tag}/current/link", digest)
            self._link(f"{manifests}/tags/{tag}/index/sha256/{digest[7:]}/link", digest)

    def _link(self, path: str, digest: str) -> None:
        whole = os.path.join(self._base, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="ascii") as file:
            file.write(digest)
