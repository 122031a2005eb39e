"""Uploads without HTTP: what a failing disk leaves of them, and how they are taken up again."""

import errno
from pathlib import Path

import pytest

from registry_app.errors import BlobUploadUnknown
from registry_app.reference import Digest, Repository
from registry_app.registry import Registry
from registry_app.settings import Settings
from registry_app.storage.posix import PosixFile, PosixFileSystem

LABS = Repository("labs/x")
CONTENT = b"content"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(Settings(root=str(tmp_path), reserve=0), PosixFileSystem(str(tmp_path)))


def append(registry: Registry, upload_id: str, content: bytes) -> None:
    writer = registry.uploads.open(LABS, upload_id)
    try:
        writer.write([content])
        writer.hash([content])
        writer.flush()
    finally:
        registry.uploads.close(upload_id, writer)


def test_nothing_is_left_of_an_upload_that_could_not_be_flushed(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: PosixFile) -> None:
        raise OSError(errno.EIO, "Input/output error")

    upload_id = registry.start_upload(LABS, "sha256")
    with monkeypatch.context() as patch:
        patch.setattr(PosixFile, "flush", fail)
        with pytest.raises(OSError, match="Input/output"):
            append(registry, upload_id, CONTENT)

    # Were it still there, a second attempt could flush successfully what the kernel has already given up.
    with pytest.raises(BlobUploadUnknown):
        registry.finish_upload(LABS, upload_id, Digest.of(CONTENT))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("announced", ["sha256", "sha512"])
def test_an_upload_ends_with_whatever_digest_the_client_chose(
    registry: Registry, announced: str, algorithm: str
) -> None:
    upload_id = registry.start_upload(LABS, announced)
    append(registry, upload_id, CONTENT[:3])
    append(registry, upload_id, CONTENT[3:])
    digest = Digest.of(CONTENT, algorithm)

    registry.finish_upload(LABS, upload_id, digest)

    assert registry.blob_size(LABS, digest) == len(CONTENT)


def test_an_upload_goes_on_in_another_process(registry: Registry) -> None:
    upload_id = registry.start_upload(LABS, "sha256")
    append(registry, upload_id, CONTENT[:3])
    another = Registry(registry.settings, registry.fs)

    assert another.uploads.size(LABS, upload_id) == 3
    append(another, upload_id, CONTENT[3:])
    append(registry, upload_id, b"!")
    registry.finish_upload(LABS, upload_id, Digest.of(CONTENT + b"!"))

    assert registry.blob_size(LABS, Digest.of(CONTENT + b"!")) == len(CONTENT) + 1


def test_a_damaged_blob_of_another_size_is_mended_by_the_next_push(registry: Registry) -> None:
    digest = Digest.of(CONTENT)
    for _ in range(2):
        upload_id = registry.start_upload(LABS, "sha256")
        append(registry, upload_id, CONTENT)
        registry.finish_upload(LABS, upload_id, digest)
        path = Path(registry.layout.blob_data(digest))
        assert path.read_bytes() == CONTENT
        path.write_bytes(CONTENT[:3])
