"""A real registry is killed, again and again, while clients push to it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx
import pytest

from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.storage.posix import PosixFileSystem
from tests.registry.content import digest_of, pull, push_image
from tests.registry.servers import RunningRegistry, our_registry

CLIENTS = 3

pytestmark = pytest.mark.timeout(900)


class Client(threading.Thread):
    """Pushes images, and moves a tag of its own, until the registry is gone; knows what was acknowledged."""

    def __init__(self, registry: RunningRegistry, name: str, begun: threading.Semaphore) -> None:
        super().__init__()
        self.registry, self.repository, self.begun = registry, f"kill/{name}", begun
        self.acknowledged: dict[str, bytes] = {}

    def run(self) -> None:
        with httpx.Client(base_url=self.registry.url, timeout=10) as http:
            for number in range(10_000):
                layers = [
                    self.repository.encode() + b" layer %d" % number,
                    b"shared layer %d" % (number // 3),
                ]
                tag = "latest" if number % 2 else f"v{number}"
                try:
                    content = push_image(http, self.repository, tag, *layers)
                except (httpx.TransportError, AssertionError):
                    return
                self.acknowledged[tag] = content
                self.begun.release()


@pytest.fixture(params=["POSIX", "Windows"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], RunningRegistry]]:
    """Start a registry over one directory, with either platform's rules, as often as one likes."""
    drive = tmp_path / "C"
    drive.mkdir()
    program = ("registry_app", "serve")
    if request.param == "Windows":
        program = ("tests.registry.win32.serve", str(drive))
    with ExitStack() as stack:
        yield lambda: stack.enter_context(
            our_registry(drive / "registry-data", tmp_path / "log", program=program)
        )


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_being_killed(start: Callable[[], RunningRegistry], seed: int) -> None:
    random = Random(seed)
    acknowledged: dict[tuple[str, str], bytes] = {}

    for life in range(4):
        registry = start()
        for (repository, tag), content in acknowledged.items():
            require_whole(registry.http, repository, tag, content)
        begun = threading.Semaphore(0)
        clients = [Client(registry, f"{life}-{number}", begun) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(random.randrange(1, 40)):
            assert begun.acquire(timeout=30)
        registry.kill()
        for client in clients:
            client.join()
            for tag, content in client.acknowledged.items():
                if tag != "latest":
                    acknowledged[client.repository, tag] = content

    registry = start()
    for (repository, tag), content in acknowledged.items():
        require_whole(registry.http, repository, tag, content)
    assert acknowledged
    fs = PosixFileSystem(str(registry.root))
    assert survey(fs).of(Severity.DAMAGE) == []
    for name in registry.http.get("/v2/_catalog?n=1000").json()["repositories"]:
        for tag in registry.http.get(f"/v2/{name}/tags/list").json()["tags"]:
            require_whole(registry.http, name, tag, None)


def require_whole(http: httpx.Client, repository: str, tag: str, content: bytes | None) -> None:
    """Check that an image is what was pushed, if that is known, and that everything in it can be pulled."""
    answer = pull(http, repository, tag)
    assert answer.status_code == 200
    assert content is None or answer.content == content
    document = answer.json()
    for descriptor in [document["config"], *document["layers"]]:
        blob = http.get(f"/v2/{repository}/blobs/{descriptor['digest']}").content
        assert digest_of(blob) == descriptor["digest"]
