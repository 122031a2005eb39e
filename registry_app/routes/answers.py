"""Responses: their headers encoded once, their errors in the specification's JSON."""

import re

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.errors import RegistryError
from registry_app.headers import Preconditions
from registry_app.routes.service import Query
from registry_app.transport import FastResponse, StillTrue, prepare

Header = tuple[str, str]

COMMON: tuple[Header, ...] = (
    # Docker tells by it that this is a registry of version 2.
    ("Docker-Distribution-Api-Version", "registry/2.0"),
    # What was pushed is never taken for something else than it was pushed as.
    ("X-Content-Type-Options", "nosniff"),
)
JSON: Header = ("Content-Type", "application/json")

_NAMESPACE = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})(?::\d{1,5})?(?:/[a-z0-9._/-]{0,255})?", re.ASCII
)


def answer(
    status: int,
    headers: list[Header] | tuple[Header, ...] = (),
    body: bytes | None = None,
    still_true: StillTrue | None = None,
) -> HTTPResponse:
    """Return a response; a Content-Length is added from ``body``.

    With ``still_true`` the same request may be answered with it again, for as long as that says so.
    """
    return FastResponse(body, status, prepare((*COMMON, *headers)), still_true)


def answer_head(
    status: int, headers: list[Header], length: int, still_true: StillTrue | None = None
) -> HTTPResponse:
    """Return the answer to HEAD: the headers of a body of ``length`` bytes, without it."""
    response = FastResponse(None, status, prepare((*COMMON, *headers)), still_true)
    response.headers["content-length"] = length
    return response


def answer_error(error: RegistryError) -> HTTPResponse:
    """Return the response for an error."""
    return answer(error.status, (JSON, *error.headers), error.body())


def preconditions(request: Request) -> Preconditions:
    """Return the conditions under which a client wants its request to be served."""
    headers = request.headers
    return Preconditions(tuple(headers.getall("if-match", ())), tuple(headers.getall("if-none-match", ())))


def namespace(query: Query) -> list[Header]:
    """Return the header that confirms whom a client took this registry for: ``ns=mcr.microsoft.com``.

    OCI spec, "Registry proxying": a client that was told to use another host instead says so, and is told
    back.
    """
    value = query.one("ns")
    return [("OCI-Namespace", value)] if value is not None and _NAMESPACE.fullmatch(value) else []
