"""A real dockerd pushes, pulls, lists and removes through our registry over plain HTTP."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.content import ALL, pull
from tests.registry.images import root_file_system
from tests.registry.servers import RunningRegistry

from .conftest import Engine

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def image(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The identifier of an image in the engine."""
    (tmp_path / "root.tar").write_bytes(root_file_system(("etc/motd", b"hello"), ("blob", CONTENT)))
    identifier = engine.docker("import", tmp_path / "root.tar")
    yield identifier
    engine.try_docker("image", "rm", "--force", identifier)


@pytest.mark.client("docker", "push", "pull")
def test_docker_pushes_and_pulls_by_tag_and_digest(
    engine: Engine, registry: RunningRegistry, image: str
) -> None:
    there = f"{registry.address}/labs/hello-world:v1"
    engine.docker("tag", image, there)

    engine.docker("push", there)
    pushed = pull(registry.http, "labs/hello-world", "v1")
    digest = pushed.headers["docker-content-digest"]
    engine.docker("image", "rm", "--force", image)
    engine.docker("pull", there)

    assert engine.docker("image", "inspect", "--format={{.Id}}", there) == image
    engine.docker("image", "rm", there)
    engine.docker("pull", f"{registry.address}/labs/hello-world@{digest}")
    assert engine.docker("image", "ls", "--quiet", "--no-trunc") == image
    layers = [layer["digest"] for layer in pushed.json()["layers"]]
    for layer in layers:
        assert registry.http.head(f"/v2/labs/hello-world/blobs/{layer}").status_code == 200


@pytest.mark.client("docker", "copy")
def test_docker_mounts_a_layer_that_another_repository_has(
    engine: Engine, registry: RunningRegistry, image: str
) -> None:
    first, second = (f"{registry.address}/labs/{name}:v1" for name in ("first", "second"))
    engine.docker("tag", image, first)
    engine.docker("tag", image, second)
    engine.docker("push", first)

    output = engine.docker("push", second)

    assert "Mounted from labs/first" in output
    assert pull(registry.http, "labs/second", "v1").content == pull(registry.http, "labs/first", "v1").content


@pytest.mark.client("docker", "index")
def test_docker_pulls_a_manifest_list(engine: Engine, registry: RunningRegistry, image: str) -> None:
    there = f"{registry.address}/labs/listed"
    engine.docker("tag", image, f"{there}:amd64")
    engine.docker("push", f"{there}:amd64")
    engine.docker("manifest", "create", "--insecure", f"{there}:all", f"{there}:amd64")

    engine.docker("manifest", "push", f"{there}:all")
    engine.docker("pull", f"{there}:all")

    listing = json.loads(engine.docker("manifest", "inspect", "--insecure", f"{there}:all"))
    assert listing["mediaType"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    assert engine.docker("image", "inspect", "--format={{.Id}}", f"{there}:all") == image


def test_docker_says_what_the_registry_says(engine: Engine, registry: RunningRegistry, image: str) -> None:
    there = f"{registry.address}/labs/deleted:v1"
    engine.docker("tag", image, there)
    engine.docker("push", there)
    digest = registry.http.head("/v2/labs/deleted/manifests/v1", headers=ALL).headers["docker-content-digest"]
    assert registry.http.delete(f"/v2/labs/deleted/manifests/{digest}").status_code == 202

    refused = engine.try_docker("pull", there)

    assert refused.returncode == 1
    assert "not found: manifest unknown" in refused.stderr
