"""Push and pull through `registry_app.registry.Registry` directly, without HTTP; and what comes of it."""

import contextlib
import json
from collections.abc import Iterator

from registry_app.manifest import OCI_INDEX, OCI_MANIFEST
from registry_app.reference import Digest, Reference, Repository, Tag
from registry_app.registry import Registry
from registry_app.settings import Settings
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.uploads import UploadWriter

REPOSITORY = Repository("labs/hello")


def registry_on(fs: FileSystem) -> Registry:
    """Return a registry over ``fs`` that reserves no space and takes any number of uploads."""
    fs.make_directory(fs.root)
    return Registry(Settings(root="/unused", reserve=0, sparse=False), fs)


def push_blob(
    registry: Registry, content: bytes, repository: Repository = REPOSITORY, chunk: int = 1 << 20
) -> Digest:
    """Push ``content`` in chunks, as a client does it, and return its digest."""
    digest = Digest.of(content)
    upload = registry.start_upload(repository, "sha256")
    for start in range(0, len(content), chunk):
        with _writing(registry, repository, upload) as writer:
            piece = content[start : start + chunk]
            writer.write([piece])
            writer.hash([piece])
    with _writing(registry, repository, upload) as writer:
        writer.flush()
    registry.finish_upload(repository, upload, digest)
    return digest


@contextlib.contextmanager
def _writing(registry: Registry, repository: Repository, upload: str) -> Iterator[UploadWriter]:
    writer = registry.uploads.open(repository, upload)
    try:
        yield writer
    finally:
        registry.uploads.close(upload, writer)


def image(config: bytes, *layers: bytes) -> bytes:
    """Return the manifest of an image."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
    }
    return json.dumps(document).encode()


def index(*manifests: bytes) -> bytes:
    """Return an index of manifests."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [_descriptor(manifest, OCI_MANIFEST) for manifest in manifests],
    }
    return json.dumps(document).encode()


def _descriptor(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def push_image(
    registry: Registry, tag: str | None, *layers: bytes, repository: Repository = REPOSITORY
) -> Digest:
    """Push an image of ``layers`` with everything it needs, under ``tag`` or its digest."""
    config = b'{"layers": %d}' % len(layers)
    for content in (config, *layers):
        push_blob(registry, content, repository)
    manifest = image(config, *layers)
    reference: Reference = Tag(tag) if tag else Digest.of(manifest)
    return registry.put_manifest(repository, reference, manifest, OCI_MANIFEST).digest


def pull_blob(registry: Registry, digest: Digest, repository: Repository = REPOSITORY) -> bytes:
    """Return a blob's content."""
    registry.blob_size(repository, digest)
    with registry.open_blob(digest) as file:
        return file.read()


def pull_image(registry: Registry, reference: Reference, repository: Repository = REPOSITORY) -> Digest:
    """Pull an image whole, verify every digest, and return the manifest's."""
    stored = registry.manifest(repository, reference)
    assert Digest.of(stored.content) == stored.digest
    document = json.loads(stored.content)
    for descriptor in [document["config"], *document["layers"]]:
        digest = Digest.parse(descriptor["digest"])
        assert Digest.of(pull_blob(registry, digest, repository)) == digest
    return stored.digest
