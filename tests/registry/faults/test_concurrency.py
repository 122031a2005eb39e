"""Threads push, move and delete the same things at the same time, and the store stays sound."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.errors import BlobUnknown, ManifestBlobUnknown, ManifestUnknown, NameUnknown
from registry_app.manifest import OCI_MANIFEST
from registry_app.reference import Digest, Repository, Tag
from registry_app.registry import Registry
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.pushes import image, pull_blob, push_blob, push_image, registry_on
from tests.registry.win32.simulated import SimulatedWin32

ONE, TWO = Repository("labs/one"), Repository("two")
REPOSITORIES = [ONE, TWO]
BLOBS = [b"small", b"larger " * 5000]
TAGS = [Tag("v1"), Tag("latest")]
IMAGES = [image(BLOBS[0]), image(BLOBS[0], BLOBS[1])]
NOT_THERE = (BlobUnknown, ManifestUnknown, NameUnknown, ManifestBlobUnknown)
Action = Callable[[Registry], object]


def disks(directory: Path) -> list[FileSystem]:
    """Return a disk of each platform."""
    (directory / "C").mkdir()
    windows = WindowsFileSystem("C:\\registry-data", SimulatedWin32(str(directory / "C")))
    return [PosixFileSystem(str(directory / "data")), windows]


@pytest.fixture(params=[0, 1], ids=["POSIX", "Windows"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return registry_on(disks(tmp_path)[request.param])


def at_once(registry: Registry, scripts: Sequence[Sequence[Action]]) -> list[BaseException]:
    """Run each script in a thread of its own, all starting together; return what they raised."""
    barrier = threading.Barrier(len(scripts))
    raised: list[BaseException] = []

    def run(script: Sequence[Action]) -> None:
        barrier.wait(30)
        for action in script:
            try:
                action(registry)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                raised.append(error)

    threads = [threading.Thread(target=run, args=[script]) for script in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def put(registry: Registry, manifest: bytes) -> None:
    """Let the first tag of the first repository point to ``manifest``."""
    registry.put_manifest(ONE, TAGS[0], manifest, OCI_MANIFEST)


def require_sound(registry: Registry) -> None:
    """Check that every tag and manifest can be pulled, and that nothing was left behind."""
    registry.fs.discard_leftovers(older_than=0)
    assert registry.fs.list(registry.fs.staging) == []
    found = survey(registry.fs).findings
    assert [one for one in found if one.severity in (Severity.DAMAGE, Severity.UNREADABLE)] == []
    for name in registry.catalog(100, "").names:
        repository = Repository(name)
        for tag in registry.tags(repository, 100, "").names:
            assert registry.manifest(repository, Tag(tag)).content in IMAGES


@pytest.mark.parametrize("content", BLOBS, ids=["small", "larger"])
def test_one_blob_pushed_by_many_is_there_once_and_whole(registry: Registry, content: bytes) -> None:
    scripts: list[list[Action]] = [
        [partial(push_blob, content=content, repository=to, chunk=4096)] * 5 for to in REPOSITORIES * 3
    ]

    assert at_once(registry, scripts) == []

    for repository in REPOSITORIES:
        assert pull_blob(registry, Digest.of(content), repository) == content
        assert registry.fs.list(registry.layout.uploads(repository)) == []
    require_sound(registry)


def test_a_tag_moved_by_many_points_to_one_of_them(registry: Registry) -> None:
    for content in BLOBS:
        push_blob(registry, content, ONE)
    scripts: list[list[Action]] = [[partial(put, manifest=manifest)] * 10 for manifest in IMAGES * 2]

    assert at_once(registry, scripts) == []

    assert registry.manifest(ONE, TAGS[0]).content in IMAGES
    require_sound(registry)


def test_readers_of_a_moving_tag_always_find_an_image(registry: Registry) -> None:
    for content in BLOBS:
        push_blob(registry, content, ONE)
    registry.put_manifest(ONE, TAGS[0], IMAGES[0], OCI_MANIFEST)
    seen: list[bytes] = []

    raised = at_once(
        registry,
        [
            [partial(put, manifest=manifest) for manifest in IMAGES * 20],
            [lambda r: seen.append(r.manifest(ONE, TAGS[0]).content)] * 200,
            [lambda r: seen.append(r.manifest(ONE, TAGS[0]).content)] * 200,
        ],
    )

    assert raised == []
    assert len(seen) == 400
    assert set(seen) <= set(IMAGES)


def test_deleting_against_pushing_ends_with_all_or_nothing(registry: Registry) -> None:
    digest = push_image(registry, "v1", BLOBS[1], repository=ONE)
    content = registry.manifest(ONE, digest).content
    for _ in range(10):
        raised = at_once(
            registry,
            [
                [lambda r: r.put_manifest(ONE, TAGS[0], content, OCI_MANIFEST)],
                [lambda r: r.delete_manifest(ONE, digest)],
            ],
        )

        assert all(isinstance(error, NOT_THERE) for error in raised), raised
        found = survey(registry.fs)
        assert found.of(Severity.DAMAGE) == []
        is_tagged = registry.repositories.has_tag(ONE, TAGS[0])
        assert not is_tagged or registry.manifest(ONE, TAGS[0]).content == content


def _actions() -> st.SearchStrategy[Action]:
    repository, blob = st.sampled_from(REPOSITORIES), st.sampled_from(BLOBS)
    tag, manifest = st.sampled_from(TAGS), st.sampled_from(IMAGES)
    return st.one_of(
        st.builds(lambda to, content: lambda r: push_blob(r, content, to, chunk=9000), repository, blob),
        st.builds(
            lambda to, name, content: lambda r: r.put_manifest(to, name, content, OCI_MANIFEST),
            repository,
            tag,
            manifest,
        ),
        st.builds(lambda to, name: lambda r: r.delete_tag(to, name), repository, tag),
        st.builds(
            lambda to, content: lambda r: r.delete_manifest(to, Digest.of(content)), repository, manifest
        ),
        st.builds(lambda to, content: lambda r: r.mount(to, Digest.of(content), None), repository, blob),
        st.builds(lambda to, name: lambda r: r.manifest(to, name), repository, tag),
        st.builds(lambda: lambda r: r.purge_uploads(3600)),
    )


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.lists(_actions(), min_size=1, max_size=6), min_size=2, max_size=4), st.sampled_from([0, 1])
)
def test_any_interleaving_leaves_a_sound_store(
    tmp_path_factory: pytest.TempPathFactory, scripts: list[list[Action]], platform: int
) -> None:
    registry = registry_on(disks(tmp_path_factory.mktemp("any"))[platform])
    push_blob(registry, BLOBS[0], ONE)

    raised = at_once(registry, scripts)

    assert all(isinstance(error, NOT_THERE) for error in raised), raised
    require_sound(registry)
