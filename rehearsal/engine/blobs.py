"""Content by digest: an engine's blobs, and layers that have the same bytes for the same files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import uuid
from collections.abc import Iterable, Mapping

from rehearsal.engine.records import LAYER, Layer


def digest_of(content: bytes) -> str:
    """Return a content's digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Blobs:
    """A directory of blobs."""

    def __init__(self, directory: str) -> None:
        self._directory = os.path.join(directory, "sha256")
        os.makedirs(self._directory, exist_ok=True)

    def path(self, digest: str) -> str:
        """Return the file of a blob, there or not."""
        return os.path.join(self._directory, digest.removeprefix("sha256:"))

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return os.path.exists(self.path(digest))

    def read(self, digest: str) -> bytes:
        """Return a blob's content."""
        with open(self.path(digest), "rb") as file:
            return file.read()

    def write(self, content: bytes) -> str:
        """Keep a content; return its digest. It appears whole or not at all."""
        digest = digest_of(content)
        if not self.has(digest):
            part = f"{self.path(digest)}.{uuid.uuid4().hex}"
            with open(part, "wb") as file:
                file.write(content)
            os.replace(part, self.path(digest))
        return digest

    def remove(self, digests: Iterable[str]) -> None:
        """Remove blobs; one that is not there is no error."""
        for digest in digests:
            if self.has(digest):
                os.unlink(self.path(digest))


def make_layer(
    files: Mapping[str, bytes], blobs: Blobs, *, media_type: str = LAYER, urls: Iterable[str] = ()
) -> Layer:
    """Keep a layer with these files (Windows paths without drive, with slashes) and return it.

    As in a Windows layer the files lie under ``Files/`` beside an empty ``Hives/``. Times and owners are
    fixed, so that the digest depends on names and contents only.
    """
    tar = _tar({f"Files/{path}": content for path, content in files.items()})
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=1, filename="") as stream:
        stream.write(tar)
    content = packed.getvalue()
    return Layer(blobs.write(content), digest_of(tar), len(content), media_type, list(urls))


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("Files", "Hives"):
            archive.addfile(_entry(name, tarfile.DIRTYPE))
        made: set[str] = {"Files"}
        for name in sorted(files):
            parts = name.split("/")[:-1]
            for count in range(1, len(parts) + 1):
                folder = "/".join(parts[:count])
                if folder not in made:
                    made.add(folder)
                    archive.addfile(_entry(folder, tarfile.DIRTYPE))
            entry = _entry(name, tarfile.REGTYPE)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return stream.getvalue()


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    entry.mtime = 0
    return entry


def layer_files(content: bytes) -> dict[str, bytes]:
    """Return the files of a layer by their paths below ``Files/``."""
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.startswith("Files/"):
                stream = archive.extractfile(entry)
                files[entry.name.removeprefix("Files/")] = stream.read() if stream else b""
    return files
