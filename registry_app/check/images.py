"""Verify that everything is there that a manifest names.

A manifest may name what the repository never held (OCI spec, "sparse" manifests and indexes; foreign layers):
something absent is worth a note. What is in the store and lacks but its link is damage, and can be mended.
"""

from registry_app.check.findings import Severity, Write
from registry_app.check.store import Store
from registry_app.errors import RegistryError
from registry_app.manifest import Manifest, read_manifest
from registry_app.reference import Digest, Repository
from registry_app.storage.filesystem import FileTooLarge
from registry_app.stored import LARGEST_READ, media_type_of


def check_image(
    store: Store, repository: Repository, digest: Digest, layers: set[Digest], manifests: set[Digest]
) -> None:
    """Check what the manifest ``digest`` names; add to ``layers`` what only lacks its link."""
    path = store.layout.revision_link(repository, digest)
    manifest = _read(store, repository, digest, path)
    if manifest is None:
        return
    for blob in manifest.blobs:
        if blob.digest in layers:
            continue
        if blob.digest in store.blobs:
            _link_layer(store, repository, blob.digest)
            layers.add(blob.digest)
        elif blob.is_distributed:
            store.note("incomplete", path, f"{repository} lacks {blob.digest}, of {blob.size} bytes")
    for child in manifest.manifests:
        if child.digest not in manifests:
            store.note("incomplete", path, f"{repository} lacks {child.digest}, a manifest of this index")


def _read(store: Store, repository: Repository, digest: Digest, path: str) -> Manifest | None:
    try:
        content = store.fs.read_bytes(store.layout.blob_data(digest), LARGEST_READ)
        return read_manifest(content, media_type_of(store.repositories, repository, digest, content))
    except FileTooLarge:
        store.note("manifest-too-large", path, f"more than {LARGEST_READ >> 20} MiB: it is not served")
    except RegistryError as error:
        store.note("manifest-unknown", path, f"what it refers to cannot be told: {error}")
    except OSError as error:
        store.unreadable(path, error)
    return None


def _link_layer(store: Store, repository: Repository, digest: Digest) -> None:
    path = store.layout.layer_link(repository, digest)
    store.referenced.add(digest)
    store.survey.add(
        Severity.DAMAGE,
        "layer-unlinked",
        store.below(path),
        f"an image in {repository} needs {digest}, which is there but not linked",
        Write(path, str(digest).encode()),
    )
