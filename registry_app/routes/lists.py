"""Lists: ``/v2/``, ``/v2/_catalog`` and ``/v2/<name>/tags/list``. OCI spec, "Listing tags"."""

import json
from urllib.parse import quote

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.registry import Page
from registry_app.routes.addresses import Address
from registry_app.routes.answers import JSON, Header, answer, namespace
from registry_app.routes.manifests import location
from registry_app.routes.service import Query, Service, permit_of


async def base(service: Service, request: Request, address: Address) -> HTTPResponse:  # noqa: ARG001
    """Answer GET of the base: this is a registry, and it is ready."""
    return answer(200, (JSON,), b"{}", service.vouch(lambda: True))


async def list_tags(service: Service, request: Request, address: Address) -> HTTPResponse:
    """Answer GET with a page of a repository's tags."""
    query = Query(request)
    most, last = query.number("n", service.settings.max_tags), query.one("last") or ""
    page = await service.run(request, service.registry.tags, address.repository, most, last)
    headers = [
        JSON,
        *namespace(query),
        *_next(f"{location(service)}/{address.repository}/tags/list", page, most),
    ]
    body = _json({"name": address.repository.name, "tags": page.names})
    return answer(200, headers, body, service.vouch(page.still_true))


async def list_repositories(service: Service, request: Request, address: Address) -> HTTPResponse:  # noqa: ARG001
    """Answer GET with a page of the catalog."""
    query = Query(request)
    most, last = query.number("n", service.settings.max_catalog), query.one("last") or ""
    page = await service.run(request, service.registry.catalog, most, last, permit_of(request).sees)
    headers = [JSON, *_next(f"{location(service)}/_catalog", page, most)]
    return answer(200, headers, _json({"repositories": page.names}), service.vouch(page.still_true))


def _next(path: str, page: Page, most: int) -> list[Header]:
    """Return the header that leads to the next page, if there is one (RFC 8288)."""
    if not page.more or not page.names:
        return []
    return [("Link", f'<{path}?n={most}&last={quote(page.names[-1], safe="")}>; rel="next"')]


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
