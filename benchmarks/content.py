"""The store that every peer serves in the rows that pull, and the sizes of everything."""

import hashlib
import json
import os
from dataclasses import dataclass

from benchmarks.store import BLOCK, CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Blob, Store


@dataclass(frozen=True)
class Sizes:
    """How much of everything; sizes in bytes."""

    big: int = 1 << 30
    layer: int = 64 << 20
    repeat: int = 4
    """How often each of 16 clients pulls its layer in one run."""
    tags: int = 1000
    repositories: int = 10_000
    small_pushes: int = 2000
    seconds: float = 3.0
    """How long small requests are sent in one run."""


QUICK = Sizes(big=8 << 20, layer=1 << 20, repeat=1, tags=50, repositories=100, small_pushes=20, seconds=0.5)
"""To see that everything works, not how fast."""


class Content:
    """What lies in the shared store."""

    LAYERED = "bench/layered"

    def __init__(self, root: str, sizes: Sizes) -> None:
        self.store = Store(root)
        self.big = self.store.add_blob("bench/big", sizes.big, b"big")
        layers = [
            self.store.add_blob("bench/layers", sizes.layer, b"layer %d " % index) for index in range(16)
        ]
        self._digest = self.store.add_image(
            "bench/layers", [f"v{index}" for index in range(sizes.tags)], layers
        )
        self._small = self.store.add_blob("bench/layers", 78, b"small")
        thin = [self.store.add_blob(self.LAYERED, 256 << 10, b"thin %d " % index) for index in range(40)]
        self.store.add_image(self.LAYERED, ["v1"], thin)
        for index in range(sizes.repositories):
            self.store.link_image(f"many/r{index:05}", ["v1"], self._digest)
        self.big_path = f"/v2/bench/big/blobs/{self.big.digest}"
        self.layer_paths = [f"/v2/bench/layers/blobs/{layer.digest}" for layer in layers]
        self.image = os.path.join(root, "image")
        write_image(self.image, 40, 256 << 10)

    def tag_path(self) -> str:
        """Return the address of a manifest by tag."""
        return "/v2/bench/layers/manifests/v7"

    def digest_path(self) -> str:
        """Return the address of a manifest by digest."""
        return f"/v2/bench/layers/manifests/{self._digest}"

    def small_path(self) -> str:
        """Return the address of a blob of 78 bytes."""
        return f"/v2/bench/layers/blobs/{self._small.digest}"

    def tags_path(self) -> str:
        """Return the address of a long list of tags."""
        return "/v2/bench/layers/tags/list"

    def drop_from_cache(self, blob: Blob) -> None:
        """Let the kernel forget a blob's content, so that the next pull reads the disk."""
        with open(self.store.blob_path(blob.digest), "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_image(path: str, layers: int, size: int) -> None:
    """Write an OCI layout with one image, as something to copy into a registry."""
    blobs = os.path.join(path, "blobs", "sha256")
    os.makedirs(blobs)

    def add(content: bytes, media_type: str) -> dict[str, object]:
        encoded = hashlib.sha256(content).hexdigest()
        with open(os.path.join(blobs, encoded), "wb") as file:
            file.write(content)
        return {"mediaType": media_type, "digest": f"sha256:{encoded}", "size": len(content)}

    def dump(document: object) -> bytes:
        return json.dumps(document).encode()

    descriptors = [add((b"layer %d " % index + BLOCK)[:size], LAYER_TYPE) for index in range(layers)]
    ids = [str(descriptor["digest"]) for descriptor in descriptors]
    config = add(
        dump({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}}),
        CONFIG_TYPE,
    )
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": descriptors}
    index = {"schemaVersion": 2, "manifests": [add(dump(manifest), MANIFEST_TYPE)]}
    with open(os.path.join(path, "index.json"), "wb") as file:
        file.write(dump(index))
    with open(os.path.join(path, "oci-layout"), "wb") as file:
        file.write(dump({"imageLayoutVersion": "1.0.0"}))
