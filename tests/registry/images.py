"""A small image that clients accept as real: an OCI image layout with layers that can be unpacked."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from .content import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of


def root_file_system(*files: tuple[str, bytes]) -> bytes:
    """Return a tar archive of ``files``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def image_layout(
    directory: Path, *layers: bytes, tag: str = "v1", platforms: tuple[str, ...] = ("amd64",)
) -> str:
    """Write an OCI layout of one image, or of an index of one per platform; return the digest of what is
    tagged.
    """
    manifests = [_image(directory, layers, platform) for platform in platforms]
    if len(manifests) == 1:
        top = manifests[0]
    else:
        entries = [
            entry | {"platform": {"architecture": platform, "os": "linux"}}
            for entry, platform in zip(manifests, platforms, strict=True)
        ]
        listing = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        top = _store(directory, json.dumps(listing).encode(), OCI_INDEX)
    named = top | {"annotations": {"org.opencontainers.image.ref.name": tag}}
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    return str(top["digest"])


def _image(directory: Path, layers: tuple[bytes, ...], architecture: str) -> dict[str, object]:
    packed = [gzip.compress(layer, mtime=0) for layer in layers]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
    }
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _store(directory, json.dumps(config).encode(), OCI_CONFIG),
        "layers": [_store(directory, layer, OCI_LAYER) for layer in packed],
    }
    return _store(directory, json.dumps(document).encode(), OCI_MANIFEST)


def _store(directory: Path, content: bytes, media_type: str) -> dict[str, object]:
    path = directory / "blobs" / "sha256" / digest_of(content).partition(":")[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return descriptor(content, media_type)
