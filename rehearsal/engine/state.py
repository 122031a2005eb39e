"""An engine's state below its data root: images, containers and networks in one file, blobs beside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal import store
from rehearsal.engine.blobs import Blobs
from rehearsal.engine.records import Container, DockerNetwork, Image


class State:
    """Everything that survives a restart of the engine. Hold `change` while altering records."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.blobs = Blobs(os.path.join(directory, "blobs"))
        self._path = os.path.join(directory, "state.json")
        self.lock = threading.RLock()
        saved = store.load(self._path) or {}
        self.engine_id: str = saved.get("id", "")
        self.images = {key: Image.from_json(value) for key, value in saved.get("images", {}).items()}
        self.containers = {
            key: Container.from_json(value) for key, value in saved.get("containers", {}).items()
        }
        self.networks = {
            key: DockerNetwork.from_json(value) for key, value in saved.get("networks", {}).items()
        }
        self.build_cache: dict[str, str] = saved.get("build_cache", {})
        self.pushed: dict[str, list[str]] = saved.get("pushed", {})
        """Digest of a layer to the repositories (with registry) that are known to have it."""

    @contextmanager
    def change(self) -> Iterator[None]:
        """Keep what is altered inside; nothing else sees or alters the records meanwhile."""
        with self.lock:
            yield
            self.save()

    def save(self) -> None:
        """Write all records."""
        with self.lock:
            value = {
                "id": self.engine_id,
                "images": {key: image.to_json() for key, image in self.images.items()},
                "containers": {key: container.to_json() for key, container in self.containers.items()},
                "networks": {key: network.to_json() for key, network in self.networks.items()},
                "build_cache": self.build_cache,
                "pushed": self.pushed,
            }
            store.save(self._path, value)
