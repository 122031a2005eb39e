"""Blobs: ``/v2/<name>/blobs/<digest>``. OCI spec, "Pulling blobs", "Checking if content exists", "Deleting
blobs".
"""

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.errors import PreconditionFailed
from registry_app.headers import is_same_entity, requested_span
from registry_app.reference import Digest, Repository
from registry_app.routes.addresses import Address
from registry_app.routes.answers import COMMON, Header, answer, answer_head, namespace, preconditions
from registry_app.routes.service import Query, Service
from registry_app.transport import StillTrue, send_file


async def pull_blob(service: Service, request: Request, address: Address) -> HTTPResponse | None:
    """Answer GET and HEAD, whole or a range."""
    digest = Digest.parse(address.last)
    size, still_true = await service.at_once(request, _look_up, service, address.repository, digest)
    headers: list[Header] = [
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", str(digest)),
        ("Etag", f'"{digest}"'),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "max-age=31536000"),
        *namespace(Query(request)),
    ]
    conditions = preconditions(request)
    if not conditions.match_holds(str(digest)):
        raise PreconditionFailed
    if conditions.is_known(str(digest)):
        return answer(304, headers)
    span = None
    had = request.headers.get("if-range")
    # RFC 9110, section 14.2: a range is of GET only.
    if (
        request.method == "GET"
        and "range" in request.headers
        and (had is None or is_same_entity(had, str(digest)))
    ):
        span = requested_span(request.headers["range"], size)
    status, start, length = (206, span.start, span.length) if span else (200, 0, size)
    if span:
        headers.append(("Content-Range", f"bytes {span.start}-{span.last}/{size}"))
    if request.method == "HEAD":
        return answer_head(status, headers, length, still_true)
    file = await service.at_once(request, service.registry.open_blob, digest)
    return await send_file(
        request,
        status=status,
        headers=[*COMMON, *headers],
        path=file,
        offset=start,
        length=length,
        still_true=still_true,
    )


def _look_up(service: Service, repository: Repository, digest: Digest) -> tuple[int, StillTrue | None]:
    """Return a blob's size, and what tells later whether it is still the answer."""
    still_true = service.watch(service.registry.blob_files(repository, digest))
    return service.registry.blob_size(repository, digest), still_true


async def delete_blob(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer DELETE."""
    service.require_deletable()
    digest = Digest.parse(address.last)
    await service.run(request, service.registry.delete_blob, address.repository, digest)
    return answer(202)
