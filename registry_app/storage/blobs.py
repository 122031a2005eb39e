"""Content by digest, shared by all repositories. What lies here was verified before it got its name."""

import hashlib
from typing import BinaryIO

from registry_app.reference import Digest
from registry_app.storage.filesystem import FileSystem
from registry_app.storage.layout import Layout
from registry_app.storage.locks import Locks

_PIECE = 1 << 20


class BlobStore:
    """The blobs of one store."""

    def __init__(self, fs: FileSystem, layout: Layout, locks: Locks) -> None:
        self._fs = fs
        self._layout = layout
        self._locks = locks

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; None if it is not there."""
        found = self._fs.stat(self._layout.blob_data(digest))
        return None if found is None else found.size

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; raise `FileNotFoundError`. The caller closes it soon."""
        return self._fs.open_read(self._layout.blob_data(digest))

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob of at most ``limit`` bytes; raise `FileNotFoundError` or `FileTooLarge`."""
        return self._fs.read_bytes(self._layout.blob_data(digest), limit)

    def adopt(self, path: str, digest: Digest, size: int) -> None:
        """Make the verified, flushed and closed file at ``path`` the blob ``digest``, unless it is there
        already.

        A blob of another size under that name was damaged by whoever wrote it, and is replaced.
        """
        with self._locks.digest(digest):
            if self.size(digest) != size:
                self._fs.replace(path, self._layout.blob_data(digest))

    def put(self, digest: Digest, content: bytes) -> None:
        """Store small content whose digest was verified; what is there is kept if it is the same."""
        path = self._layout.blob_data(digest)
        with self._locks.digest(digest):
            if self.size(digest) != len(content) or self._fs.read_bytes(path, len(content)) != content:
                self._fs.write_whole(path, content)


def digest_of_file(fs: FileSystem, path: str, algorithm: str) -> Digest:
    """Return the digest of a file, read from the disk piece by piece."""
    hasher = hashlib.new(algorithm)
    piece = memoryview(bytearray(_PIECE))
    with fs.open_read(path) as file:
        while count := file.readinto(piece):  # type: ignore[attr-defined]
            hasher.update(piece[:count])
    return Digest(algorithm, hasher.hexdigest())
