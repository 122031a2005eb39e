"""Damage a store in every way we know: `check` finds it, `--repair` mends it, and nothing is deleted."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pytest

from registry_app.__main__ import main
from registry_app.check.cli import DAMAGED, FAILED, SOUND
from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.manifest import OCI_INDEX
from registry_app.reference import Digest, Repository, Tag
from registry_app.registry import Registry
from registry_app.storage.filesystem import Stat
from registry_app.storage.posix import PosixFileSystem
from tests.registry.pushes import REPOSITORY, image, index, pull_image, push_blob, push_image, registry_on

LAYER = b"layer" * 1000


@dataclass
class Lab:
    """A registry's directory with one image, ``labs/hello:v1``, in it."""

    root: Path
    registry: Registry
    manifest: Digest

    @property
    def layer(self) -> Digest:
        return Digest.of(LAYER)

    def blob(self, digest: Digest) -> Path:
        return Path(self.registry.layout.blob_data(digest))

    @property
    def tag(self) -> Path:
        return Path(self.registry.layout.tag_current(REPOSITORY, Tag("v1")))

    @property
    def tag_index(self) -> Path:
        return Path(self.registry.layout.tag_index(REPOSITORY, Tag("v1"), self.manifest))

    @property
    def revision(self) -> Path:
        return Path(self.registry.layout.revision_link(REPOSITORY, self.manifest))

    @property
    def layer_link(self) -> Path:
        return Path(self.registry.layout.layer_link(REPOSITORY, self.layer))

    def pulls(self) -> bool:
        """Return whether a new process serves the image."""
        try:
            pull_image(registry_on(PosixFileSystem(str(self.root))), Tag("v1"))
        except Exception:  # noqa: BLE001 - any failure is the answer
            return False
        return True

    def content(self) -> set[bytes]:
        """Return the content of every file, wherever it lies now."""
        return {path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    registry = registry_on(PosixFileSystem(str(tmp_path / "data")))
    return Lab(tmp_path / "data", registry, push_image(registry, "v1", LAYER))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["check", *arguments])
    return code, capsys.readouterr().out


def kinds(lab: Lab, *severities: Severity) -> set[str]:
    found = survey(PosixFileSystem(str(lab.root))).findings
    return {finding.kind for finding in found if finding.severity in severities}


def test_what_the_registry_wrote_is_sound(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, str(lab.root))

    assert code == SOUND
    assert out.splitlines() == [
        f"1 repositories, 1 tags, 1 manifests, 3 blobs of {_bytes(lab)} bytes in all, 0 open uploads",
        "sound: 0 unreadable, 0 damage, 0 leftover, 0 note",
    ]


def _bytes(lab: Lab) -> int:
    return sum(path.stat().st_size for path in lab.root.rglob("data"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    """Change one bit, as a dying disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _forget_tag(lab: Lab) -> None:
    empty(lab.tag)
    shutil.rmtree(lab.tag_index.parents[2])


def _lose_layer_and_link(lab: Lab) -> None:
    remove(lab.blob(lab.layer))
    lab.layer_link.write_bytes(b"\xff\0")


def _replace_layer_by_directory(lab: Lab) -> None:
    remove(lab.blob(lab.layer))
    lab.blob(lab.layer).mkdir()


def _empty_every_link(lab: Lab) -> None:
    for path in lab.root.rglob("link"):
        empty(path)


@dataclass(frozen=True)
class Damage:
    """One way to damage the image, what is found, and whether it can be pulled after the repair."""

    id: str
    do: Callable[[Lab], object]
    found: set[str]
    mended: bool


DAMAGES = [
    Damage(
        "a layer lost a bit", lambda lab: flip(lab.blob(lab.layer)), {"blob-corrupt", "layer-dangling"}, False
    ),
    Damage(
        "a layer was cut", lambda lab: empty(lab.blob(lab.layer)), {"blob-corrupt", "layer-dangling"}, False
    ),
    Damage("a layer is gone", lambda lab: remove(lab.blob(lab.layer)), {"layer-dangling"}, False),
    Damage(
        "the manifest lost a bit",
        lambda lab: flip(lab.blob(lab.manifest)),
        {"blob-corrupt", "manifest-dangling", "tag-dangling"},
        False,
    ),
    Damage(
        "the manifest is gone",
        lambda lab: remove(lab.blob(lab.manifest)),
        {"manifest-dangling", "tag-dangling"},
        False,
    ),
    Damage("the layer's link is empty", lambda lab: empty(lab.layer_link), {"link-damaged"}, True),
    Damage("the layer's link is gone", lambda lab: remove(lab.layer_link), {"layer-unlinked"}, True),
    Damage("the manifest's link is empty", lambda lab: empty(lab.revision), {"link-damaged"}, True),
    Damage("the manifest's link is gone", lambda lab: remove(lab.revision), {"manifest-unlinked"}, True),
    Damage("the tag is empty", lambda lab: empty(lab.tag), {"tag-damaged"}, True),
    Damage("the tag is noise", lambda lab: lab.tag.write_bytes(b"\xff\0"), {"tag-damaged"}, True),
    Damage(
        "the tag is far too long",
        lambda lab: lab.tag.write_bytes(b"a" * 100_000),
        {"tag-damaged"},
        True,
    ),
    Damage("the tag's index is empty", lambda lab: empty(lab.tag_index), {"link-damaged"}, True),
    Damage(
        "the tag's index is gone", lambda lab: shutil.rmtree(lab.tag_index.parents[2]), {"tag-index"}, True
    ),
    Damage(
        "tag and index are empty",
        _forget_tag,
        {"tag-damaged"},
        False,
    ),
    Damage(
        "a layer is gone and its link is noise",
        _lose_layer_and_link,
        {"layer-dangling", "link-damaged"},
        False,
    ),
    Damage(
        "a directory stands in a layer's place",
        _replace_layer_by_directory,
        {"blob-corrupt", "layer-dangling"},
        False,
    ),
    Damage(
        "the manifest's media type is noise",
        lambda lab: (lab.revision.parent / "mediatype").write_bytes(b"\xff\0"),
        {"media-type-damaged"},
        True,
    ),
    Damage(
        "the manifest's media type is far too long",
        lambda lab: (lab.revision.parent / "mediatype").write_bytes(b"a" * 100_000),
        {"media-type-damaged"},
        True,
    ),
    Damage(
        "everything that links to the image is empty",
        _empty_every_link,
        {"link-damaged", "tag-damaged"},
        True,
    ),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.id)
def test_damage_is_found_repaired_and_gone(
    lab: Lab, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    damage.do(lab)
    before = {content for content in lab.content() if content}

    assert kinds(lab, Severity.DAMAGE) == damage.found
    assert run(capsys, str(lab.root))[0] == DAMAGED
    code, out = run(capsys, "--repair", "--json", str(lab.root))

    assert code == DAMAGED
    assert all(finding["repair"] in ("done", None) for finding in json.loads(out)["findings"])
    assert lab.pulls() is damage.mended
    assert run(capsys, str(lab.root))[0] == SOUND
    assert kinds(lab, Severity.DAMAGE, Severity.LEFTOVER) == set()
    digests = {str(lab.layer).encode(), str(lab.manifest).encode()}
    noise = {b"\xff\0", b"a" * 100_000}
    assert before - noise <= lab.content() | digests


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.id)
def test_pushing_again_mends_what_repair_could_not(
    lab: Lab, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    damage.do(lab)
    run(capsys, "--repair", str(lab.root))

    push_image(registry_on(PosixFileSystem(str(lab.root))), "v1", LAYER)

    assert lab.pulls()
    assert run(capsys, str(lab.root))[0] == SOUND


def _upload(lab: Lab) -> Path:
    upload = lab.registry.start_upload(REPOSITORY, "sha256")
    return Path(lab.registry.layout.upload(REPOSITORY, upload))


@pytest.mark.parametrize(
    ("leave", "found"),
    [
        pytest.param(lambda lab: shutil.rmtree(lab.tag.parent), "tag-unfinished", id="a tag without its end"),
        pytest.param(lambda lab: remove(_upload(lab) / "data"), "upload-empty", id="an upload without data"),
        pytest.param(
            lambda lab: remove(_upload(lab) / "startedat"), "upload-undated", id="an upload without date"
        ),
        pytest.param(
            lambda lab: (lab.root / "docker/registry/v2/blobs/x").touch(), "stray", id="a file in blobs"
        ),
        pytest.param(
            lambda lab: (lab.root / "docker/registry/v2/repositories/_x").mkdir(), "stray", id="no repository"
        ),
        pytest.param(lambda lab: (lab.tag.parents[2] / "-x").mkdir(), "stray", id="no tag"),
        pytest.param(lambda lab: (lab.revision.parents[1] / "x").mkdir(), "stray", id="no manifest"),
        pytest.param(
            lambda lab: (lab.blob(lab.layer).parent / "x").touch(), "stray", id="a file beside a blob"
        ),
        pytest.param(
            lambda lab: shutil.copytree(
                lab.blob(lab.layer).parent,
                lab.root / f"docker/registry/v2/blobs/sha256/00/{lab.layer.encoded}",
            ),
            "stray",
            id="a blob in the wrong place",
        ),
        pytest.param(lambda lab: (lab.blob(lab.layer).parents[1] / "x").mkdir(), "stray", id="no blob"),
    ],
)
def test_leftovers_are_no_damage_and_are_moved_aside(
    lab: Lab, leave: Callable[[Lab], object], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(lab)

    assert kinds(lab, Severity.LEFTOVER) == {found}
    assert run(capsys, str(lab.root))[0] == SOUND
    assert run(capsys, "--repair", str(lab.root))[0] == SOUND
    assert kinds(lab, Severity.LEFTOVER) == set()


def test_what_a_repository_never_held_is_a_note(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    sparse = replace(lab.registry.settings, sparse=True)
    registry = Registry(sparse, PosixFileSystem(str(lab.root)))
    registry.put_manifest(REPOSITORY, Tag("sparse"), index(image(b"elsewhere")), OCI_INDEX)
    registry.put_manifest(REPOSITORY, Tag("partial"), image(b"elsewhere"), None)

    code, out = run(capsys, str(lab.root))

    assert code == SOUND
    assert kinds(lab, Severity.NOTE) == {"incomplete"}
    assert f"labs/hello lacks {Digest.of(b'elsewhere')}, of 9 bytes" in out


def test_an_open_upload_is_a_note(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    _upload(lab)

    assert run(capsys, str(lab.root))[0] == SOUND
    assert kinds(lab, Severity.NOTE, Severity.LEFTOVER) == {"upload"}


def test_blobs_of_no_repository_are_counted(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    digest = push_blob(lab.registry, b"nobody's")
    lab.registry.delete_blob(REPOSITORY, digest)

    counts = json.loads(run(capsys, "--json", str(lab.root))[1])["counts"]

    assert (counts["unreferenced"], counts["unreferenced_bytes"]) == (1, 8)


def test_a_tag_with_several_pasts_is_not_guessed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    push_image(lab.registry, "v1", b"another layer")
    empty(lab.tag)

    run(capsys, "--repair", str(lab.root))

    assert not lab.pulls()
    assert pull_image(registry_on(PosixFileSystem(str(lab.root))), lab.manifest) == lab.manifest
    assert run(capsys, str(lab.root))[0] == SOUND


def test_what_could_not_be_moved_is_mended_where_it_is(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_layer_and_link(lab)

    def refuse(fs: PosixFileSystem, source: str, target: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", source)

    with monkeypatch.context() as patch:
        real = PosixFileSystem.replace
        patch.setattr(
            PosixFileSystem,
            "replace",
            lambda fs, source, target: (refuse if "_quarantine" in target else real)(fs, source, target),
        )
        code, out = run(capsys, "--repair", "--json", str(lab.root))

    repairs = {finding["kind"]: finding["repair"] for finding in json.loads(out)["findings"]}
    assert code == FAILED
    assert repairs["layer-dangling"] == "Permission denied"
    assert repairs["link-damaged"] == "done"
    assert lab.layer_link.read_bytes() == str(lab.layer).encode()


def test_two_repairs_have_two_quarantines(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        flip(lab.blob(lab.layer))
        run(capsys, "--repair", str(lab.root))
        push_image(registry_on(PosixFileSystem(str(lab.root))), "v1", LAYER)

    assert len(list((lab.root / "_quarantine").iterdir())) == 2
    assert run(capsys, str(lab.root))[0] == SOUND


def test_a_directory_without_a_store_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == FAILED

    assert "holds no registry" in capsys.readouterr().err


def test_what_may_not_be_looked_at_does_not_hide_the_rest(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push_blob(lab.registry, b"closed", Repository("labs/closed"))
    closed = str(lab.root / "docker/registry/v2/repositories/labs/closed")
    empty(lab.tag)
    real = PosixFileSystem.stat

    def refuse(fs: PosixFileSystem, path: str) -> Stat | None:
        if path.startswith(closed):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(fs, path)

    monkeypatch.setattr(PosixFileSystem, "stat", refuse)

    code, out = run(capsys, "--repair", str(lab.root))

    assert code == FAILED
    assert "unreadable: unreadable: docker/registry/v2/repositories/labs/closed\n" in out
    assert "damage: tag-damaged" in out
    monkeypatch.undo()
    assert lab.pulls()
    assert run(capsys, str(lab.root))[0] == SOUND


def test_what_the_disk_refuses_is_neither_sound_nor_damage(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(lab.blob(lab.layer))
    real = PosixFileSystem.open_read

    def broken(fs: PosixFileSystem, asked: str) -> BinaryIO:
        if asked == path:
            raise OSError(errno.EIO, "Input/output error", asked)
        return real(fs, asked)

    monkeypatch.setattr(PosixFileSystem, "open_read", broken)

    code, out = run(capsys, str(lab.root))

    assert code == FAILED
    assert "unreadable: unreadable: docker/registry/v2/blobs" in out
