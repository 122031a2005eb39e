"""What a real engine does when the network cuts it off in the middle of a layer."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.registry.content import digest_of, pull
from tests.registry.cutting import cutting_proxy
from tests.registry.images import root_file_system
from tests.registry.servers import RunningRegistry
from tests.registry.test_clients import run

from .conftest import Engine

CUT_AFTER = 2_000_000


@pytest.fixture
def image(engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The identifier of an image with a layer that takes a while."""
    (tmp_path / "root.tar").write_bytes(root_file_system(("blob", os.urandom(12_000_000))))
    identifier = engine.docker("import", tmp_path / "root.tar")
    yield identifier
    engine.try_docker("image", "rm", "--force", identifier)


@pytest.mark.client("docker", "push", "again")
def test_docker_pushes_again_what_was_cut_off(engine: Engine, registry: RunningRegistry, image: str) -> None:
    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        engine.docker("tag", image, f"{proxy.address}/cut/push:v1")

        engine.docker("push", f"{proxy.address}/cut/push:v1")

        assert proxy.has_cut
    (layer,) = pull(registry.http, "cut/push", "v1").json()["layers"]
    assert digest_of(registry.http.get(f"/v2/cut/push/blobs/{layer['digest']}").content) == layer["digest"]


def pull_with_docker(engine: Engine, image: str) -> None:
    engine.docker("pull", image)


def fetch_with_containerd(engine: Engine, image: str) -> None:
    socket = engine.socket.parent / "exec" / "containerd" / "containerd.sock"
    run("ctr", f"--address={socket}", "--namespace=cut", "content", "fetch", "--plain-http", image)


@pytest.mark.parametrize(
    ("client", "fetch"),
    [
        pytest.param(name, fetch, id=name, marks=pytest.mark.client(name, "pull", "again", "resume"))
        for name, fetch in (("docker", pull_with_docker), ("containerd (ctr)", fetch_with_containerd))
    ],
)
def test_a_pull_goes_on_where_it_was_cut(
    engine: Engine,
    registry: RunningRegistry,
    image: str,
    client: str,
    fetch: Callable[[Engine, str], None],
) -> None:
    repository = f"cut/{client.partition(' ')[0]}"
    engine.docker("tag", image, f"{registry.address}/{repository}:v1")
    engine.docker("push", f"{registry.address}/{repository}:v1")
    engine.docker("image", "rm", "--force", image)

    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        fetch(engine, f"{proxy.address}/{repository}:v1")

    assert proxy.has_cut
    (asked,) = (text for text in proxy.ranges if text != "bytes=0-")
    assert int(asked.removeprefix("bytes=").partition("-")[0]) > CUT_AFTER // 2
