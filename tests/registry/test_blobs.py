"""Pushing and pulling blobs: at once, in chunks, streamed, mounted, by range; whole or not at all."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from .content import codes, digest_of, push_blob
from .servers import RunningRegistry

CONTENT = os.urandom(300_000)


def start_upload(registry: RunningRegistry, repository: str, query: str = "") -> str:
    answer = registry.http.post(f"/v2/{repository}/blobs/uploads/{query}")
    assert answer.status_code == 202
    return str(answer.headers["location"])


def files_of(registry: RunningRegistry) -> set[Path]:
    return {path for path in registry.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("?digest={digest}", id="in-one-request"),
        pytest.param("", id="post-and-put"),
        pytest.param("?digest-algorithm={algorithm}", id="algorithm-announced"),
        pytest.param("?mount={digest}&from=tests/nobody", id="mount-that-finds-nothing"),
        pytest.param("?mount={digest}&from=tests/nobody&digest={digest}", id="mount-or-take-it-now"),
    ],
)
def test_what_was_pushed_is_pulled(
    registry: RunningRegistry, repository: str, algorithm: str, query: str
) -> None:
    content = CONTENT + repository.encode()
    digest = digest_of(content, algorithm)
    path = f"/v2/{repository}/blobs/uploads/" + query.format(digest=digest, algorithm=algorithm)

    answer = registry.http.post(path, content=content if "digest=" in query else b"")
    if answer.status_code == 202:
        location = httpx.URL(answer.headers["location"]).copy_merge_params({"digest": digest})
        answer = registry.http.put(location, content=content)

    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == digest
    pulled = registry.http.get(answer.headers["location"])
    assert (pulled.status_code, pulled.content) == (200, content)
    assert pulled.headers["docker-content-digest"] == digest
    encoded = digest.partition(":")[2]
    assert (registry.store / "blobs" / algorithm / encoded[:2] / encoded / "data").read_bytes() == content


def test_a_blob_comes_in_chunks_in_their_order(registry: RunningRegistry, repository: str) -> None:
    location, digest = start_upload(registry, repository), digest_of(CONTENT)
    for start in range(0, len(CONTENT), 100_000):
        chunk = CONTENT[start : start + 100_000]
        claimed = {"Content-Range": f"{start}-{start + len(chunk) - 1}"}
        disorder = registry.http.patch(location, content=chunk, headers={"Content-Range": "7-100006"})
        answer = registry.http.patch(location, content=chunk, headers=claimed)
        assert (disorder.status_code, codes(disorder)) == (416, ["RANGE_INVALID"])
        assert answer.status_code == 202
        location = answer.headers["location"]
        status = registry.http.get(location)
        assert (status.status_code, status.headers["range"]) == (204, f"0-{start + len(chunk) - 1}")

    answer = registry.http.put(httpx.URL(location).copy_merge_params({"digest": digest}))

    assert answer.status_code == 201
    assert registry.http.get(f"/v2/{repository}/blobs/{digest}").content == CONTENT


def test_a_blob_is_streamed_without_a_length(registry: RunningRegistry, repository: str) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(CONTENT), 1000):
            yield CONTENT[start : start + 1000]

    answer = registry.http.patch(start_upload(registry, repository), content=pieces())
    last = {"digest": digest_of(CONTENT)}
    answer = registry.http.put(httpx.URL(answer.headers["location"]).copy_merge_params(last))

    assert answer.status_code == 201
    assert registry.http.get(answer.headers["location"]).content == CONTENT


@pytest.mark.parametrize(
    ("claimed", "status", "code"),
    [
        pytest.param("0-9", 400, "SIZE_INVALID", id="shorter-than-claimed"),
        pytest.param("0-1", 400, "SIZE_INVALID", id="longer-than-claimed"),
        pytest.param("5-9", 416, "RANGE_INVALID", id="gap"),
        pytest.param("9-5", 416, "RANGE_INVALID", id="backwards"),
        pytest.param("here", 416, "RANGE_INVALID", id="no-range"),
    ],
)
def test_a_chunk_that_is_not_what_it_claims_changes_nothing(
    registry: RunningRegistry, repository: str, claimed: str, status: int, code: str
) -> None:
    location = start_upload(registry, repository)

    answer = registry.http.patch(location, content=b"12345", headers={"Content-Range": claimed})

    assert (answer.status_code, codes(answer)) == (status, [code])
    assert registry.http.get(location).headers["range"] == "0-0"
    finished = registry.http.put(httpx.URL(location).copy_merge_params({"digest": digest_of(b"")}))
    assert finished.status_code == 201


def test_a_mismatch_leaves_no_trace(registry: RunningRegistry, repository: str) -> None:
    before = files_of(registry)
    location = start_upload(registry, repository)
    wrong = {"digest": digest_of(b"something else")}

    answer = registry.http.put(httpx.URL(location).copy_merge_params(wrong), content=CONTENT)
    whole = registry.http.post(f"/v2/{repository}/blobs/uploads/?digest={wrong['digest']}", content=CONTENT)

    assert (answer.status_code, codes(answer)) == (400, ["DIGEST_INVALID"])
    assert (whole.status_code, codes(whole)) == (400, ["DIGEST_INVALID"])
    assert registry.http.get(location).status_code == 404
    assert files_of(registry) == before


def test_a_cancelled_upload_leaves_no_trace(registry: RunningRegistry, repository: str) -> None:
    before = files_of(registry)
    location = start_upload(registry, repository)
    registry.http.patch(location, content=CONTENT)

    answer = registry.http.delete(location)

    assert answer.status_code == 204
    assert registry.http.delete(location).status_code == 404
    assert files_of(registry) == before


@pytest.mark.parametrize("origin", ["&from={repository}-origin", ""], ids=["by-name", "anonymous"])
def test_a_blob_is_mounted(registry: RunningRegistry, repository: str, origin: str) -> None:
    digest = push_blob(registry.http, f"{repository}-origin", CONTENT)
    query = f"?mount={digest}" + origin.format(repository=repository)

    answer = registry.http.post(f"/v2/{repository}/blobs/uploads/{query}")

    assert answer.status_code == 201
    assert registry.http.get(f"/v2/{repository}/blobs/{digest}").content == CONTENT


@pytest.mark.parametrize(
    "origin", ["tests/nobody", "Not-A-Name", "a/../b"], ids=["unknown", "impossible", "a-path"]
)
def test_a_mount_that_finds_nothing_begins_an_upload(
    registry: RunningRegistry, repository: str, origin: str
) -> None:
    """OCI spec, "Mounting a blob from another repository": 202, and the client goes on with a push."""
    digest = push_blob(registry.http, f"{repository}-origin", CONTENT)

    answer = registry.http.post(f"/v2/{repository}/blobs/uploads/", params={"mount": digest, "from": origin})

    assert answer.status_code == 202
    assert registry.http.get(answer.headers["location"]).status_code == 204
    assert registry.http.head(f"/v2/{repository}/blobs/{digest}").status_code == 404


def test_a_deleted_blob_is_gone_here_and_nowhere_else(registry: RunningRegistry, repository: str) -> None:
    digest = push_blob(registry.http, repository, CONTENT)
    push_blob(registry.http, f"{repository}-other", CONTENT)

    answer = registry.http.delete(f"/v2/{repository}/blobs/{digest}")

    assert answer.status_code == 202
    assert registry.http.head(f"/v2/{repository}/blobs/{digest}").status_code == 404
    assert registry.http.head(f"/v2/{repository}-other/blobs/{digest}").status_code == 200


@pytest.mark.parametrize(
    ("header", "status", "span"),
    [
        pytest.param("bytes=0-9", 206, (0, 9), id="first-bytes"),
        pytest.param("bytes=100000-250000", 206, (100_000, 250_000), id="many-bytes"),
        pytest.param("bytes=299990-", 206, (299_990, 299_999), id="to-the-end"),
        pytest.param("bytes=-10", 206, (299_990, 299_999), id="from-the-end"),
        pytest.param("bytes=-999999", 206, (0, 299_999), id="more-than-there-is"),
        pytest.param("bytes=299990-999999", 206, (299_990, 299_999), id="beyond-the-end"),
        pytest.param("bytes=0-1,5-6", 200, (0, 299_999), id="several"),
        pytest.param("lines=0-1", 200, (0, 299_999), id="another-unit"),
    ],
)
def test_a_range_is_pulled(
    registry: RunningRegistry, repository: str, header: str, status: int, span: tuple[int, int]
) -> None:
    first, last = span
    digest = push_blob(registry.http, repository, CONTENT)
    path, wanted = f"/v2/{repository}/blobs/{digest}", {"Range": header}

    answer, head = registry.http.get(path, headers=wanted), registry.http.head(path, headers=wanted)

    assert (answer.status_code, answer.content) == (status, CONTENT[first : last + 1])
    assert answer.headers.get("content-range") == (f"bytes {first}-{last}/300000" if status == 206 else None)
    # RFC 9110, section 14.2: a range is of GET only.
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))


@pytest.mark.parametrize("header", ["bytes=300000-", "bytes=5-1", "bytes=-0"])
def test_a_range_that_is_not_there_is_416(registry: RunningRegistry, repository: str, header: str) -> None:
    digest = push_blob(registry.http, repository, CONTENT)

    answer = registry.http.get(f"/v2/{repository}/blobs/{digest}", headers={"Range": header})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */300000")


def test_what_the_client_has_is_not_sent_again(registry: RunningRegistry, repository: str) -> None:
    digest = push_blob(registry.http, repository, CONTENT)
    path = f"/v2/{repository}/blobs/{digest}"
    tag = registry.http.head(path).headers["etag"]

    answer = registry.http.get(path, headers={"If-None-Match": tag})
    changed = registry.http.get(path, headers={"Range": "bytes=0-1", "If-Range": '"another"'})

    assert (answer.status_code, answer.content) == (304, b"")
    assert (changed.status_code, changed.content) == (200, CONTENT)


def test_an_upload_goes_on_after_the_server_was_killed(start: Callable[..., RunningRegistry]) -> None:
    first = start()
    location = start_upload(first, "tests/resumed")
    assert first.http.patch(location, content=CONTENT[:200_000]).status_code == 202
    first.kill()
    second = start()

    status = second.http.get(location)
    answer = second.http.put(
        httpx.URL(location).copy_merge_params({"digest": digest_of(CONTENT)}),
        content=CONTENT[200_000:],
        headers={"Content-Range": "200000-299999"},
    )

    assert status.headers["range"] == "0-199999"
    assert answer.status_code == 201
    assert second.http.get(answer.headers["location"]).content == CONTENT


def test_what_came_before_the_client_went_away_is_kept(registry: RunningRegistry, repository: str) -> None:
    location = start_upload(registry, repository)

    def torn() -> Iterator[bytes]:
        yield CONTENT[:200_000]
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError), httpx.Client(base_url=registry.url) as client:
        client.patch(location, content=torn())
    came = wait_for_size(registry, location, 200_000)
    last = {"digest": digest_of(CONTENT)}
    answer = registry.http.put(httpx.URL(location).copy_merge_params(last), content=CONTENT[came:])

    assert answer.status_code == 201, answer.text
    assert registry.http.get(answer.headers["location"]).content == CONTENT


def wait_for_size(registry: RunningRegistry, location: str, size: int) -> int:
    """Return the size of an upload once it is ``size``."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        came = int(registry.http.get(location).headers["range"].partition("-")[2]) + 1
        if came == size:
            return came
        time.sleep(0.02)
    raise AssertionError(f"only {came} of {size} bytes")


def test_uploads_are_limited(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_LIMITS_UPLOADS="2")
    start_upload(running, "tests/many"), start_upload(running, "tests/many")

    answer = running.http.post("/v2/tests/many/blobs/uploads/")

    assert (answer.status_code, codes(answer)) == (429, ["TOOMANYREQUESTS"])
    assert "retry-after" in answer.headers


def test_the_disk_is_never_filled(start: Callable[..., RunningRegistry]) -> None:
    running = start(STORAGE_FILESYSTEM_RESERVE="1000000T")

    answer = running.http.post("/v2/tests/full/blobs/uploads/")

    assert (answer.status_code, codes(answer)) == (507, ["DENIED"])
    assert "not enough disk space" in answer.json()["errors"][0]["message"]
    assert not (running.store / "repositories").exists()


def test_a_read_only_registry_changes_nothing(start: Callable[..., RunningRegistry]) -> None:
    writable = start()
    digest = push_blob(writable.http, "tests/fixed", CONTENT)
    writable.stop()
    running = start(STORAGE_MAINTENANCE_READONLY_ENABLED="true")

    answers = [
        running.http.post("/v2/tests/fixed/blobs/uploads/"),
        running.http.put("/v2/tests/fixed/manifests/v1", content=b"{}"),
        running.http.delete(f"/v2/tests/fixed/blobs/{digest}"),
    ]

    assert [answer.status_code for answer in answers] == [405, 405, 405]
    assert running.http.get(f"/v2/tests/fixed/blobs/{digest}").content == CONTENT
