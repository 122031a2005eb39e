"""Locks by name: two threads, or processes, wait for each other only if they work on the same thing (or,
rarely, share a stripe).

One lock for a whole registry makes every push wait for the slowest. A lock per name would have to be counted
and removed. A fixed number of stripes needs neither.
"""

import zlib
from contextlib import AbstractContextManager
from typing import Final

from registry_app.reference import Digest, Repository
from registry_app.storage.shared import Shared

STRIPES: Final = 256


class Locks:
    """The locks of one store. Where both are needed, the repository's is taken first, then the digest's."""

    def __init__(self, shared: Shared) -> None:
        self._repositories = [shared.lock(f"repositories-{stripe}") for stripe in range(STRIPES)]
        self._digests = [shared.lock(f"digests-{stripe}") for stripe in range(STRIPES)]

    def repository(self, repository: Repository) -> AbstractContextManager[object]:
        """Held while tags and manifests of a repository change."""
        return self._repositories[_stripe(repository.name)]

    def digest(self, digest: Digest) -> AbstractContextManager[object]:
        """Held from deciding whether a blob is there until a link makes use of that decision."""
        return self._digests[_stripe(digest.encoded)]


def _stripe(name: str) -> int:
    """Return the same number in every process."""
    return zlib.crc32(name.encode()) % STRIPES
