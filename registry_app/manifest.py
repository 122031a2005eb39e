"""What a manifest says: media type, what it refers to, its subject. The bytes themselves are never changed.

Known media types are checked as far as the registry relies on them (descriptors have digests, lists are
lists); unknown fields are none of its business. Unknown media types are opaque.

Sources: OCI image specification 1.1 (manifest, index, descriptor), Docker image manifest version 2, schema 2.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from registry_app.errors import DigestInvalid, ManifestInvalid
from registry_app.reference import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
KNOWN = frozenset({OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST})
OPAQUE = "application/octet-stream"

_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII
)
_NOT_DISTRIBUTED = (
    "application/vnd.docker.image.rootfs.foreign.diff.",
    "application/vnd.oci.image.layer.nondistributable.",
)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content, as a manifest holds it."""

    digest: Digest
    media_type: str
    size: int
    urls: tuple[str, ...] = ()

    @property
    def is_distributed(self) -> bool:
        """Whether the content is meant to lie in this registry; foreign layers lie elsewhere."""
        return not (self.urls or self.media_type.startswith(_NOT_DISTRIBUTED))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the registry needs to know of a manifest."""

    media_type: str
    blobs: tuple[Descriptor, ...] = ()
    """Configuration and layers."""
    manifests: tuple[Descriptor, ...] = ()
    """The manifests of an index."""
    subject: Digest | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)


def is_media_type(text: str) -> bool:
    """Return whether ``text`` is a media type by the grammar of RFC 6838, thus safe in a header."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def declared_media_type(content: bytes) -> str:
    """Return the media type that the content itself tells: its field ``mediaType``, else its structure.

    `OPAQUE` is the answer where it tells none.
    """
    try:
        document = _document(content)
    except ManifestInvalid:
        return OPAQUE
    declared = document.get("mediaType")
    if isinstance(declared, str) and is_media_type(declared):
        return declared
    if document.get("schemaVersion") == 1:
        return DOCKER_SCHEMA_1["signatures" in document]
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document or "layers" in document else OPAQUE


def read_manifest(content: bytes, media_type: str) -> Manifest:
    """Return what ``content`` says under ``media_type``; raise `ManifestInvalid` or `DigestInvalid`."""
    if media_type in DOCKER_SCHEMA_1:
        raise ManifestInvalid(
            "image manifests of schema 1 are not supported; push the image with a current client"
        )
    if not content:
        raise ManifestInvalid("the manifest is empty")
    if media_type not in KNOWN:
        return Manifest(media_type)
    document = _document(content)
    declared = document.get("mediaType")
    if declared not in (None, "", media_type):
        raise ManifestInvalid(f"the manifest says it is {declared!r}, its Content-Type says {media_type!r}")
    if document.get("schemaVersion") != 2:
        raise ManifestInvalid("schemaVersion is not 2")
    config = _descriptors(document, "config")
    is_index = media_type in (OCI_INDEX, DOCKER_LIST)
    return Manifest(
        media_type,
        blobs=() if is_index else (*config, *_descriptors(document, "layers")),
        manifests=_descriptors(document, "manifests") if is_index else (),
        subject=next((descriptor.digest for descriptor in _descriptors(document, "subject")), None),
        artifact_type=_text(document.get("artifactType")) or (config[0].media_type if config else None),
        annotations=_annotations(document.get("annotations")),
    )


def referrer_descriptor(manifest: Manifest, digest: Digest, size: int) -> dict[str, object]:
    """Return how ``manifest`` is listed among its subject's referrers.

    OCI spec, "Listing referrers": an artifact type of its own, else the configuration's media type;
    annotations too.
    """
    descriptor: dict[str, object] = {"mediaType": manifest.media_type, "digest": str(digest), "size": size}
    if manifest.artifact_type:
        descriptor["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        descriptor["annotations"] = manifest.annotations
    return descriptor


def referrers_index(descriptors: list[dict[str, object]]) -> bytes:
    """Return the image index that lists referrers."""
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}
    return json.dumps(index, separators=(",", ":")).encode()


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid("the manifest is not JSON", detail=str(error)[:200]) from error
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    return document


def _refuse_constant(text: str) -> None:
    """Python reads NaN and Infinity; JSON has neither, and no client would understand the manifest."""
    raise ValueError(f"{text} is no JSON")


def _descriptors(document: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    """Return the descriptor, or the list of them, under ``name``; none if it is absent."""
    value = document.get(name)
    if value is None:
        return ()
    return tuple(_descriptor(item, name) for item in _items(value, name))


def _items(value: object, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects in ``value``: one for a subject or a configuration, else a list."""
    entries: object = [value] if name in ("config", "subject") else value
    if not isinstance(entries, list):
        raise ManifestInvalid(f"{name} is not a list")
    for entry in entries:
        if not isinstance(entry, dict):
            raise ManifestInvalid(f"{name} holds something else than a descriptor")
        yield entry


def _descriptor(item: dict[str, Any], name: str) -> Descriptor:
    digest, media_type, size, urls = (item.get(key) for key in ("digest", "mediaType", "size", "urls"))
    if not isinstance(digest, str) or not isinstance(media_type, str):
        raise ManifestInvalid(f"{name}: a descriptor lacks its digest or its mediaType")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestInvalid(f"{name}: the size of {digest[:200]} is not a number of bytes")
    try:
        parsed = Digest.parse(digest)
    except DigestInvalid as error:
        raise ManifestInvalid(f"{name}: {error.text}", detail=error.detail) from error
    return Descriptor(parsed, media_type, size, tuple(urls) if isinstance(urls, list) else ())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _annotations(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ManifestInvalid("annotations are not texts by name")
    return value
