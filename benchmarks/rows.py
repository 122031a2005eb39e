"""What is measured: each row knows what it needs, runs once against one server, and says how to read its
number.
"""

import base64
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from benchmarks import bulk, small
from benchmarks.content import Content, Sizes
from benchmarks.peers import PASSWORD, USER
from benchmarks.processes import Server
from benchmarks.store import MANIFEST_TYPE

_RUNS = count(1)


@dataclass(frozen=True)
class Context:
    """What a row may use."""

    content: Content
    sizes: Sizes
    store: str
    """Root of the server's store, to drop its files from the page cache or to empty it after pushes."""


Measure = Callable[[Server, Context], float]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    key: str
    title: str
    unit: str
    measure: Measure
    pushes: bool = False
    """Needs a store of its own that it may fill."""
    encrypted: bool = False
    login: bool = False
    """Every request brings a user's name and password."""
    blobs_only: bool = False
    """Asks for blobs only, so nginx can take part."""
    lower_is_better: bool = False
    disk: bool = False
    """Is about the disk: its store does not lie in memory."""
    needs: tuple[str, ...] = ()
    """Programs without which it is left out."""


def _get(path: Callable[[Content], str], accept: str = "", *, login: bool = False) -> Measure:
    headers = {"Accept": accept} if accept else {}
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return lambda server, context: small.get_rate(
        server.port, path(context.content), context.sizes.seconds, headers
    )


def _head(path: Callable[[Content], str], accept: str = "") -> Measure:
    return lambda server, context: small.head_rate(
        server.port, path(context.content), context.sizes.seconds, accept
    )


def _rate(size: int, began: float) -> float:
    return size / 1e6 / (time.perf_counter() - began)


def _pull_one(server: Server, context: Context) -> float:
    began = time.perf_counter()
    return _rate(bulk.pull_many(server.port, [context.content.big_path]), began)


def _pull_cold(server: Server, context: Context) -> float:
    context.content.drop_from_cache(context.content.big)
    return _pull_one(server, context)


def _pull_range(server: Server, context: Context) -> float:
    size = context.content.big.size
    span = f"Range: bytes={size // 4}-{3 * size // 4 - 1}\r\n"
    began = time.perf_counter()
    return _rate(bulk.pull_many(server.port, [context.content.big_path], headers=span), began)


def _pull_many(server: Server, context: Context) -> float:
    began = time.perf_counter()
    return _rate(bulk.pull_many(server.port, context.content.layer_paths, context.sizes.repeat), began)


def _pull_encrypted(server: Server, context: Context) -> float:
    url = f"https://127.0.0.1:{server.port}{context.content.big_path}"
    command = ["curl", "--silent", "--fail", "--insecure", "--http1.1", "--output", os.devnull, url]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return _rate(context.content.big.size, began)


def _push(count: int, size: Callable[[Sizes], int], connections: int, chunk: int | None = None) -> Measure:
    def measure(server: Server, context: Context) -> float:
        length = size(context.sizes)
        pushes = bulk.prepare_pushes(count, length, f"run {next(_RUNS)}")
        began = time.perf_counter()
        bulk.push_many(server.port, length, pushes, connections, chunk)
        return _rate(count * length, began)

    return measure


def _push_small(server: Server, context: Context) -> float:
    pushes = bulk.prepare_pushes(context.sizes.small_pushes, 4096, f"run {next(_RUNS)}")
    began = time.perf_counter()
    bulk.push_many(server.port, 4096, pushes, 8, None)
    return len(pushes) / (time.perf_counter() - began)


def _copy_in(server: Server, context: Context) -> float:
    return _skopeo(
        f"oci:{context.content.image}", f"docker://127.0.0.1:{server.port}/copied/{next(_RUNS)}:v1"
    )


def _copy_out(server: Server, _context: Context) -> float:
    with tempfile.TemporaryDirectory() as directory:
        return _skopeo(f"docker://127.0.0.1:{server.port}/{Content.LAYERED}:v1", f"dir:{directory}")


def _skopeo(source: str, target: str) -> float:
    flags = ["--src-tls-verify=false"] if source.startswith("docker:") else ["--dest-tls-verify=false"]
    began = time.perf_counter()
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", *flags, source, target], check=True)
    return time.perf_counter() - began


WRK = ("wrk",)
SKOPEO = ("skopeo",)
REQUESTS, MEGABYTES, SECONDS = "requests/s", "MB/s", "s"

ROWS = (
    Row("manifest-tag", "manifest GET by tag", REQUESTS, _get(Content.tag_path, MANIFEST_TYPE), needs=WRK),
    Row(
        "manifest-digest",
        "manifest GET by digest",
        REQUESTS,
        _get(Content.digest_path, MANIFEST_TYPE),
        needs=WRK,
    ),
    Row(
        "manifest-login",
        "manifest GET by tag, logged in",
        REQUESTS,
        _get(Content.tag_path, MANIFEST_TYPE, login=True),
        login=True,
        needs=WRK,
    ),
    Row("manifest-head", "manifest HEAD by tag", REQUESTS, _head(Content.tag_path, MANIFEST_TYPE)),
    Row("blob-head", "blob HEAD", REQUESTS, _head(Content.small_path)),
    Row("base", "`/v2/`", REQUESTS, _get(lambda _content: "/v2/"), needs=WRK),
    Row("tags", "tags list, 1,000 tags", REQUESTS, _get(Content.tags_path), needs=WRK),
    Row(
        "catalog",
        "catalog of 10,000, first 100",
        REQUESTS,
        _get(lambda _content: "/v2/_catalog?n=100"),
        needs=WRK,
    ),
    Row("pull", "pull 1 GiB", MEGABYTES, _pull_one, blobs_only=True),
    Row("pull-cold", "pull 1 GiB, cold, disk", MEGABYTES, _pull_cold, blobs_only=True, disk=True),
    Row("pull-range", "pull a Range of 512 MiB", MEGABYTES, _pull_range, blobs_only=True),
    Row("pull-16", "16 pulls of 64 MiB at once", MEGABYTES, _pull_many, blobs_only=True),
    Row(
        "pull-tls",
        "pull 1 GiB over TLS",
        MEGABYTES,
        _pull_encrypted,
        encrypted=True,
        blobs_only=True,
        needs=("curl",),
    ),
    Row("push", "push 1 GiB, Content-Length", MEGABYTES, _push(1, lambda s: s.big, 1), pushes=True),
    Row(
        "push-32k",
        "push 1 GiB, chunks of 32 KiB",
        MEGABYTES,
        _push(1, lambda s: s.big, 1, 32768),
        pushes=True,
    ),
    Row("push-8k", "push 1 GiB, chunks of 8 KiB", MEGABYTES, _push(1, lambda s: s.big, 1, 8192), pushes=True),
    Row("push-16", "16 pushes of 64 MiB at once", MEGABYTES, _push(16, lambda s: s.layer, 16), pushes=True),
    Row("push-small", "2,000 pushes of 4 KiB, 8 at once", "pushes/s", _push_small, pushes=True),
    Row(
        "push-disk",
        "push 1 GiB, disk, durable",
        MEGABYTES,
        _push(1, lambda s: s.big, 1),
        pushes=True,
        disk=True,
    ),
    Row(
        "push-16-disk",
        "16 pushes of 64 MiB at once, disk",
        MEGABYTES,
        _push(16, lambda s: s.layer, 16),
        pushes=True,
        disk=True,
    ),
    Row(
        "copy-in",
        "skopeo copy in, 40 layers",
        SECONDS,
        _copy_in,
        pushes=True,
        lower_is_better=True,
        needs=SKOPEO,
    ),
    Row("copy-out", "skopeo copy out, 40 layers", SECONDS, _copy_out, lower_is_better=True, needs=SKOPEO),
)


def missing_programs(row: Row) -> list[str]:
    """Return the programs that ``row`` needs and this machine does not have."""
    return [program for program in row.needs if shutil.which(program) is None]
