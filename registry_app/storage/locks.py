"""Locks by name: two threads wait for each other only if they work on the same thing (or, rarely, share a
stripe).

One lock for a whole registry makes every push wait for the slowest. A lock per name would have to be counted
and removed. A fixed number of stripes needs neither.
"""

import threading
from typing import Final

from registry_app.reference import Digest, Repository

STRIPES: Final = 256


class Locks:
    """The locks of one store. Where both are needed, the repository's is taken first, then the digest's."""

    def __init__(self) -> None:
        self._repositories = [threading.RLock() for _ in range(STRIPES)]
        self._digests = [threading.RLock() for _ in range(STRIPES)]

    def repository(self, repository: Repository) -> threading.RLock:
        """Held while tags and manifests of a repository change."""
        return self._repositories[hash(repository.name) % STRIPES]

    def digest(self, digest: Digest) -> threading.RLock:
        """Held from deciding whether a blob is there until a link makes use of that decision."""
        return self._digests[hash(digest.encoded) % STRIPES]
