"""Many clients at once, over HTTP: nothing is mixed up, nothing half there, nobody waits for the slowest."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from .content import codes, digest_of, manifest, pull, push_blob, push_image, push_manifest
from .servers import RunningRegistry

CLIENTS = 12


def test_one_blob_pushed_by_many_is_one_blob(registry: RunningRegistry, repository: str) -> None:
    content = os.urandom(2_000_000)

    def push(number: int) -> str:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            return push_blob(http, f"{repository}-{number % 3}", content)

    with ThreadPoolExecutor(CLIENTS) as pool:
        digests = set(pool.map(push, range(CLIENTS)))

    assert digests == {digest_of(content)}
    for number in range(3):
        pulled = registry.http.get(f"/v2/{repository}-{number}/blobs/{digest_of(content)}")
        assert pulled.content == content
        assert not list((registry.store / "repositories" / f"{repository}-{number}" / "_uploads").glob("*"))


def test_a_tag_moved_by_many_points_to_one_whole_image(registry: RunningRegistry, repository: str) -> None:
    images = [manifest(b"{}", str(number).encode()) for number in range(CLIENTS)]
    stop = threading.Event()
    seen: set[bytes] = set()
    push_manifest(registry.http, repository, "latest", images[0])

    def move(content: bytes) -> None:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            for _ in range(5):
                push_manifest(http, repository, "latest", content)

    def watch() -> None:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            while not stop.is_set():
                answer = pull(http, repository, "latest")
                assert answer.headers["docker-content-digest"] == digest_of(answer.content)
                seen.add(answer.content)

    with ThreadPoolExecutor(CLIENTS + 2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        list(pool.map(move, images))
        stop.set()
        for watcher in watchers:
            watcher.result()

    assert seen <= set(images)
    assert pull(registry.http, repository, "latest").content in images


def test_what_is_deleted_while_it_is_pushed_is_whole_or_gone(
    registry: RunningRegistry, repository: str
) -> None:
    content = push_image(registry.http, repository, "v1", b"layer")
    path = f"/v2/{repository}/manifests/{digest_of(content)}"

    def push(_: int) -> None:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            push_manifest(http, repository, "v1", content)

    def delete(_: int) -> int:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            return http.delete(path).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        pushes, deletions = [pool.map(work, range(20)) for work in (push, delete)]
        list(pushes)
        assert set(deletions) <= {202, 404}

    by_tag, by_digest = (
        pull(registry.http, repository, "v1"),
        pull(registry.http, repository, digest_of(content)),
    )
    assert by_tag.status_code == by_digest.status_code
    tags = registry.http.get(f"/v2/{repository}/tags/list").json()["tags"]
    assert tags == (["v1"] if by_tag.status_code == 200 else [])


def test_two_that_write_to_one_upload_take_turns(registry: RunningRegistry, repository: str) -> None:
    location = registry.http.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
    pieces = [bytes([number]) * 500_000 for number in range(CLIENTS)]

    def patch(content: bytes) -> int:
        with httpx.Client(base_url=registry.url, timeout=60) as http:
            return http.patch(location, content=content).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert set(pool.map(patch, pieces)) == {202}

    upload = registry.store / "repositories" / repository / "_uploads" / location.rpartition("/")[2] / "data"
    content = upload.read_bytes()
    assert sorted(content[start : start + 500_000] for start in range(0, len(content), 500_000)) == pieces
    answer = registry.http.put(httpx.URL(location).copy_merge_params({"digest": digest_of(content)}))
    assert answer.status_code == 201


def test_one_who_stalls_holds_up_nobody_else(registry: RunningRegistry, repository: str) -> None:
    released = threading.Event()
    location = registry.http.post(f"/v2/{repository}/blobs/uploads/").headers["location"]

    def stalled() -> Iterator[bytes]:
        yield b"x" * 200_000
        released.wait(60)
        yield b"y" * 200_000

    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=registry.url, timeout=60) as slow:
        pending = pool.submit(slow.patch, location, content=stalled())
        try:
            content = push_image(registry.http, f"{repository}-other", "v1", os.urandom(100_000))
            assert pull(registry.http, f"{repository}-other", "v1").content == content
            assert registry.http.get(location).status_code == 204
        finally:
            released.set()
        assert pending.result().status_code == 202


def test_a_second_writer_is_told_to_wait(registry: RunningRegistry, repository: str) -> None:
    released = threading.Event()
    location = registry.http.post(f"/v2/{repository}/blobs/uploads/").headers["location"]

    def stalled() -> Iterator[bytes]:
        yield b"x" * 200_000
        released.wait(60)

    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=registry.url, timeout=60) as slow:
        pending = pool.submit(slow.patch, location, content=stalled())
        try:
            while registry.http.get(location).headers["range"] == "0-0":
                assert not pending.done()
            refused = registry.http.patch(location, content=b"z", timeout=60)
        finally:
            released.set()
        assert pending.result().status_code == 202

    assert (refused.status_code, codes(refused)) == (409, ["BLOB_UPLOAD_INVALID"])
    assert "retry-after" in refused.headers
