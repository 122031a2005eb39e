"""Several processes that serve one store: whichever answers, the answer is the same.

Which worker answers is decided by stopping all the others for a moment: the kernel then gives it every new
connection.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from registry_app.settings import SettingsError, load
from registry_app.storage.shared import Shared

from .auth_lab import PASSWORDS, htpasswd, wait_until
from .content import (
    OCI_MANIFEST,
    descriptor,
    digest_of,
    manifest,
    pull,
    push_blob,
    push_image,
    push_manifest,
)
from .servers import RunningRegistry

WORKERS = 3


@pytest.fixture
def registry(start: Callable[..., RunningRegistry]) -> RunningRegistry:
    registry = start(HTTP_WORKERS=str(WORKERS))
    wait_until(lambda: all(serves(process) for process in workers(registry)))
    return registry


def workers(registry: RunningRegistry) -> list[int]:
    """Return the processes that the first one has started."""
    pid = registry.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def serves(process: int) -> bool:
    """Whether a worker can be told to stop, which it can once it serves."""
    status = Path(f"/proc/{process}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1)


@contextmanager
def through(registry: RunningRegistry, number: int) -> Iterator[httpx.Client]:
    """A client whose every connection is answered by one worker."""
    others = workers(registry)
    os.kill(others.pop(number), signal.SIGCONT)
    for process in others:
        os.kill(process, signal.SIGSTOP)
    try:
        with httpx.Client(base_url=registry.url, timeout=30) as http:
            yield http
    finally:
        for process in others:
            os.kill(process, signal.SIGCONT)


def test_an_upload_goes_on_with_any_worker(registry: RunningRegistry) -> None:
    pieces = [os.urandom(300_000) for _ in range(2 * WORKERS)]
    with through(registry, 0) as http:
        location = http.post("/v2/any/blobs/uploads/").headers["location"]

    for index, piece in enumerate(pieces):
        with through(registry, index % WORKERS) as http:
            answer = http.patch(location, content=piece)
            assert answer.headers["range"] == f"0-{sum(map(len, pieces[: index + 1])) - 1}"
            location = answer.headers["location"]
    content = b"".join(pieces)
    with through(registry, 1) as http:
        finished = http.put(httpx.URL(location).copy_merge_params({"digest": digest_of(content)}))

    assert finished.status_code == 201
    for number in range(WORKERS):
        with through(registry, number) as http:
            assert http.get(f"/v2/any/blobs/{digest_of(content)}").content == content


def test_an_upload_is_written_by_one_worker_at_a_time(registry: RunningRegistry) -> None:
    with through(registry, 0) as http:
        location = http.post("/v2/one/blobs/uploads/").headers["location"]

        def slowly() -> Iterator[bytes]:
            yield b"a" * 100_000
            wait_until(lambda: http.get(location).headers["range"] == "0-99999")
            # The first worker is in the middle of this body when the second one is asked.
            with through(registry, 1) as other, pytest.raises(httpx.TimeoutException):
                other.patch(location, content=b"b" * 100_000, timeout=1)
            yield b"c" * 100_000

        answer = http.patch(location, content=slowly())
    # Whoever waited for the upload may come now, even if its client did not wait for the answer.
    (data,) = (registry.store / "repositories" / "one" / "_uploads").glob("*/data")
    assert answer.headers["range"] == "0-199999"
    assert data.read_bytes().rstrip(b"b") == b"a" * 100_000 + b"c" * 100_000


def lists(http: httpx.Client) -> tuple[list[str], list[str]]:
    """Return the tags of one repository, and all repositories."""
    tags = http.get("/v2/seen/tags/list").json()["tags"]
    return tags, http.get("/v2/_catalog").json()["repositories"]


def test_what_one_worker_changes_every_other_shows_at_once(registry: RunningRegistry) -> None:
    with through(registry, 0) as http:
        push_image(http, "seen", "v0")
    # Remembered lists are of directories that have not been touched for a moment.
    time.sleep(0.3)
    with httpx.Client(base_url=registry.url) as first, httpx.Client(base_url=registry.url) as second:
        with through(registry, 1):
            assert lists(first) == (["v0"], ["seen"])
        with through(registry, 2):
            assert lists(second) == (["v0"], ["seen"])

        with through(registry, 0) as http:
            content = push_image(http, "also-seen", "latest")
            # Right before the last change, so that nobody looks at the disk again by himself.
            for process in workers(registry):
                os.kill(process, signal.SIGCONT)
            for _ in range(50):
                assert lists(first)[0] == lists(second)[0] == ["v0"]
            push_blob(http, "seen", b"{}")
            push_manifest(http, "seen", "v1", content)
            assert lists(first) == lists(second) == (["v0", "v1"], ["also-seen", "seen"])
            assert http.delete("/v2/seen/manifests/v0").status_code == 202
            assert lists(first) == lists(second) == (["v1"], ["also-seen", "seen"])


def test_a_tag_that_one_worker_moves_or_removes_is_not_remembered_by_another(
    registry: RunningRegistry,
) -> None:
    first, second = manifest(b"{}", b"1"), manifest(b"{}", b"2")
    # Remembered answers are of files that have not been touched for a moment.
    with through(registry, 0) as http:
        push_manifest(http, "moved", "latest", first)
    time.sleep(0.3)
    for number in range(WORKERS):
        with through(registry, number) as http:
            assert [pull(http, "moved", "latest").content for _ in range(3)] == [first] * 3

    with through(registry, 1) as http:
        push_manifest(http, "moved", "latest", second)
    for number in range(WORKERS):
        with through(registry, number) as http:
            assert pull(http, "moved", "latest").content == second
    with through(registry, 2) as http:
        assert http.delete("/v2/moved/manifests/latest").status_code == 202
    for number in range(WORKERS):
        with through(registry, number) as http:
            assert pull(http, "moved", "latest").status_code == 404


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(registry: RunningRegistry) -> None:
    content = os.urandom(100_000)
    before = workers(registry)
    with through(registry, 0) as http:
        push_blob(http, "kept", content)

    os.kill(before[0], signal.SIGKILL)

    with httpx.Client(base_url=registry.url, timeout=30) as http:
        assert http.get(f"/v2/kept/blobs/{digest_of(content)}").content == content
    wait_until(lambda: len(workers(registry)) == WORKERS and before[0] not in workers(registry))
    wait_until(lambda: all(serves(process) for process in workers(registry)))
    with through(registry, WORKERS - 1) as http:
        assert http.get(f"/v2/kept/blobs/{digest_of(content)}").content == content
    assert "worker 0 has ended (signal SIGKILL); starting another" in registry.log.read_text()


def test_all_workers_end_with_the_first_process(registry: RunningRegistry) -> None:
    processes = workers(registry)

    assert registry.stop() == 0

    assert not [process for process in processes if Path(f"/proc/{process}").exists()]


def test_no_worker_outlives_the_first_process(registry: RunningRegistry) -> None:
    processes = workers(registry)

    registry.kill()

    wait_until(lambda: not [process for process in processes if Path(f"/proc/{process}").exists()])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{registry.url}/v2/")


def is_starting(process: int) -> bool:
    """Whether a registry holds the signal to stop back, waits for it and has started workers, or serves."""
    status = Path(f"/proc/{process}/status").read_text()
    held = int(status.partition("SigBlk:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1
    return bool(held or serves(process) or Path(f"/proc/{process}/task/{process}/children").read_text())


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06, 0.1])
@pytest.mark.parametrize("count", [1, WORKERS])
def test_a_stop_that_comes_during_the_start_is_not_lost(tmp_path: Path, count: int, delay: float) -> None:
    environment = os.environ | {
        "REGISTRY_HTTP_ADDR": "127.0.0.1:0",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(tmp_path / "root"),
        "REGISTRY_HTTP_WORKERS": str(count),
    }
    process = subprocess.Popen([sys.executable, "-m", "registry_app", "serve"], env=environment)
    try:
        wait_until(lambda: is_starting(process.pid))
        time.sleep(delay)

        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_a_replacement_that_cannot_start_does_not_end_the_others(
    start: Callable[..., RunningRegistry], tmp_path: Path
) -> None:
    users = tmp_path / "htpasswd"
    users.write_text(htpasswd(PASSWORDS))
    registry = start(HTTP_WORKERS=str(WORKERS), AUTH_HTPASSWD_PATH=str(users))
    wait_until(lambda: all(serves(process) for process in workers(registry)))
    good, first = users.read_text(), workers(registry)[0]

    users.write_text("sam:not-a-hash\n")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: "worker 0 has ended (exit code 1)" in registry.log.read_text())
    assert httpx.get(f"{registry.url}/v2/", auth=("sam", PASSWORDS["sam"])).status_code == 200
    users.write_text(good)

    wait_until(lambda: len(workers(registry)) == WORKERS and all(map(serves, workers(registry))))


def test_a_manifest_that_gets_another_media_type_refers_for_every_worker(registry: RunningRegistry) -> None:
    subject = manifest(b"{}", b"subject")
    referring = json.dumps(
        {
            "schemaVersion": 2,
            "artifactType": "application/x.test",
            "config": descriptor(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [],
            "subject": descriptor(subject, OCI_MANIFEST),
        }
    ).encode()
    path = f"/v2/typed/manifests/{digest_of(referring)}"
    found = []

    for media_type in ("application/vnd.unknown+json", OCI_MANIFEST):
        with through(registry, 0) as http:
            pushed = http.put(path, content=referring, headers={"Content-Type": media_type})
            assert pushed.status_code == 201
        for number in range(WORKERS):
            with through(registry, number) as http:
                listed = http.get(f"/v2/typed/referrers/{digest_of(subject)}").json()["manifests"]
                found.append([entry["digest"] for entry in listed])

    assert found == [*[[]] * WORKERS, *[[digest_of(referring)]] * WORKERS]


def test_a_token_of_one_worker_is_known_to_the_others(
    start: Callable[..., RunningRegistry], tmp_path: Path
) -> None:
    (tmp_path / "htpasswd").write_text(htpasswd(PASSWORDS))
    registry = start(
        HTTP_WORKERS=str(WORKERS),
        AUTH_HTPASSWD_PATH=str(tmp_path / "htpasswd"),
        AUTH_CHALLENGE="bearer",
    )
    wait_until(lambda: all(serves(process) for process in workers(registry)))
    with through(registry, 0) as http:
        asked = {"service": registry.address, "scope": "repository:any:pull"}
        issued = http.get("/token", params=asked, auth=("sam", PASSWORDS["sam"]))

    for number in range(WORKERS):
        with through(registry, number) as http:
            bearer = {"Authorization": f"Bearer {issued.json()['token']}"}
            assert http.get("/v2/", headers=bearer).status_code == 200


def test_a_registry_that_cannot_start_says_so_and_ends(
    start: Callable[..., RunningRegistry], tmp_path: Path
) -> None:
    (tmp_path / "htpasswd").write_text("sam:not-a-hash\n")

    with pytest.raises(AssertionError, match="cannot start"):
        start(HTTP_WORKERS=str(WORKERS), AUTH_HTPASSWD_PATH=str(tmp_path / "htpasswd"))


def test_a_platform_without_fork_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_app.settings.can_fork", lambda: False)

    with pytest.raises(SettingsError, match="a registry on Windows is one process"):
        load({"REGISTRY_HTTP_WORKERS": "2"})


def test_a_shared_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    shared = Shared(2, str(tmp_path))
    held_here, said = shared.lock("a"), os.pipe()
    with held_here, held_here:
        child = os.fork()
        if not child:
            with shared.lock("b"):
                os.write(said[1], b"b")
            with shared.lock("a"):
                os.write(said[1], b"a")
            os._exit(0)
        assert os.read(said[0], 1) == b"b"
        time.sleep(0.2)
        os.set_blocking(said[0], False)
        with pytest.raises(BlockingIOError):
            os.read(said[0], 1)
    os.set_blocking(said[0], True)

    assert os.read(said[0], 1) == b"a"
    assert os.waitpid(child, 0)[1] == 0


def test_a_change_that_any_process_notes_is_seen_by_all(tmp_path: Path) -> None:
    shared = Shared(2, str(tmp_path))
    before = shared.changes()
    child = os.fork()
    if not child:
        shared.join(1)
        shared.note_change()
        os._exit(0)
    os.waitpid(child, 0)
    after_the_other = shared.changes()

    shared.note_change()

    assert len({before, after_the_other, shared.changes()}) == 3
