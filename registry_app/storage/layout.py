"""Where everything lies on disk: the layout of the reference registry. The only place that joins paths.

::

    <root>/docker/registry/v2
    ├── blobs
    │   └── <algorithm>                          sha256 or sha512
    │       └── <first two hex digits>
    │           └── <hex>
    │               └── data                     the content: layers, configurations and manifests alike
    └── repositories
        └── <name>                               may contain slashes: one directory per component
            ├── _layers
            │   └── <algorithm>/<hex>/link       the blob belongs to the repository
            ├── _manifests
            │   ├── revisions
            │   │   └── <algorithm>/<hex>
            │   │       ├── link                 the manifest belongs to the repository
            │   │       └── mediatype            ours, and rare: see `repositories`
            │   └── tags
            │       └── <tag>
            │           ├── current/link         what the tag points to
            │           └── index
            │               └── <algorithm>/<hex>/link   what it ever pointed to
            └── _uploads
                └── <id>
                    ├── data                     what has come so far
                    └── startedat                RFC 3339, UTC

A ``link`` file holds a digest, ``sha256:…``, and nothing else: no newline. The reference registry ignores
files and directories that it does not know inside of those that begin with an underscore, so ``mediatype``
does not disturb it.

Source: distribution/distribution ``registry/storage/paths.go``.
"""

from dataclasses import dataclass, field

from registry_app.reference import Digest, Repository, Tag

MANIFESTS = "_manifests"
LINK = "link"


@dataclass(frozen=True)
class Layout:
    """The paths of the store below ``root``, always joined with ``/``: the file system object translates."""

    root: str
    base: str = field(init=False, repr=False)
    """The directory of everything that the layout knows."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", f"{self.root}/docker/registry/v2")

    def _join(self, *parts: str) -> str:
        return "/".join(parts)

    # blobs

    @property
    def blobs(self) -> str:
        """The directory of all blobs."""
        return self._join(self.base, "blobs")

    def blob_directory(self, digest: Digest) -> str:
        """The directory of one blob."""
        return self._join(self.base, "blobs", digest.algorithm, digest.encoded[:2], digest.encoded)

    def blob_data(self, digest: Digest) -> str:
        """The content of one blob."""
        return self._join(self.blob_directory(digest), "data")

    # repositories

    @property
    def repositories(self) -> str:
        """The directory below which all repositories lie."""
        return self._join(self.base, "repositories")

    def child(self, directory: str, name: str) -> str:
        """The entry ``name``, as a directory listing gave it, of ``directory``."""
        return self._join(directory, name)

    def repository(self, repository: Repository) -> str:
        """The directory of one repository; further repositories may lie in it."""
        return self._join(self.base, "repositories", repository.name)

    def layers(self, repository: Repository) -> str:
        """The directory of a repository's blob links."""
        return self._join(self.repository(repository), "_layers")

    def layer_link(self, repository: Repository, digest: Digest) -> str:
        """The link that makes a blob part of a repository."""
        return self._join(self.layers(repository), digest.algorithm, digest.encoded, LINK)

    # manifests

    def manifests(self, repository: Repository) -> str:
        """The directory whose presence makes a directory a repository."""
        return self._join(self.repository(repository), MANIFESTS)

    def revisions(self, repository: Repository, algorithm: str) -> str:
        """The directory of a repository's manifests under one digest algorithm."""
        return self._join(self.manifests(repository), "revisions", algorithm)

    def revision(self, repository: Repository, digest: Digest) -> str:
        """The directory of one manifest of a repository."""
        return self._join(self.revisions(repository, digest.algorithm), digest.encoded)

    def revision_link(self, repository: Repository, digest: Digest) -> str:
        """The link that makes a manifest part of a repository."""
        return self._join(self.revision(repository, digest), LINK)

    def revision_media_type(self, repository: Repository, digest: Digest) -> str:
        """The media type of a manifest whose content does not tell it."""
        return self._join(self.revision(repository, digest), "mediatype")

    # tags

    def tags(self, repository: Repository) -> str:
        """The directory of a repository's tags."""
        return self._join(self.manifests(repository), "tags")

    def tag(self, repository: Repository, tag: Tag) -> str:
        """The directory of one tag."""
        return self._join(self.tags(repository), tag.name)

    def tag_current(self, repository: Repository, tag: Tag) -> str:
        """The link to the manifest that a tag points to."""
        return self._join(self.tag(repository, tag), "current", LINK)

    def tag_index(self, repository: Repository, tag: Tag, digest: Digest) -> str:
        """The link that remembers that a tag once pointed to ``digest``."""
        return self._join(self.tag(repository, tag), "index", digest.algorithm, digest.encoded, LINK)

    # uploads

    def uploads(self, repository: Repository) -> str:
        """The directory of a repository's open uploads."""
        return self._join(self.repository(repository), "_uploads")

    def upload(self, repository: Repository, upload_id: str) -> str:
        """The directory of one open upload."""
        return self._join(self.uploads(repository), upload_id)

    def upload_data(self, repository: Repository, upload_id: str) -> str:
        """What has come of an upload so far."""
        return self._join(self.upload(repository, upload_id), "data")

    def upload_started_at(self, repository: Repository, upload_id: str) -> str:
        """When an upload began."""
        return self._join(self.upload(repository, upload_id), "startedat")
