"""The reserve of free space: kept however many push at once, and cheap to keep."""

import errno
import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from registry_app.errors import DiskFull
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.space import LOOK_EVERY, Space

from .content import codes, digest_of, push_blob
from .servers import RunningRegistry, our_registry

MEBIBYTE = 1 << 20
PIECE = 64 << 10


class Disk(PosixFileSystem):
    """A disk of a given size, of which what is written is gone only when `wrote` says so."""

    def __init__(self, free: int) -> None:
        super().__init__("/unused")
        self.free = free
        self.looks = 0
        self.lock = threading.Lock()

    def free_bytes(self, path: str) -> int:  # noqa: ARG002 - as the real one
        self.looks += 1
        return self.free

    def wrote(self, size: int) -> None:
        with self.lock:
            self.free -= size


def fill(disk: Disk, space: Space) -> int:
    """Write pieces until that is refused; return how many bytes that were."""
    written = 0
    while True:
        try:
            with space.taking(PIECE):
                disk.wrote(PIECE)
                written += PIECE
        except DiskFull:
            return written


def test_many_writers_stop_exactly_at_the_reserve() -> None:
    disk = Disk(200 * MEBIBYTE)
    space = Space(disk, reserve=3 * MEBIBYTE)

    with ThreadPoolExecutor(16) as pool:
        written = sum(pool.map(lambda _: fill(disk, space), range(16)))

    assert disk.free >= 3 * MEBIBYTE
    # A writer that is refused while others' pieces are under way may leave a little.
    assert written >= 197 * MEBIBYTE - 16 * PIECE
    assert disk.looks <= 200 * MEBIBYTE // LOOK_EVERY + 2 * 16 + 40


def test_what_others_write_is_seen_soon() -> None:
    disk = Disk(100 * MEBIBYTE)
    space = Space(disk, reserve=10 * MEBIBYTE)
    with space.taking(PIECE):
        disk.wrote(PIECE)

    disk.free = 10 * MEBIBYTE

    assert fill(disk, space) <= LOOK_EVERY


def test_a_piece_that_alone_is_too_large_is_refused_and_leaves_room_for_others() -> None:
    disk = Disk(10 * MEBIBYTE)
    space = Space(disk, reserve=0)

    with pytest.raises(DiskFull), space.taking(11 * MEBIBYTE):
        pass

    assert fill(disk, space) == 10 * MEBIBYTE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB, of its own."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


Serve = Callable[..., AbstractContextManager[RunningRegistry]]


@pytest.fixture
def serve(disk: Path, tmp_path: Path) -> Serve:
    """Start a registry on the small disk; settings by name."""
    return lambda **settings: our_registry(disk / "root", tmp_path / "log", **settings)


def free_on(disk: Path) -> int:
    volume = os.statvfs(disk)
    return volume.f_bavail * volume.f_frsize


def pieces(size: int) -> Iterator[bytes]:
    """A body whose length is not said before."""
    for _ in range(size // PIECE):
        yield os.urandom(PIECE)


def push_in(way: str, http: httpx.Client, size: int) -> httpx.Response:
    """Push something that will not fit; return the last answer."""
    digest = digest_of(b"whatever")
    if way == "at once":
        return http.post(f"/v2/labs/big/blobs/uploads/?digest={digest}", content=pieces(size))
    location = http.post("/v2/labs/big/blobs/uploads/").headers["location"]
    if way == "streamed":
        return http.patch(location, content=pieces(size))
    return http.put(httpx.URL(location).copy_merge_params({"digest": digest}), content=pieces(size))


@pytest.mark.parametrize("reserve", ["0", "8MiB"])
@pytest.mark.parametrize("way", ["at once", "streamed", "with the last request"])
def test_an_upload_that_filled_the_disk_does_not_keep_it_full(
    serve: Serve, disk: Path, way: str, reserve: str
) -> None:
    with serve(STORAGE_FILESYSTEM_RESERVE=reserve) as running:
        kept = push_blob(running.http, "labs/small", b"here before")
        before = free_on(disk)

        refused = push_in(way, running.http, 64 * MEBIBYTE)
        after = free_on(disk)
        content = os.urandom(24 * MEBIBYTE)
        digest = push_blob(running.http, "labs/fits", content)

        assert (refused.status_code, codes(refused)) == (507, ["DENIED"])
        # Directories of the upload remain until it is purged, on a tmpfs a page each.
        assert after >= before - MEBIBYTE
        assert running.http.get(f"/v2/labs/fits/blobs/{digest}").content == content
        assert running.http.get(f"/v2/labs/small/blobs/{kept}").content == b"here before"
        assert "the disk is full" in running.log.read_text()


def test_what_came_before_the_disk_was_full_is_kept_to_go_on_with(serve: Serve, disk: Path) -> None:
    first = os.urandom(MEBIBYTE)
    with serve() as running:
        location = running.http.post("/v2/labs/big/blobs/uploads/").headers["location"]
        assert running.http.patch(location, content=first).status_code == 202

        assert running.http.patch(location, content=pieces(64 * MEBIBYTE)).status_code == 507

        assert running.http.get(location).headers["range"] == f"0-{MEBIBYTE - 1}"
        url = httpx.URL(location).copy_merge_params({"digest": digest_of(first + b"rest")})
        assert running.http.put(url, content=b"rest").status_code == 201


def test_what_the_disk_itself_refuses_does_not_stay_either(
    start: Callable[..., RunningRegistry],
) -> None:
    """Nobody else keeps to the reserve, so the disk may be full although there was room a moment ago."""
    running = start()
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4 * MEBIBYTE, resource.RLIM_INFINITY))
    first = os.urandom(MEBIBYTE)
    location = running.http.post("/v2/labs/big/blobs/uploads/").headers["location"]
    assert running.http.patch(location, content=first).status_code == 202

    refused = running.http.patch(location, content=pieces(16 * MEBIBYTE))

    assert (refused.status_code, codes(refused)) == (507, ["DENIED"])
    assert running.http.get(location).headers["range"] == f"0-{MEBIBYTE - 1}"
    url = httpx.URL(location).copy_merge_params({"digest": digest_of(first)})
    assert running.http.put(url).status_code == 201


def test_the_reserve_holds_while_many_push_at_once(serve: Serve, disk: Path) -> None:
    reserve, lowest, stop = 8 * MEBIBYTE, [1 << 60], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            lowest[0] = min(lowest[0], free_on(disk))
            time.sleep(0.001)

    with serve(STORAGE_FILESYSTEM_RESERVE=str(reserve)) as running:

        def push(number: int) -> int:
            with httpx.Client(base_url=running.url, timeout=60) as http:
                location = http.post(f"/v2/labs/many{number}/blobs/uploads/").headers["location"]
                return http.patch(location, content=pieces(16 * MEBIBYTE)).status_code

        with ThreadPoolExecutor(13) as pool:
            watching = pool.submit(watch)
            answers = list(pool.map(push, range(12)))
            stop.set()
            watching.result()

    assert 507 in answers
    assert set(answers) <= {202, 507}
    # Directories and links count as well, and are not asked for one by one.
    assert lowest[0] >= reserve - MEBIBYTE


def test_a_body_whose_length_is_said_is_refused_before_it_is_sent(serve: Serve, disk: Path) -> None:
    with serve(STORAGE_FILESYSTEM_RESERVE="8MiB") as running:
        location = running.http.post("/v2/labs/big/blobs/uploads/").headers["location"]
        path = httpx.URL(location).path
        host, _, port = running.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(
                f"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {64 * MEBIBYTE}\r\n\r\n".encode()
            )
            assert client.recv(100).startswith(b"HTTP/1.1 507 ")


def test_an_error_of_another_kind_is_no_full_disk() -> None:
    class Broken(Disk):
        def free_bytes(self, path: str) -> int:  # noqa: ARG002 - as the real one
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"), Space(Broken(0), 0).taking(1):
        pass
