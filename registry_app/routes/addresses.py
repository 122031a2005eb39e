"""Which resource a path means. Read from its right end, since names of repositories contain slashes and
words.

``a/manifests/b/blobs/sha256:…`` is a blob of the repository ``a/manifests/b``. Nothing here touches a disk,
and every part has passed its grammar before anything can.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote

from registry_app.errors import RouteUnknown
from registry_app.reference import NAME_LENGTH, Repository

LONGEST_PATH = NAME_LENGTH + 256
"""Longest path that can name anything: a repository, the fixed parts and a sha512 digest."""


class Resource(Enum):
    """The resources of the specification."""

    BASE = "base"
    CATALOG = "catalog"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    MANIFEST = "manifest"
    TAGS = "tags"
    REFERRERS = "referrers"


@dataclass(frozen=True, slots=True)
class Address:
    """A resource, its repository, and its last part: a digest, tag or upload identifier, not yet parsed."""

    resource: Resource
    repository: Repository
    last: str = ""


_NOWHERE = Repository("")


@lru_cache(maxsize=8192)
def read_address(path: str, prefix: str = "/") -> Address:
    """Return what ``path`` means; raise `RouteUnknown` or `NameInvalid`."""
    start = f"{prefix}v2"
    if path in (start, f"{start}/"):
        return Address(Resource.BASE, _NOWHERE)
    if not path.startswith(f"{start}/") or len(path) > len(start) + LONGEST_PATH:
        raise RouteUnknown
    # A slash that was quoted is no separator, and no name may contain one.
    rest = path[len(start) + 1 :]
    if "%" in rest:
        if "%2f" in rest.lower():
            raise RouteUnknown
        rest = unquote(rest, errors="replace")
    if rest == "_catalog":
        return Address(Resource.CATALOG, _NOWHERE)
    resource, name, last = _split(rest)
    return Address(resource, Repository.parse(name), last)


def _split(path: str) -> tuple[Resource, str, str]:
    """Return the resource, the repository's name and the last part."""
    parts = path.rsplit("/", 3)
    match parts:
        case [name, "blobs", "uploads", ""]:
            return Resource.UPLOADS, name, ""
        case [name, "blobs", "uploads", upload_id]:
            return Resource.UPLOAD, name, upload_id
        case [*name, "tags", "list"] if name:
            return Resource.TAGS, "/".join(name), ""
        case [*name, "blobs", digest] if name and digest:
            return Resource.BLOB, "/".join(name), digest
        case [*name, "manifests", reference] if name and reference:
            return Resource.MANIFEST, "/".join(name), reference
        case [*name, "referrers", digest] if name and digest:
            return Resource.REFERRERS, "/".join(name), digest
        case _:
            raise RouteUnknown
