"""The parts of the benchmarks that could lie without anybody noticing."""

import hashlib
from pathlib import Path

import pytest

from benchmarks import bulk, goals, report
from benchmarks.content import QUICK, Content
from benchmarks.peers import NGINX, OURS, V2, V3
from benchmarks.rows import ROWS, Row
from benchmarks.run import COLD_START, IDLE, Results, Sample
from benchmarks.store import BLOCK, blocks, digest_of
from registry_app.transport.chunked import ChunkedDecoder


def row(key: str) -> Row:
    return next(row for row in ROWS if row.key == key)


@pytest.mark.parametrize("size", [0, 1, 1000, len(BLOCK), len(BLOCK) + 1, 3 * len(BLOCK)])
def test_content_has_the_size_and_digest_that_are_said(size: int) -> None:
    content = b"".join(blocks(size, b"seed"))

    assert len(content) == size
    assert digest_of(size, b"seed") == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_every_seed_makes_other_content() -> None:
    assert digest_of(4096, b"1 ") != digest_of(4096, b"2 ")


@pytest.mark.parametrize("chunk", [8192, 32768, 100_000])
def test_what_is_pushed_in_chunks_is_the_content(chunk: int) -> None:
    size, decoder = 2 * len(BLOCK) + 77, ChunkedDecoder()

    content = b"".join(bytes(part) for wire in bulk.chunked(size, b"s", chunk) for part in decoder.feed(wire))

    assert decoder.done
    assert content == b"".join(blocks(size, b"s"))


def test_the_shared_store_is_the_reference_layout(tmp_path: Path) -> None:
    content = Content(str(tmp_path), QUICK)
    tree = tmp_path / "docker" / "registry" / "v2"

    link = tree / "repositories" / "bench" / "layers" / "_manifests" / "tags" / "v7" / "current" / "link"
    encoded = link.read_text().removeprefix("sha256:")
    data = tree / "blobs" / "sha256" / encoded[:2] / encoded / "data"
    assert hashlib.sha256(data.read_bytes()).hexdigest() == encoded
    assert Path(content.store.blob_path(content.big.digest)).stat().st_size == QUICK.big
    assert len(list((tree / "repositories" / "many").iterdir())) == QUICK.repositories


def test_a_ratio_says_how_many_times_better_ours_is() -> None:
    samples = {OURS: Sample([300.0]), V3: Sample([100.0])}

    assert report.ratio(row("pull"), samples, V3) == 3
    assert report.ratio(row("copy-in"), samples, V3) == pytest.approx(1 / 3)


def test_the_median_counts() -> None:
    assert Sample([1.0, 100.0, 2.0]).median == 2


def test_goals_that_are_not_reached_are_named() -> None:
    results: Results = {
        "pull": {
            OURS: Sample([190.0], [60.0]),
            V3: Sample([100.0]),
            V2: Sample([110.0]),
            NGINX: Sample([195.0]),
        },
        "push": {OURS: Sample([500.0], [81.0]), V3: Sample([100.0]), V2: Sample([100.0])},
        COLD_START: {OURS: Sample([0.3])},
        IDLE: {OURS: Sample([39.0])},
    }

    assert [(miss.title, miss.text) for miss in report.missed(results)] == [
        ("pull 1 GiB", "1.73 times docker-registry, wanted 1.8"),
        ("memory, push", "81 MB, wanted 80"),
        ("cold start", "0.300 s, wanted 0.25"),
    ]


def test_every_goal_is_about_a_row() -> None:
    keys = {row.key for row in ROWS}

    assert set(goals.RATIOS) <= keys
    assert set(goals.MEMORY) - {IDLE} <= keys
