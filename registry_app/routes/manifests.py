"""Manifests: ``/v2/<name>/manifests/<reference>`` and ``/v2/<name>/referrers/<digest>``.

OCI spec, "Pulling manifests", "Pushing manifests", "Deleting manifests", "Deleting tags", "Listing
referrers".
"""

from urllib.parse import urlencode

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.errors import (
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    PreconditionFailed,
    TagInvalid,
)
from registry_app.headers import accepts, media_type
from registry_app.manifest import OCI_INDEX, OCI_MANIFEST
from registry_app.reference import Digest, Reference, Repository, Tag, parse_reference
from registry_app.registry import Condition
from registry_app.routes.addresses import Address
from registry_app.routes.answers import Header, answer, answer_head, namespace, preconditions
from registry_app.routes.service import Query, Service
from registry_app.stored import StoredManifest
from registry_app.transport import BodyTooLarge, StillTrue, small_body


async def pull_manifest(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer GET and HEAD."""
    stored, still_true = await service.at_once(
        request, _look_up, service, address.repository, _existing(address)
    )
    headers: list[Header] = [
        ("Content-Type", stored.media_type),
        ("Docker-Content-Digest", str(stored.digest)),
        ("Etag", f'"{stored.digest}"'),
        *namespace(Query(request)),
    ]
    # As the reference registry: Docker's types go to everyone, OCI's to those who say that they know them.
    accept = request.headers.getall("accept", [])
    if stored.media_type in (OCI_MANIFEST, OCI_INDEX) and not accepts(accept, stored.media_type):
        raise ManifestUnknown(
            f"the manifest is of type {stored.media_type}, which the client does not accept"
        )
    # Only now: RFC 9110, section 13.2.1, has them ignored where the answer would be an error without them.
    conditions = preconditions(request)
    if not conditions.match_holds(str(stored.digest)):
        raise PreconditionFailed
    if conditions.is_known(str(stored.digest)):
        return answer(304, headers)
    if request.method == "HEAD":
        return answer_head(200, headers, len(stored.content), still_true)
    return answer(200, headers, stored.content, still_true)


def _look_up(
    service: Service, repository: Repository, reference: Reference
) -> tuple[StoredManifest, StillTrue | None]:
    """Return a manifest, and what tells later whether it is still the answer."""
    registry = service.registry
    digest = registry.resolve(repository, reference)
    still_true = service.watch(registry.manifest_files(repository, reference, digest))
    stored = registry.manifest(repository, reference)
    # If the tag moved meanwhile, other files than those watched decide.
    return stored, still_true if stored.digest == digest else None


async def push_manifest(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer PUT. OCI spec, end-7b: tags to set beside a digest come as parameters ``tag``."""
    service.require_writable()
    reference, query = parse_reference(address.last), Query(request)
    tags = [Tag.parse(text) for text in query.all("tag")]
    content_type = request.headers.get("content-type")
    plain = media_type(content_type)
    if content_type and plain is None:
        raise ManifestInvalid("malformed Content-Type", detail=content_type[:200])
    try:
        content = await small_body(request, service.settings.max_manifest)
    except BodyTooLarge as error:
        raise ManifestTooLarge(
            f"a manifest has at most {service.settings.max_manifest} bytes here"
        ) from error
    registry, repository = service.registry, address.repository
    pushed = await service.run(
        request,
        registry.put_manifest,
        repository,
        reference,
        content,
        plain,
        tags,
        condition=_condition(request),
    )
    headers: list[Header] = [
        ("Location", f"{location(service)}/{repository}/manifests/{pushed.digest}"),
        ("Docker-Content-Digest", str(pushed.digest)),
    ]
    if pushed.subject is not None:
        headers.append(("OCI-Subject", str(pushed.subject)))
    headers += [("OCI-Tag", tag.name) for tag in pushed.tags if tag != reference]
    return answer(201, headers)


async def delete_manifest(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer DELETE: a digest takes its tags with it, a tag goes alone."""
    service.require_deletable()
    reference, registry = _existing(address), service.registry
    if isinstance(reference, Tag):
        await service.run(request, registry.delete_tag, address.repository, reference, _condition(request))
    else:
        await service.run(
            request, registry.delete_manifest, address.repository, reference, _condition(request)
        )
    return answer(202)


async def list_referrers(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer GET with an image index. Never 404: a subject need not exist."""
    subject, query = Digest.parse(address.last), Query(request)
    artifact_type, last = query.one("artifactType") or None, query.one("last") or ""
    page = await service.run(
        request, service.registry.referrers_page, address.repository, subject, artifact_type, last
    )
    headers: list[Header] = [("Content-Type", OCI_INDEX), *namespace(query)]
    if artifact_type:
        headers.append(("OCI-Filters-Applied", "artifactType"))
    if page.last is not None:
        # OCI spec, "Listing referrers": what does not fit into one index follows in others.
        further = {"last": page.last} | ({"artifactType": artifact_type} if artifact_type else {})
        path = f"{location(service)}/{address.repository}/referrers/{subject}"
        headers.append(("Link", f'<{path}?{urlencode(further)}>; rel="next"'))
    return answer(200, headers, page.index)


def location(service: Service) -> str:
    """Return the beginning of every ``Location``."""
    return f"{service.settings.host}{service.settings.prefix}v2"


def _condition(request: Request) -> Condition | None:
    """Return under which condition the client wants a change to be made, if under any: that nobody else has
    moved the tag since it looked, or that there is none yet.
    """
    conditions = preconditions(request)
    return conditions.allow_change if conditions else None


def _existing(address: Address) -> Reference:
    """Return the reference in an address that should exist; what is no tag has never been pushed."""
    try:
        return parse_reference(address.last)
    except TagInvalid as error:
        raise ManifestUnknown(detail=error.detail) from error
