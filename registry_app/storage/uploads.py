"""Uploads on their way to become blobs: a directory each, so that they outlive the process.

What has come is in ``data``, and its length is the offset at which the client goes on; nothing else is needed
to resume after a crash. The running hash is only remembered, not stored: if it is lost, or is not of the
algorithm that the client ends with, the file is read once more before it becomes a blob.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID, uuid4

from registry_app.errors import BlobUploadUnknown, DigestInvalid, TooManyRequests
from registry_app.reference import ALGORITHMS, Digest, Repository
from registry_app.storage.blobs import BlobStore, digest_of_file
from registry_app.storage.blocking import WouldBlock, may_block
from registry_app.storage.cache import Cache
from registry_app.storage.filesystem import FileSystem, WritableFile
from registry_app.storage.flushing import FlushBehind
from registry_app.storage.layout import Layout
from registry_app.storage.open_uploads import RETRY_AFTER, OpenUploads
from registry_app.storage.shared import try_to_hold
from registry_app.storage.space import Space

if TYPE_CHECKING:
    from hashlib import _Hash

_REMEMBERED_HASHES = 1024
_PIECES = Sequence[bytes | memoryview]


@dataclass(slots=True)
class Progress:
    """The hash of the first ``size`` bytes of an upload."""

    algorithm: str
    hasher: "_Hash"
    size: int = 0

    @classmethod
    def begin(cls, algorithm: str) -> Self:
        """Return the progress of an upload of which nothing has come."""
        return cls(algorithm, hashlib.new(algorithm))


class UploadWriter:
    """Appends to one upload. `write` and `hash` get the same pieces in the same order, each in a thread of
    its own.
    """

    def __init__(
        self, file: WritableFile, progress: Progress | None, space: Space, repository: Repository
    ) -> None:
        self._file = file
        self.repository = repository
        self.is_lost = False
        """Whether a flush has failed. The kernel may then take the lost pages for written, so a later flush
        that succeeds proves nothing, and the client has to begin anew.
        """
        self._behind = FlushBehind(file)
        self._space = space
        self.progress = progress
        self.start = file.size
        """Where this writer began, in bytes."""

    @property
    def size(self) -> int:
        """Bytes of the upload so far."""
        return self._file.size

    def write(self, pieces: _PIECES) -> None:
        """Append ``pieces``; raise `DiskFull` when the reserve is reached."""
        size = sum(map(len, pieces))
        with self._space.taking(size):
            self._file.write(pieces)
        with self._noting_loss():
            self._behind.wrote(size)

    def hash(self, pieces: _PIECES) -> None:
        """Take ``pieces`` into the digest."""
        if self.progress is not None:
            for piece in pieces:
                self.progress.hasher.update(piece)
                self.progress.size += len(piece)

    def forget_written(self) -> None:
        """Drop what this writer has appended."""
        with self._noting_loss():
            self._behind.settle()
        self._file.truncate(self.start)
        self.progress = None

    def flush(self) -> None:
        """Return when everything is on the disk; if that fails, nothing of the upload will be left."""
        with self._noting_loss():
            self._behind.settle()
            self._file.flush()

    def close(self) -> None:
        """Close the file; a second time does nothing. Raises `WouldBlock` if it may not wait for a disk."""
        if not may_block() and (self.is_lost or not self._behind.is_settled):
            raise WouldBlock
        try:
            with self._noting_loss():
                self._behind.settle()
        finally:
            self._file.close()

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.is_lost = True
            raise


class UploadStore:
    """The open uploads of one store."""

    def __init__(
        self,
        fs: FileSystem,
        layout: Layout,
        blobs: BlobStore,
        space: Space,
        *,
        most: int,
        all_open: OpenUploads,
    ) -> None:
        self._fs = fs
        self._layout = layout
        self._blobs = blobs
        self._space = space
        self._most = most
        self._all_open = all_open
        self._hashes: Cache[str, Progress] = Cache(_REMEMBERED_HASHES)

    def start(self, repository: Repository, algorithm: str = ALGORITHMS[0]) -> str:
        """Begin an upload and return its identifier; raise `TooManyRequests` or `DiskFull`."""
        if self.count(repository) >= self._most:
            raise TooManyRequests(
                f"{self._most} uploads to {repository} are open",
                headers=[("Retry-After", str(RETRY_AFTER))],
            )
        self._space.require(0)
        upload_id = str(uuid4())
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._all_open.beginning():
            with self._fs.create(self._layout.upload_started_at(repository, upload_id)) as file:
                file.write([started.encode()])
            self._fs.create(self._layout.upload_data(repository, upload_id)).close()
        self._hashes.put(upload_id, Progress.begin(algorithm))
        return upload_id

    def try_to_hold(self, repository: Repository, upload_id: str) -> int | None:
        """Return a descriptor that keeps other processes from this upload until it is closed; None if one of
        them has it. Raises `BlobUploadUnknown`.
        """
        try:
            return try_to_hold(self._layout.upload_data(repository, _checked(upload_id)))
        except FileNotFoundError as error:
            raise BlobUploadUnknown from error

    def count(self, repository: Repository) -> int:
        """Return how many uploads to a repository are open, whoever began them."""
        return len(self._fs.list(self._layout.uploads(repository)))

    def size(self, repository: Repository, upload_id: str) -> int:
        """Return how many bytes have come; raise `BlobUploadUnknown`."""
        found = self._fs.stat(self._layout.upload_data(repository, _checked(upload_id)))
        if found is None:
            raise BlobUploadUnknown
        return found.size

    def open(self, repository: Repository, upload_id: str, algorithm: str | None = None) -> UploadWriter:
        """Open an upload to append to it; ``algorithm`` is that of the digest it will end with, if that is
        known.
        """
        try:
            file = self._fs.open_append(self._layout.upload_data(repository, _checked(upload_id)))
        except FileNotFoundError as error:
            raise BlobUploadUnknown from error
        progress = self._hashes.get(upload_id)
        if file.size == 0 and (progress is None or algorithm not in (None, progress.algorithm)):
            progress = Progress.begin(algorithm or ALGORITHMS[0])
        if progress is not None and progress.size != file.size:
            progress = None
        # Remembered again by `close`, once the hash and the file agree.
        self._hashes.forget(upload_id)
        return UploadWriter(file, progress, self._space, repository)

    def close(self, upload_id: str, writer: UploadWriter) -> None:
        """Close ``writer``, and remember its hash if that covers exactly what was written.

        An upload of which something was lost on the way to the disk is removed.
        """
        try:
            writer.close()
        finally:
            if writer.is_lost:
                self.discard(writer.repository, upload_id)
        if writer.is_lost:
            return
        if writer.progress is not None and writer.progress.size == writer.size:
            self._hashes.put(upload_id, writer.progress)

    def commit(self, repository: Repository, upload_id: str, digest: Digest) -> int:
        """Make a closed and flushed upload the blob ``digest`` and return its size.

        If the content has another digest, nothing of it is left, and `DigestInvalid` is raised.
        """
        path = self._layout.upload_data(repository, _checked(upload_id))
        size = self.size(repository, upload_id)
        found = self._digest(path, upload_id, digest.algorithm, size)
        if found != digest:
            self.discard(repository, upload_id)
            raise DigestInvalid(detail={"expected": str(digest), "found": str(found), "size": size})
        self._blobs.adopt(path, digest, size)
        return size

    def discard(self, repository: Repository, upload_id: str) -> None:
        """Remove an upload, whether or not it became a blob."""
        self._hashes.forget(upload_id)
        directory = self._layout.upload(repository, _checked(upload_id))
        if self._fs.stat(directory) is not None:
            self._fs.remove_tree(directory)
            self._all_open.ended()

    def purge(self, repository: Repository, age: float) -> int:
        """Remove the uploads to a repository that nobody wrote to for ``age`` seconds; return how many."""
        before = time.time_ns() - int(age * 1e9)
        purged = 0
        for name in self._fs.list(self._layout.uploads(repository)):
            if _is_id(name) and self._last_change(repository, name) < before:
                self.discard(repository, name)
                purged += 1
        return purged

    def _last_change(self, repository: Repository, upload_id: str) -> int:
        """Return when something of an upload was written last, in nanoseconds since 1970."""
        paths = (
            self._layout.upload(repository, upload_id),
            self._layout.upload_data(repository, upload_id),
            self._layout.upload_started_at(repository, upload_id),
        )
        return max(
            (found.mtime_ns for found in map(self._fs.stat, paths) if found is not None),
            default=time.time_ns(),
        )

    def _digest(self, path: str, upload_id: str, algorithm: str, size: int) -> Digest:
        progress = self._hashes.get(upload_id)
        if progress is not None and (progress.algorithm, progress.size) == (algorithm, size):
            return Digest(algorithm, progress.hasher.hexdigest())
        return digest_of_file(self._fs, path, algorithm)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _checked(upload_id: str) -> str:
    """Return ``upload_id`` if it can be one, before any path is built with it; raise `BlobUploadUnknown`."""
    if not _is_id(upload_id):
        raise BlobUploadUnknown
    return upload_id
