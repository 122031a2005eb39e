"""The network fails in the middle of a blob: what client programs do about it, and what they find when they
try again.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .content import digest_of, pull, push_blob
from .cutting import CuttingProxy, cutting_proxy
from .images import image_layout, root_file_system
from .servers import RunningRegistry
from .test_clients import TOOLS, run

CUT_AFTER = 2_000_000
SMALL = root_file_system(("etc/motd", b"hello"))
LARGE = root_file_system(("blob", os.urandom(12_000_000)))
CONTAINERS = "--root=PLACE/root --runroot=PLACE/run --storage-driver=vfs"


@dataclass(frozen=True)
class Client:
    """How a program pushes and pulls; LAYOUT, ARCHIVE, FILE, HERE (the place to push to), THERE (an image to
    pull) and PLACE (a directory of its own) stand for what a test has.
    """

    program: str
    push: str
    pull: str
    prepare: str = ""

    def arguments(self, step: str, **names: object) -> list[str]:
        text = str(getattr(self, step))
        for name, value in names.items():
            text = text.replace(name, str(value))
        return text.split()


CLIENTS = [
    Client(
        "skopeo",
        push="copy --dest-tls-verify=false oci:LAYOUT:v1 docker://HERE",
        pull="copy --src-tls-verify=false docker://THERE oci:PLACE/back:v1",
    ),
    Client(
        "crane",
        push="push --insecure ARCHIVE HERE",
        pull="pull --insecure THERE PLACE/back.tar",
    ),
    Client(
        "oras",
        push="copy --from-oci-layout --to-plain-http LAYOUT:v1 HERE",
        pull="copy --from-plain-http --to-oci-layout THERE PLACE/back:v1",
    ),
    *(
        Client(
            program,
            prepare=f"{CONTAINERS} pull --quiet docker-archive:ARCHIVE",
            push=f"{CONTAINERS} push --tls-verify=false docker.io/library/hello:local docker://HERE",
            pull=f"{CONTAINERS} pull --tls-verify=false THERE",
        )
        for program in ("podman", "buildah")
    ),
]


@pytest.fixture(
    params=[
        pytest.param(client, id=client.program, marks=pytest.mark.client(client.program, "again"))
        for client in CLIENTS
    ]
)
def client(request: pytest.FixtureRequest) -> Client:
    chosen: Client = request.param
    return chosen


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("image")
    image_layout(directory, SMALL, LARGE)
    return directory


@pytest.fixture(scope="module")
def archive(layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as ``docker save`` writes it."""
    path = tmp_path_factory.mktemp("archive") / "image.tar"
    run("skopeo", "copy", f"oci:{layout}:v1", f"docker-archive:{path}:hello:local")
    return path


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path, for podman's sake."""
    with tempfile.TemporaryDirectory(prefix="cut-") as directory:
        yield Path(directory)


def attempt(program: str, arguments: list[str]) -> int:
    """Run a client that may fail; return its exit code."""
    path = shutil.which(program, path=os.pathsep.join([str(TOOLS), os.environ["PATH"]]))
    assert path is not None
    return subprocess.run([path, *arguments], capture_output=True, timeout=120, check=False).returncode


def until_done(proxy: CuttingProxy, client: Client, arguments: list[str]) -> None:
    """Run a client once, and again if the cut made it give up."""
    if attempt(client.program, arguments):
        assert proxy.has_cut
        run(client.program, *arguments)
    assert proxy.has_cut


def test_a_push_that_was_cut_off_succeeds_again(
    registry: RunningRegistry, client: Client, layout: Path, archive: Path, place: Path
) -> None:
    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        names = {
            "LAYOUT": layout,
            "ARCHIVE": archive,
            "PLACE": place,
            "HERE": f"{proxy.address}/cut/{client.program}:v1",
        }
        if client.prepare:
            run(client.program, *client.arguments("prepare", **names))

        until_done(proxy, client, client.arguments("push", **names))

    pushed = pull(registry.http, f"cut/{client.program}", "v1").json()
    for blob in (pushed["config"], *pushed["layers"]):
        content = registry.http.get(f"/v2/cut/{client.program}/blobs/{blob['digest']}").content
        assert digest_of(content) == blob["digest"]


def test_a_pull_that_was_cut_off_succeeds_again(
    registry: RunningRegistry, client: Client, layout: Path, place: Path
) -> None:
    run(
        "skopeo",
        "copy",
        "--dest-tls-verify=false",
        f"oci:{layout}:v1",
        f"docker://{registry.address}/cut/base:v1",
    )

    # Clients compare digests themselves: that they succeed says that every byte came.
    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        names = {"PLACE": place, "THERE": f"{proxy.address}/cut/base:v1"}
        until_done(proxy, client, client.arguments("pull", **names))


CURL = ("--silent", "--show-error", "--fail")


@pytest.mark.client("curl", "push", "again", "resume")
def test_curl_goes_on_with_an_upload(registry: RunningRegistry, tmp_path: Path) -> None:
    """Nothing but HTTP and the specification: the upload's status, then a chunk with its Content-Range."""
    blob, rest = tmp_path / "blob", tmp_path / "rest"
    blob.write_bytes(LARGE)
    answer = run("curl", *CURL, "--include", "-X", "POST", f"{registry.url}/v2/cut/curl/blobs/uploads/")
    location = header(answer, "location")
    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        sent = [*CURL, "-X", "PATCH", "--upload-file", str(blob), f"http://{proxy.address}{location}"]
        assert attempt("curl", sent) != 0
        assert proxy.has_cut

    status = run("curl", *CURL, "--include", f"{registry.url}{location}")
    come = int(header(status, "range").removeprefix("0-")) + 1
    rest.write_bytes(LARGE[come:])
    chunk = f"Content-Range: {come}-{len(LARGE) - 1}"
    run("curl", *CURL, "-X", "PATCH", "-H", chunk, "--upload-file", rest, f"{registry.url}{location}")
    run("curl", *CURL, "-X", "PUT", f"{registry.url}{location}?digest={digest_of(LARGE)}")

    assert 0 < come < len(LARGE)
    assert registry.http.get(f"/v2/cut/curl/blobs/{digest_of(LARGE)}").content == LARGE


@pytest.mark.client("curl", "pull", "again", "resume")
def test_curl_goes_on_with_a_download(registry: RunningRegistry, tmp_path: Path) -> None:
    digest = push_blob(registry.http, "cut/curl-pull", LARGE)
    back = tmp_path / "back"
    with cutting_proxy(registry.address, CUT_AFTER) as proxy:
        blob = f"http://{proxy.address}/v2/cut/curl-pull/blobs/{digest}"
        download = [*CURL, "--continue-at", "-", "--output", str(back), blob]
        assert attempt("curl", download) != 0
        had = back.stat().st_size
        run("curl", *download)

    assert proxy.ranges == [f"bytes={had}-"]
    assert back.read_bytes() == LARGE


def header(text: str, name: str) -> str:
    """Return a header of an answer that curl has printed."""
    (line,) = (line for line in text.splitlines() if line.lower().startswith(f"{name}: "))
    return line.partition(": ")[2]
