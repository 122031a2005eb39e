"""What may happen between two looks at the disk, made to happen there each time."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from registry_app.manifest import OCI_MANIFEST
from registry_app.reference import Digest, Repository, Tag
from registry_app.registry import Registry
from registry_app.storage.posix import PosixFileSystem
from tests.registry.pushes import REPOSITORY, image, push_blob, registry_on

LAYER = b"a layer"
IMAGE = image(LAYER)
MINUTE = 60 * 10**9


class SlowlyListed(PosixFileSystem):
    """A disk on which something happens while a directory is listed."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.meanwhile: Callable[[str], None] = lambda _path: None

    def list(self, path: str) -> list[str]:
        names = super().list(path)
        self.meanwhile(path)
        return names


@pytest.fixture
def disk(tmp_path: Path) -> SlowlyListed:
    return SlowlyListed(str(tmp_path))


@pytest.fixture
def registry(disk: SlowlyListed) -> Registry:
    registry = registry_on(disk)
    push_blob(registry, LAYER)
    return registry


def is_held(registry: Registry) -> bool:
    """Return whether another thread would have to wait to change the repository."""
    taken: list[bool] = []

    def take() -> None:
        lock = cast("threading.RLock", registry.locks.repository(REPOSITORY))
        taken.append(lock.acquire(blocking=False))
        if taken[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return not taken[0]


def settle(path: str, minutes: int) -> None:
    """Let a directory look as if it had last changed so long ago."""
    at = time.time_ns() - minutes * MINUTE
    os.utime(path, ns=(at, at))


def test_a_tag_that_begins_while_tags_are_listed_is_there_once_it_is_whole(
    registry: Registry, disk: SlowlyListed
) -> None:
    registry.put_manifest(REPOSITORY, Tag("one"), IMAGE, OCI_MANIFEST)
    tags = registry.layout.tags(REPOSITORY)
    settle(registry.layout.manifests(REPOSITORY), minutes=3)
    settle(tags, minutes=2)

    def begin(path: str) -> None:
        if path == tags and not os.path.exists(f"{tags}/two"):
            os.makedirs(f"{tags}/two/current")
            # As if the disk had taken a minute for each step.
            settle(tags, minutes=1)

    disk.meanwhile = begin
    assert registry.tags(REPOSITORY, 10, "").names == ["one"]

    Path(tags, "two/current/link").write_text(str(Digest.of(IMAGE)))

    assert registry.tags(REPOSITORY, 10, "").names == ["one", "two"]


def test_what_a_manifest_needs_cannot_be_deleted_between_the_look_and_the_link(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    has_blob = registry.repositories.has_blob

    def look(repository: Repository, digest: Digest) -> bool:
        looks.append(is_held(registry))
        return has_blob(repository, digest)

    monkeypatch.setattr(registry.repositories, "has_blob", look)

    registry.put_manifest(REPOSITORY, Tag("one"), IMAGE, OCI_MANIFEST)

    assert looks
    assert all(looks)


def test_a_blob_is_deleted_when_no_manifest_is_on_its_way(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    remove_blob = registry.repositories.remove_blob

    def look(repository: Repository, digest: Digest) -> bool:
        looks.append(is_held(registry))
        return remove_blob(repository, digest)

    monkeypatch.setattr(registry.repositories, "remove_blob", look)

    registry.delete_blob(REPOSITORY, Digest.of(LAYER))

    assert looks == [True]
