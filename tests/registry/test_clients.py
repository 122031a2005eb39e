"""The programs that people use: each pushes, pulls, lists, copies and deletes; digests are compared."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import dxf
import oras.client
import pytest

from .content import digest_of, pull
from .images import image_layout, root_file_system
from .servers import RunningRegistry

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"
LAYERS = (root_file_system(("etc/motd", b"hello")), root_file_system(("bin/blob", os.urandom(400_000))))


def run(program: str, *arguments: str | Path, **environment: str) -> str:
    """Run a client and return what it printed; skip the test where it is not installed."""
    path = shutil.which(program, path=os.pathsep.join([str(TOOLS), os.environ["PATH"]]))
    if path is None:
        pytest.skip(f"{program} is not installed")
    finished = subprocess.run(
        [path, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An image in an OCI layout, and its digest."""
    directory = tmp_path_factory.mktemp("image")
    return directory, image_layout(directory, *LAYERS)


@pytest.fixture(scope="module")
def multi_platform(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An image for two platforms in an OCI layout, and the digest of its index."""
    directory = tmp_path_factory.mktemp("index")
    return directory, image_layout(directory, *LAYERS, platforms=("amd64", "arm64"))


def test_skopeo(registry: RunningRegistry, image: tuple[Path, str], tmp_path: Path) -> None:
    layout, digest = image
    there, copy = (f"docker://{registry.address}/skopeo/{name}" for name in ("image:v1", "copy:v2"))
    insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]

    run("skopeo", "copy", *insecure, f"oci:{layout}:v1", there)
    run("skopeo", "copy", *insecure, there, copy)
    run("skopeo", "copy", *insecure, copy, f"oci:{tmp_path / 'back'}:v1")

    assert json.loads((tmp_path / "back/index.json").read_text())["manifests"][0]["digest"] == digest
    assert json.loads(run("skopeo", "inspect", "--tls-verify=false", copy))["Digest"] == digest
    assert json.loads(run("skopeo", "list-tags", "--tls-verify=false", there[:-3]))["Tags"] == ["v1"]
    run("skopeo", "delete", "--tls-verify=false", there)
    assert pull(registry.http, "skopeo/image", digest).status_code == 404
    assert pull(registry.http, "skopeo/copy", digest).status_code == 200


def test_skopeo_converts_to_schema_2(
    registry: RunningRegistry, image: tuple[Path, str], tmp_path: Path
) -> None:
    there = f"docker://{registry.address}/skopeo/schema2:v1"

    run("skopeo", "copy", "--format=v2s2", "--dest-tls-verify=false", f"oci:{image[0]}:v1", there)
    run("skopeo", "copy", "--src-tls-verify=false", there, f"dir:{tmp_path / 'back'}")

    assert "vnd.docker.distribution.manifest.v2+json" in (tmp_path / "back/manifest.json").read_text()


def test_crane(registry: RunningRegistry, multi_platform: tuple[Path, str], tmp_path: Path) -> None:
    layout, digest = multi_platform
    there, copy = f"{registry.address}/crane/image", f"{registry.address}/crane/copy"

    # crane names what it pushes from a layout by digest, so the layout goes in as the index that it is.
    run("crane", "push", "--index", layout, f"{there}:pushed")
    run("crane", "copy", f"{there}:pushed", f"{copy}:v1")
    run("crane", "tag", f"{copy}:v1", "latest")
    run("crane", "pull", "--format=oci", f"{copy}:latest", tmp_path / "back")

    assert run("crane", "ls", copy).split() == ["latest", "v1"]
    assert digest in run("crane", "manifest", f"{copy}:latest") + run("crane", "digest", f"{copy}:latest")
    assert {"crane/copy", "crane/image"} <= set(run("crane", "catalog", registry.address).split())
    for blob in (layout / "blobs/sha256").iterdir():
        assert (tmp_path / "back/blobs/sha256" / blob.name).read_bytes() == blob.read_bytes()
    run("crane", "delete", f"{there}:pushed")
    assert run("crane", "ls", there).split() == []


def test_oras(registry: RunningRegistry, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("sound")
    (tmp_path / "sbom.json").write_text("{}")
    there, plain = f"{registry.address}/oras/artifact", "--plain-http"
    push = ["push", plain, "--disable-path-validation", "--artifact-type=application/x.report", f"{there}:v1"]

    run("oras", *push, tmp_path / "report.txt")
    attach = [
        "attach",
        plain,
        "--disable-path-validation",
        "--artifact-type=application/x.sbom",
        f"{there}:v1",
    ]
    run("oras", *attach, tmp_path / "sbom.json")
    run("oras", "copy", "--from-plain-http", "--to-plain-http", "-r", f"{there}:v1", f"{there}-copy:v1")

    found = json.loads(run("oras", "discover", plain, "--format=json", f"{there}-copy:v1"))
    assert [entry["artifactType"] for entry in found["referrers"]] == ["application/x.sbom"]
    assert run("oras", "repo", "tags", plain, there).split() == ["v1"]
    assert "oras/artifact-copy" in run("oras", "repo", "ls", plain, registry.address)
    run("oras", "manifest", "delete", plain, "--force", f"{there}:v1")
    assert pull(registry.http, "oras/artifact", "v1").status_code == 404


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory for podman, which takes no path of more than 50 characters for its state."""
    with tempfile.TemporaryDirectory(prefix="podman-") as directory:
        yield Path(directory)


def test_podman(registry: RunningRegistry, image: tuple[Path, str], short_path: Path) -> None:
    there = f"{registry.address}/podman/image:v1"
    podman: list[str | Path] = [
        "--root",
        short_path / "root",
        "--runroot",
        short_path / "run",
        "--storage-driver=vfs",
    ]

    run("podman", *podman, "pull", f"oci:{image[0]}:v1")
    (pulled,) = run("podman", *podman, "images", "--quiet", "--no-trunc").split()
    run("podman", *podman, "push", "--tls-verify=false", pulled, there)
    run("podman", *podman, "rmi", pulled)
    run("podman", *podman, "pull", "--tls-verify=false", there)

    assert run("podman", *podman, "images", "--quiet", "--no-trunc").split() == [pulled]
    assert pull(registry.http, "podman/image", "v1").status_code == 200


def test_dxf(registry: RunningRegistry, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(LAYERS[1])
    client = dxf.DXF(registry.address, "dxf/blobs", insecure=True)
    digest = client.push_blob(str(tmp_path / "blob"))
    client.set_alias("v1", digest)

    assert digest == digest_of(LAYERS[1])
    assert client.list_aliases() == ["v1"]
    assert client.get_alias("v1") == [digest]
    assert b"".join(cast("Iterable[bytes]", client.pull_blob(digest))) == LAYERS[1]
    client.del_alias("v1")
    client.del_blob(digest)
    assert client.list_aliases() == []


def test_oras_for_python(registry: RunningRegistry, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("content")
    client = oras.client.OrasClient(insecure=True)
    target = f"{registry.address}/oras-py/artifact:v1"

    client.push(files=[str(tmp_path / "file.txt")], target=target, disable_path_validation=True)
    client.pull(target=target, outdir=str(tmp_path / "back"))

    assert client.get_tags(target) == ["v1"]
    (copy,) = (path for path in (tmp_path / "back").rglob("file.txt"))
    assert copy.read_text() == "content"
    client.delete_tags(target, ["v1"])
    assert pull(registry.http, "oras-py/artifact", "v1").status_code == 404


def test_buildah(registry: RunningRegistry, image: tuple[Path, str], tmp_path: Path) -> None:
    there = f"docker://{registry.address}/buildah/image:v1"
    buildah: list[str | Path] = [
        "--root",
        tmp_path / "root",
        "--runroot",
        tmp_path / "run",
        "--storage-driver=vfs",
    ]

    run("buildah", *buildah, "pull", f"oci:{image[0]}:v1")
    (pulled, *_) = run("buildah", *buildah, "images", "--quiet", "--no-trunc").split()
    run("buildah", *buildah, "push", "--tls-verify=false", pulled, there)

    assert pull(registry.http, "buildah/image", "v1").status_code == 200
