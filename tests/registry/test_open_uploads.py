"""How many uploads may be open: in a repository, in all of them, and what a killed server left of them."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from registry_app.errors import TooManyRequests
from registry_app.storage.open_uploads import COUNT_AGAIN, OpenUploads

from .content import codes, digest_of, push_blob
from .servers import RunningRegistry

WEEK_AND_MORE = 8 * 24 * 3600


def begin(running: RunningRegistry, repository: str) -> httpx.Response:
    return running.http.post(f"/v2/{repository}/blobs/uploads/")


def fill(running: RunningRegistry, most: int) -> list[str]:
    """Open uploads to so many repositories; return where they go on."""
    answers = [begin(running, f"labs/of-{number}/x") for number in range(most)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.headers["location"] for answer in answers]


def finish(running: RunningRegistry, location: str, content: bytes = b"content") -> int:
    url = httpx.URL(location).copy_merge_params({"digest": digest_of(content)})
    return running.http.put(url, content=content).status_code


def make_old(running: RunningRegistry) -> None:
    """Let everything that was uploaded so far have been touched last a good week ago."""
    then = time.time() - WEEK_AND_MORE
    for path in running.store.glob("repositories/**/_uploads/*"):
        for inside in (*path.iterdir(), path):
            os.utime(inside, (then, then))


def test_the_limit_is_that_of_all_repositories_together(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_LIMITS_ALLUPLOADS="3")
    locations = fill(running, 3)

    refused = begin(running, "labs/another")
    whole = running.http.post(f"/v2/labs/y/blobs/uploads/?digest={digest_of(b'y')}", content=b"y")
    ended = [finish(running, locations[0]), running.http.delete(locations[1]).status_code]

    for answer in (refused, whole):
        assert (answer.status_code, codes(answer)) == (429, ["TOOMANYREQUESTS"])
        assert int(answer.headers["retry-after"]) > 0
        assert "3 uploads to this registry are open" in answer.json()["errors"][0]["message"]
    assert not (running.store / "repositories/labs/another").exists()
    assert ended == [201, 204]
    assert [begin(running, f"labs/then-{number}").status_code for number in range(3)] == [202, 202, 429]


def test_failed_pushes_do_not_use_it_up(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_LIMITS_ALLUPLOADS="2")

    for number in range(5):
        wrong = digest_of(b"something else")
        path = f"/v2/labs/x{number}/blobs/uploads/"
        assert running.http.post(f"{path}?digest={wrong}", content=b"content").status_code == 400
        assert finish(running, begin(running, "labs/x").headers["location"], b"%d" % number) == 201


def test_many_at_once_do_not_pass_it(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_LIMITS_ALLUPLOADS="10")

    with ThreadPoolExecutor(8) as pool, httpx.Client(base_url=running.url, timeout=30) as http:
        paths = [f"/v2/labs/of-{number}/blobs/uploads/" for number in range(40)]
        statuses = list(pool.map(lambda path: http.post(path).status_code, paths))

    assert sorted(statuses) == [202] * 10 + [429] * 30
    assert len(list(running.store.glob("repositories/**/_uploads/*"))) == 10


def test_several_processes_keep_to_it_together(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_LIMITS_ALLUPLOADS="40", HTTP_WORKERS="3")

    def begin_anew(number: int) -> int:
        # A connection of its own, which any of the processes may get.
        return httpx.post(f"{running.url}/v2/labs/of-{number}/blobs/uploads/", timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(begin_anew, range(120)))

    found = len(list(running.store.glob("repositories/**/_uploads/*")))
    assert found == statuses.count(202)
    assert 40 <= found <= 40 + 16
    assert {begin_anew(number) for number in range(9)} == {429}


def test_what_a_killed_server_left_counts_and_can_be_ended(start: Callable[..., RunningRegistry]) -> None:
    before = start(HTTP_LIMITS_ALLUPLOADS="3")
    locations = fill(before, 3)
    before.kill()
    running = start(HTTP_LIMITS_ALLUPLOADS="3")

    refused = begin(running, "labs/another")

    assert refused.status_code == 429
    assert finish(running, locations[0]) == 201
    assert begin(running, "labs/another").status_code == 202
    assert begin(running, "labs/another").status_code == 429


def test_what_is_too_old_gives_way_at_once(start: Callable[..., RunningRegistry]) -> None:
    """The purge at the start and its interval do not matter: whoever is about to be refused looks for it."""
    running = start(HTTP_LIMITS_ALLUPLOADS="3")
    fill(running, 3)
    make_old(running)

    assert begin(running, "labs/another").status_code == 202
    assert len(list(running.store.glob("repositories/**/_uploads/*"))) == 1


def test_old_uploads_are_purged_at_the_start(start: Callable[..., RunningRegistry]) -> None:
    before = start()
    (old,) = fill(before, 1)
    make_old(before)
    young = begin(before, "labs/young").headers["location"]
    blob = push_blob(before.http, "labs/of-0/x", b"kept")
    before.kill()

    running = start()
    wait_until(lambda: running.http.get(old).status_code == 404)

    assert codes(running.http.get(old)) == ["BLOB_UPLOAD_UNKNOWN"]
    assert running.http.get(young).status_code == 204
    assert running.http.get(f"/v2/labs/of-0/x/blobs/{blob}").content == b"kept"
    assert "removed 1 stale uploads" in running.log.read_text()


def test_old_uploads_are_purged_while_the_server_runs(start: Callable[..., RunningRegistry]) -> None:
    running = start(
        STORAGE_MAINTENANCE_UPLOADPURGING_AGE="2s", STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL="1s"
    )
    (idle,) = fill(running, 1)
    busy, content = begin(running, "labs/busy").headers["location"], b""

    deadline = time.monotonic() + 20
    while running.http.get(idle).status_code != 404:
        assert time.monotonic() < deadline
        assert running.http.patch(busy, content=b"more").status_code == 202
        content += b"more"
        time.sleep(0.2)

    url = httpx.URL(busy).copy_merge_params({"digest": digest_of(content)})
    assert running.http.put(url).status_code == 201
    assert not list(running.store.glob("repositories/labs/of-0/**/_uploads/*"))


@pytest.mark.parametrize("switch", ["ENABLED", "READONLY"])
def test_nothing_is_purged_where_that_is_switched_off(
    start: Callable[..., RunningRegistry], switch: str
) -> None:
    before = start()
    (old,) = fill(before, 1)
    make_old(before)
    before.kill()
    settings = {
        "ENABLED": {"STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED": "false"},
        "READONLY": {"STORAGE_MAINTENANCE_READONLY_ENABLED": "true"},
    }[switch]

    running = start(STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL="1s", **settings)
    time.sleep(1.5)

    assert running.http.get(old).status_code == 204


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Disk:
    """So many uploads lie on it, and so often it was asked."""

    def __init__(self, found: int) -> None:
        self.found = found
        self.counts = 0
        self.time = 0.0

    def count(self) -> int:
        self.counts += 1
        return self.found

    def now(self) -> float:
        return self.time


def admitted(uploads: OpenUploads) -> bool:
    try:
        with uploads.beginning():
            return True
    except TooManyRequests:
        return False


def test_the_disk_is_counted_seldom_and_what_others_open_is_seen() -> None:
    disk = Disk(0)
    uploads = OpenUploads(10_000, disk.count, disk.now)

    for _ in range(2000):
        assert admitted(uploads)
        uploads.ended()
    counted = disk.counts
    disk.found = 10_000
    further = sum(admitted(uploads) for _ in range(5000))

    assert counted == 1
    assert further <= 2500


def test_what_begins_during_a_count_is_not_forgotten() -> None:
    disk = Disk(0)
    uploads = OpenUploads(3, disk.count, disk.now)
    assert admitted(uploads)
    disk.found = 1

    with uploads.beginning(), uploads.beginning():
        # Neither is on the disk yet, which is counted because there seems to be no room.
        assert not admitted(uploads)
    assert disk.counts == 2


def test_whoever_is_refused_again_and_again_does_not_keep_the_disk_busy() -> None:
    disk = Disk(5)
    uploads = OpenUploads(5, disk.count, disk.now)

    assert not any(admitted(uploads) for _ in range(100))
    assert disk.counts == 1

    disk.found, disk.time = 4, COUNT_AGAIN
    assert admitted(uploads)
    assert disk.counts == 2
