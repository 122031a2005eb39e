"""What another process writes or removes is seen at once, although answers and lists are kept in memory."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable

import pytest

from registry_app.storage.lists import LOOK_EVERY
from tests.registry.servers import RunningRegistry

TYPE = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = b"a layer"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(label: str) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": TYPE, "layers": [], "label": label}).encode()


class Store:
    """A running registry, its tree on disk, and one repository in it that has been read often enough to be
    known.
    """

    def __init__(self, registry: RunningRegistry) -> None:
        self.http = registry.http
        self.tree = registry.store
        self.repository = self.tree / "repositories" / "a" / "b"
        self.tags = self.repository / "_manifests" / "tags"
        for tag in ("one", "two"):
            self.push(tag, manifest(tag))
        url = self.http.post("/v2/a/b/blobs/uploads/").headers["location"]
        assert self.http.put(url, params={"digest": digest(LAYER)}, content=LAYER).status_code == 201
        # Files that have just changed are not trusted; let them settle.
        time.sleep(0.15)
        self.read()
        self.read()

    def push(self, tag: str, content: bytes) -> None:
        answer = self.http.put(f"/v2/a/b/manifests/{tag}", content=content, headers={"Content-Type": TYPE})
        assert answer.status_code == 201

    def read(self, *, at_once: bool = False) -> dict[str, object]:
        """Everything that a client can see, as plain data: at once, or when what others did must show."""
        if not at_once:
            time.sleep(LOOK_EVERY)
        tags, catalog = self.http.get("/v2/a/b/tags/list"), self.http.get("/v2/_catalog?n=5")
        return {
            "one": self.label("one"),
            "two": self.label("two"),
            "blob": self.http.head(f"/v2/a/b/blobs/{digest(LAYER)}").status_code,
            "layer": self.http.get(f"/v2/a/b/blobs/{digest(LAYER)}").status_code,
            "tags": tags.json().get("tags") if tags.status_code == 200 else tags.status_code,
            "catalog": catalog.json()["repositories"],
        }

    def label(self, tag: str) -> object:
        answer = self.http.get(f"/v2/a/b/manifests/{tag}", headers={"Accept": TYPE})
        return answer.json()["label"] if answer.status_code == 200 else answer.status_code


@pytest.fixture
def store(start: Callable[..., RunningRegistry]) -> Store:
    return Store(start())


KNOWN = {"one": "one", "two": "two", "blob": 200, "layer": 200, "tags": ["one", "two"], "catalog": ["a/b"]}


def test_nothing_changes_by_itself(store: Store) -> None:
    assert store.read() == KNOWN


def test_a_tag_that_is_removed_is_gone(store: Store) -> None:
    shutil.rmtree(store.tags / "one")

    assert store.read() == KNOWN | {"one": 404, "tags": ["two"]}


def test_a_tag_that_is_moved_means_the_other_image(store: Store) -> None:
    (store.tags / "one" / "current" / "link").write_text(digest(manifest("two")))

    assert store.read() == KNOWN | {"one": "two"}


def test_a_tag_that_is_added_is_there(store: Store) -> None:
    shutil.copytree(store.tags / "one", store.tags / "three")

    assert store.read() == KNOWN | {"tags": ["one", "three", "two"]}
    assert store.label("three") == "one"


def test_a_tag_whose_link_comes_late_is_there_when_it_comes(store: Store) -> None:
    os.makedirs(store.tags / "three" / "current")
    time.sleep(0.15)
    assert store.read() == KNOWN
    assert store.read() == KNOWN

    shutil.copy(store.tags / "one" / "current" / "link", store.tags / "three" / "current" / "link")

    assert store.read() == KNOWN | {"tags": ["one", "three", "two"]}


def test_a_manifest_that_is_removed_is_gone(store: Store) -> None:
    encoded = digest(manifest("one")).removeprefix("sha256:")
    shutil.rmtree(store.repository / "_manifests" / "revisions" / "sha256" / encoded)

    assert store.label("one") == 404


def test_a_blob_that_is_taken_out_of_the_repository_is_gone(store: Store) -> None:
    shutil.rmtree(store.repository / "_layers" / "sha256" / digest(LAYER).removeprefix("sha256:"))

    assert store.read() == KNOWN | {"blob": 404, "layer": 404}


def test_a_blob_whose_content_is_removed_is_gone(store: Store) -> None:
    encoded = digest(LAYER).removeprefix("sha256:")
    shutil.rmtree(store.tree / "blobs" / "sha256" / encoded[:2] / encoded)

    assert store.read() == KNOWN | {"blob": 404, "layer": 404}


def test_a_repository_that_is_added_is_listed(store: Store) -> None:
    shutil.copytree(store.repository, store.tree / "repositories" / "a" / "c" / "d")

    assert store.read() == KNOWN | {"catalog": ["a/b", "a/c/d"]}


def test_a_repository_that_is_removed_is_gone(store: Store) -> None:
    shutil.rmtree(store.repository)

    assert store.read() == {"one": 404, "two": 404, "blob": 404, "layer": 404, "tags": 404, "catalog": []}


def test_what_this_registry_pushes_is_seen_at_once(store: Store) -> None:
    for label in ("x", "y", "z"):
        store.push("one", manifest(label))
        assert store.read(at_once=True) == KNOWN | {"one": label}


def test_what_this_registry_deletes_is_gone_at_once(store: Store) -> None:
    assert store.http.delete("/v2/a/b/manifests/one").status_code == 202
    assert store.read(at_once=True) == KNOWN | {"one": 404, "tags": ["two"]}

    assert store.http.delete(f"/v2/a/b/blobs/{digest(LAYER)}").status_code == 202
    assert store.read(at_once=True) == KNOWN | {"one": 404, "tags": ["two"], "blob": 404, "layer": 404}


def test_two_registries_on_one_tree_agree(start: Callable[..., RunningRegistry]) -> None:
    store, other = Store(start()), start()

    other.http.put("/v2/a/b/manifests/one", content=manifest("other"), headers={"Content-Type": TYPE})
    assert store.read() == KNOWN | {"one": "other"}

    other.http.delete("/v2/a/b/manifests/one")
    assert store.read() == KNOWN | {"one": 404, "tags": ["two"]}
