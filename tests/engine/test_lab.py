"""The lab's whole exercise on a real engine: the registry's image is built, run, used, killed and replaced.

The engine is Linux' own, the rest is what hosts get: the Dockerfile of our template, our wheel, the same
entry point and environment, the lab's subnet and addresses, plain HTTP, the data directory on the host.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.image_source import ImageSource
from tests.registry.images import root_file_system

from . import linux_image
from .island import missing
from .lab import CONTAINER, IP, REGISTRY, Lab, running_lab

unable = missing("docker", "dockerd", "iptables", "busybox", "ldd")
pytestmark = [pytest.mark.skipif(unable is not None, reason=str(unable)), pytest.mark.timeout(600)]

HELLO = f"{REGISTRY}/labs/hello-world:v1"
LARGE = f"{REGISTRY}/labs/large:v1"
NEWER = "99.0.0"
NO_SPACE = "Upload failed, retrying: received unexpected HTTP status: 507 Insufficient Storage"
PLAIN_HTTP = f'Get "https://{REGISTRY}/v2/": http: server gave HTTP response to HTTPS client'


@pytest.fixture(scope="module")
def engine() -> Iterator[Lab]:
    """An engine that can run containers, with images to push; skipped with its words where it cannot."""
    with ExitStack() as stack:
        try:
            lab = stack.enter_context(running_lab())
        except RuntimeError as error:
            pytest.skip(str(error))
        _import(lab, "base", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "lab/python:base")
        tried = lab.try_docker("run", "--rm", "--network", "nat", "lab/python:base", "python", "--version")
        if tried.returncode != 0:
            pytest.skip(f"no container runs on this machine: {tried.stdout.strip()}")
        for name, size in (("hello", 300_000), ("large", 48_000_000)):
            (lab.folder / f"{name}.tar").write_bytes(root_file_system(("blob", os.urandom(size))))
            _import(lab, name, "LABEL lab=1", f"lab/{name}")
        yield lab


def _import(lab: Lab, name: str, change: str, image: str) -> None:
    archive = lab.folder / f"{name}.tar"
    if name == "base":
        linux_image.base(archive)
    lab.docker("import", "--change", change, archive, image)
    archive.unlink()


@dataclass(frozen=True)
class Built:
    """The registry's image in two versions."""

    source: ImageSource
    image: str
    newer: str


@pytest.fixture(scope="module")
def built(engine: Lab) -> Built:
    """Both images, built without a network from a base that the engine has."""
    source = linux_image.source()
    newer = linux_image.with_version(source, NEWER)
    return Built(source, _build(engine, source), _build(engine, newer))


def _build(lab: Lab, source: ImageSource) -> str:
    image = f"registry-lab/registry:{linux_image.mark(source)}"
    directory = lab.folder / "build" / linux_image.mark(source)
    directory.mkdir(parents=True)
    linux_image.context(source, "lab/python:base", directory)
    lab.docker("build", "--network", "none", "--tag", image, directory)
    return image


@pytest.fixture
def lab(engine: Lab, built: Built) -> Iterator[Lab]:
    """The registry's container, running and trusted, over an empty data directory; images ready to push."""
    engine.docker("tag", "lab/hello", HELLO)
    engine.docker("tag", "lab/large", LARGE)
    engine.trust(REGISTRY)
    engine.run_registry(built.image)
    yield engine
    engine.docker("container", "rm", "--force", CONTAINER)
    engine.island.run("sh", "-c", f"rm -rf {engine.data}/*")


def identifier(lab: Lab, image: str) -> str:
    return lab.docker("image", "inspect", "--format={{.Id}}", image)


def pull_again(lab: Lab, image: str) -> str:
    """Remove an image and what it is made of, pull it, and return its identifier."""
    lab.docker("image", "rm", "--force", identifier(lab, image))
    lab.docker("pull", image)
    return identifier(lab, image)


@pytest.fixture(autouse=True)
def _originals(engine: Lab) -> Iterator[None]:
    """Keep what is pushed within reach of every test, whatever was removed under its own name."""
    originals = {name: identifier(engine, name) for name in ("lab/hello", "lab/large")}
    yield
    for name, image in originals.items():
        engine.docker("tag", image, name)


def test_the_image_says_what_the_dockerfile_says(engine: Lab, built: Built) -> None:
    labels, environment, ports, entry, command, health = (
        engine.docker("image", "inspect", f"--format={{{{json .Config.{part}}}}}", built.image)
        for part in ("Labels", "Env", "ExposedPorts", "Entrypoint", "Cmd", "Healthcheck.Test")
    )

    assert f'"org.opencontainers.image.version":"{built.source.version}"' in labels
    assert f'"registry-lab.fingerprint":"{linux_image.mark(built.source)}"' in labels
    assert '"REGISTRY_HTTP_ADDR=:5000"' in environment
    assert '"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry"' in environment
    assert ports == '{"5000/tcp":{}}'
    assert (entry, command) == ('["python","-m","registry_app"]', '["serve"]')
    assert health == '["CMD","python","-m","registry_app","health"]'


def test_the_container_has_its_address_its_port_and_its_health(lab: Lab) -> None:
    shown = lab.inspect()

    assert shown["NetworkSettings"]["Networks"]["nat"]["IPAddress"] == IP
    assert lab.answers(IP)
    assert lab.answers("127.0.0.1")
    lab.docker("exec", CONTAINER, "python", "-m", "registry_app", "health")


def test_plain_http_is_refused_until_the_settings_say_otherwise(lab: Lab) -> None:
    lab.trust()
    refused = lab.try_docker("push", HELLO)
    refused_pull = lab.try_docker("pull", HELLO)

    lab.trust(REGISTRY)
    accepted = lab.try_docker("push", HELLO)

    assert (refused.returncode, refused_pull.returncode) == (1, 1)
    assert refused.stdout.strip().endswith(PLAIN_HTTP)
    assert refused_pull.stdout.strip().endswith(PLAIN_HTTP)
    assert accepted.returncode == 0, accepted.stdout


def test_the_labs_exercise(lab: Lab, built: Built) -> None:
    pushed = identifier(lab, HELLO)

    lab.docker("push", HELLO)
    first = pull_again(lab, HELLO)
    lab.docker("kill", CONTAINER)
    lab.docker("rm", CONTAINER)
    lab.run_registry(built.image)
    second = pull_again(lab, HELLO)

    assert (first, second) == (pushed, pushed)
    assert lab.inspect()["NetworkSettings"]["Networks"]["nat"]["IPAddress"] == IP


def test_a_newer_image_finds_what_was_pushed(lab: Lab, built: Built) -> None:
    pushed = identifier(lab, HELLO)
    lab.docker("push", HELLO)
    lab.docker("container", "rm", "--force", CONTAINER)

    lab.run_registry(built.newer)

    assert lab.docker("exec", CONTAINER, "python", "-m", "registry_app", "--version") == NEWER
    assert pull_again(lab, HELLO) == pushed


def test_a_push_outlives_a_kill_of_the_registry(lab: Lab, tmp_path: Path) -> None:
    """The engine starts the container again and the push, which begins its layer anew."""
    small, large = identifier(lab, HELLO), identifier(lab, LARGE)
    lab.docker("push", HELLO)
    process = lab.inspect()["State"]["Pid"]

    push = lab.island.start("docker", "push", LARGE, output=tmp_path / "push", env=lab.environment)
    lab.wait(lambda: _arrived(lab.data) > 1_000_000)
    os.kill(process, signal.SIGKILL)
    ended = push.wait(120)

    said = (tmp_path / "push").read_text()
    assert ended == 0, said
    assert "Retrying in" in said
    assert lab.inspect()["RestartCount"] == 1
    assert (pull_again(lab, HELLO), pull_again(lab, LARGE)) == (small, large)


def test_a_push_that_was_broken_off_succeeds_the_next_time(lab: Lab, built: Built, tmp_path: Path) -> None:
    """Registry and client are both gone in the middle of it; the registry is run anew."""
    large = identifier(lab, LARGE)

    push = lab.island.start("docker", "push", LARGE, output=tmp_path / "push", env=lab.environment)
    lab.wait(lambda: _arrived(lab.data) > 1_000_000)
    lab.docker("kill", CONTAINER)
    push.kill()
    push.wait(20)
    lab.docker("rm", CONTAINER)
    lab.run_registry(built.image)
    unknown = lab.try_docker("pull", LARGE)
    lab.docker("push", LARGE)

    assert "not found" in unknown.stdout
    assert pull_again(lab, LARGE) == large


def _arrived(data: Path) -> int:
    """Return how much of an upload that is under way is on the disk."""
    return max((path.stat().st_size for path in data.glob("**/_uploads/*/data")), default=0)


def test_a_full_disk_refuses_a_push_until_there_is_room(lab: Lab, disk: Path, built: Built) -> None:
    lab.run_registry(built.image, "--env=REGISTRY_STORAGE_FILESYSTEM_RESERVE=0", data=disk)
    small, large = identifier(lab, HELLO), identifier(lab, LARGE)
    lab.docker("push", HELLO)

    # Docker tries five times, for 50 seconds, before it says the same itself.
    push = lab.island.start("docker", "push", LARGE, output=lab.folder / "push", env=lab.environment)
    lab.wait(lambda: NO_SPACE in lab.log.read_text())
    push.kill()
    push.wait(20)
    while_full = pull_again(lab, HELLO)
    lab.island.run("mount", "-o", "remount,size=160m", str(disk))
    lab.docker("push", LARGE)

    assert lab.inspect()["RestartCount"] == 0
    assert "the disk is full" in lab.docker("logs", CONTAINER)
    assert (while_full, pull_again(lab, LARGE)) == (small, large)


def test_a_push_that_would_touch_the_reserve_is_refused_in_words(lab: Lab, disk: Path, built: Built) -> None:
    lab.run_registry(built.image, data=disk)

    refused = lab.fetch("/v2/labs/hello-world/blobs/uploads/", method="POST")

    assert refused.startswith("507 ")
    assert "not enough disk space in the registry: 24 MiB are free, 256 MiB of them reserved" in refused
    assert lab.answers()


@pytest.fixture
def disk(lab: Lab) -> Path:
    """A disk of 24 MiB that the engine sees, in place of the data directory of a registry that is gone."""
    lab.docker("container", "rm", "--force", CONTAINER)
    directory = lab.folder / "disk"
    directory.mkdir(exist_ok=True)
    mounted = lab.island.run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(directory))
    assert mounted.returncode == 0, mounted.stdout
    return directory


@pytest.mark.parametrize("end", [Lab.stop, Lab.cut_power], ids=["restart", "power-cut"])
def test_the_registry_comes_back_with_the_engine(lab: Lab, built: Built, end: Callable[[Lab], None]) -> None:
    """What somebody stopped stays stopped: that is what ``unless-stopped`` says."""
    pushed = identifier(lab, HELLO)
    lab.docker("push", HELLO)
    lab.docker("run", "--detach", "--name=idle", "--restart=unless-stopped", built.image)
    lab.wait(lambda: "listening on" in lab.docker("logs", "idle"))
    lab.docker("stop", "idle")
    before = lab.inspect()["State"]["StartedAt"]

    end(lab)
    lab.start()
    lab.wait(lab.answers)

    shown, idle = lab.inspect(), lab.inspect("idle")
    lab.docker("rm", "idle")
    assert shown["State"]["StartedAt"] > before
    assert shown["NetworkSettings"]["Networks"]["nat"]["IPAddress"] == IP
    assert (idle["State"]["Status"], idle["State"]["ExitCode"]) == ("exited", 0)
    assert pull_again(lab, HELLO) == pushed
