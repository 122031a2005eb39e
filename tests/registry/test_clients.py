"""The programs that people use: each pushes, pulls, lists, copies and deletes; digests are compared."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
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


@pytest.mark.client("skopeo", "push", "pull", "copy", "list", "delete")
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


@pytest.mark.client("skopeo", "push")
def test_skopeo_converts_to_schema_2(
    registry: RunningRegistry, image: tuple[Path, str], tmp_path: Path
) -> None:
    there = f"docker://{registry.address}/skopeo/schema2:v1"

    run("skopeo", "copy", "--format=v2s2", "--dest-tls-verify=false", f"oci:{image[0]}:v1", there)
    run("skopeo", "copy", "--src-tls-verify=false", there, f"dir:{tmp_path / 'back'}")

    assert "vnd.docker.distribution.manifest.v2+json" in (tmp_path / "back/manifest.json").read_text()


@pytest.mark.client("crane", "push", "pull", "copy", "index", "list", "delete")
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


@pytest.mark.client("oras", "push", "copy", "list", "delete", "refer")
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


@pytest.mark.client("podman", "push", "pull", "list")
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
    tags = run("podman", *podman, "search", "--list-tags", "--tls-verify=false", there.removesuffix(":v1"))
    assert tags.split() == ["NAME", "TAG", there.removesuffix(":v1"), "v1"]


@pytest.mark.client("python-dxf", "push", "pull", "list", "delete")
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


@pytest.mark.client("oras (Python)", "push", "pull", "list", "delete")
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


def buildah_or_podman(program: str, directory: Path) -> Callable[..., str]:
    """Return a way to run one of the two with an image store of its own."""
    store: list[str | Path] = [
        "--root",
        directory / "root",
        "--runroot",
        directory / "run",
        "--storage-driver=vfs",
    ]
    return lambda *arguments: run(program, *store, *arguments)


@pytest.mark.client("buildah", "push", "pull")
def test_buildah(registry: RunningRegistry, image: tuple[Path, str], tmp_path: Path) -> None:
    there = f"docker://{registry.address}/buildah/image:v1"
    buildah = buildah_or_podman("buildah", tmp_path)

    buildah("pull", f"oci:{image[0]}:v1")
    (pulled, *_) = buildah("images", "--quiet", "--no-trunc").split()
    buildah("push", "--tls-verify=false", pulled, there)
    buildah("rmi", "--force", pulled)
    buildah("pull", "--tls-verify=false", there)

    assert buildah("images", "--quiet", "--no-trunc").split() == [pulled]
    assert pull(registry.http, "buildah/image", "v1").status_code == 200


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(name, marks=pytest.mark.client(name, "index", "push", "copy"))
        for name in ("buildah", "podman")
    ],
)
def test_a_manifest_list_is_made_of_images_elsewhere(
    registry: RunningRegistry, multi_platform: tuple[Path, str], short_path: Path, program: str
) -> None:
    """From one repository to another: every image that the list names is copied."""
    here, there = (f"docker://{registry.address}/{program}/{name}:v1" for name in ("source", "list"))
    run("skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci:{multi_platform[0]}:v1", here)
    tool = buildah_or_podman(program, short_path)

    tool("manifest", "create", "lab-list")
    tool("manifest", "add", "--all", "--tls-verify=false", "lab-list", here)
    tool("manifest", "push", "--all", "--tls-verify=false", "lab-list", there)

    listed = pull(registry.http, f"{program}/list", "v1").json()["manifests"]
    assert {entry["platform"]["architecture"] for entry in listed} == {"amd64", "arm64"}
    for entry in listed:
        assert pull(registry.http, f"{program}/list", entry["digest"]).status_code == 200


@pytest.mark.client("skopeo", "index", "push", "pull", "copy")
def test_skopeo_keeps_an_index(
    registry: RunningRegistry, multi_platform: tuple[Path, str], tmp_path: Path
) -> None:
    layout, digest = multi_platform
    here, there = (f"docker://{registry.address}/skopeo-index/{name}:v1" for name in ("source", "copy"))
    insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]

    run("skopeo", "copy", "--all", *insecure, f"oci:{layout}:v1", here)
    run("skopeo", "copy", "--all", *insecure, here, there)
    run("skopeo", "copy", "--all", *insecure, there, f"oci:{tmp_path / 'back'}:v1")

    assert json.loads((tmp_path / "back/index.json").read_text())["manifests"][0]["digest"] == digest
    assert pull(registry.http, "skopeo-index/copy", digest).status_code == 200


@pytest.mark.client("oras", "index", "pull")
def test_oras_makes_an_index_and_pulls(registry: RunningRegistry, tmp_path: Path) -> None:
    there, plain = f"{registry.address}/oras/index", "--plain-http"
    digests = []
    for system in ("linux", "windows"):
        (tmp_path / system).write_text(system)
        options = [plain, "--disable-path-validation", f"--artifact-platform={system}/amd64"]
        run("oras", "push", *options, f"{there}:{system}", tmp_path / system)
        digests.append(pull(registry.http, "oras/index", system).headers["docker-content-digest"])

    run("oras", "manifest", "index", "create", plain, f"{there}:all", "linux", "windows")
    (tmp_path / "windows").unlink()
    # What was pushed from an absolute path goes back there.
    run("oras", "pull", plain, "--allow-path-traversal", "--platform=windows/amd64", f"{there}:all")

    assert (tmp_path / "windows").read_text() == "windows"
    listed = pull(registry.http, "oras/index", "all").json()["manifests"]
    assert [entry["digest"] for entry in listed] == digests


@pytest.mark.client("umoci, through skopeo", "push", "pull")
def test_umoci_unpacks_what_it_packed(registry: RunningRegistry, tmp_path: Path) -> None:
    """umoci itself speaks to no registry: it makes layouts, and skopeo carries them."""
    there = f"docker://{registry.address}/umoci/image:v1"
    made, back = tmp_path / "made", tmp_path / "back"

    run("umoci", "init", "--layout", made)
    run("umoci", "new", "--image", f"{made}:v1")
    run("umoci", "unpack", "--rootless", "--image", f"{made}:v1", tmp_path / "bundle")
    (tmp_path / "bundle/rootfs/motd").write_text("hello")
    run("umoci", "repack", "--image", f"{made}:v1", tmp_path / "bundle")
    run("skopeo", "copy", "--dest-tls-verify=false", f"oci:{made}:v1", there)
    run("skopeo", "copy", "--src-tls-verify=false", there, f"oci:{back}:v1")
    run("umoci", "unpack", "--rootless", "--image", f"{back}:v1", tmp_path / "again")

    assert (tmp_path / "again/rootfs/motd").read_text() == "hello"
