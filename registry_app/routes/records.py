"""What the audit log gets to know of a request: taken from the request and its answer, after the fact."""

import asyncio
import re
from typing import Final

from sanic import Request
from sanic.response import BaseHTTPResponse, HTTPResponse

from registry_app.auth.access import Caller
from registry_app.auth.audit import AuditLog, Entry
from registry_app.auth.identity import LoginFailed
from registry_app.errors import RegistryError
from registry_app.reference import Digest
from registry_app.routes.addresses import Address, Resource
from registry_app.transport import FastResponse
from registry_app.transport.cycle import http_of

_RESULTS: Final = {401: "unauthorized", 403: "denied", 429: "throttled"}
_DIGEST = re.compile(rb"Docker-Content-Digest: ([a-z0-9]+:[0-9a-f]+)")


class Records:
    """Writes a line for each request to ``log``; to nothing if it is None."""

    def __init__(self, log: AuditLog | None) -> None:
        self._log = log

    def request(
        self,
        request: Request,
        address: Address,
        caller: Caller,
        response: HTTPResponse | None,
        failure: BaseException | None,
    ) -> None:
        """Record a request for a resource of the registry; not one that only asks whether it is there."""
        if self._log is None:
            return
        greeting = address.resource is Resource.BASE
        if greeting and "authorization" not in request.headers:
            return
        sent = (response or http_of(request).response) if failure is None else None
        status = _status(sent, failure)
        self._log.write(
            Entry(
                action=_action(request, address),
                result=_result(status, failure),
                status=status,
                address=client_address(request),
                user=caller.user or _claimed(failure),
                method=request.method,
                repository=address.repository.name or None,
                reference=_reference(address),
                digest=_digest(address, sent),
                size=_size(request, sent),
            )
        )

    def login(self, request: Request, user: str | None, failure: RegistryError | None) -> None:
        """Record a request for a token."""
        if self._log is None:
            return
        status = 200 if failure is None else failure.status
        known = user if failure is None else _claimed(failure)
        self._log.write(
            Entry("login", _result(status, failure), status, client_address(request), known, request.method)
        )

    def close(self) -> None:
        """Write what waits."""
        if self._log is not None:
            self._log.close()


def client_address(request: Request) -> str:
    """Return the address of the client; an IPv4 address as such, though the socket speaks both versions."""
    return request.ip.removeprefix("::ffff:")


def _action(request: Request, address: Address) -> str:
    match address.resource:
        case Resource.BASE:
            return "login"
        case Resource.CATALOG:
            return "list"
        case Resource.TAGS | Resource.REFERRERS:
            return "list"
        case Resource.UPLOADS if "mount=" in request.query_string:
            return "mount"
        case Resource.UPLOADS | Resource.UPLOAD:
            return "push"
        case _:
            return {"PUT": "push", "DELETE": "delete"}.get(request.method, "pull")


def _status(sent: BaseHTTPResponse | None, failure: BaseException | None) -> int:
    if isinstance(failure, RegistryError):
        return failure.status
    if failure is not None:
        return 500
    return sent.status if sent is not None else 200


def _result(status: int, failure: BaseException | None) -> str:
    if isinstance(failure, asyncio.CancelledError):
        return "broken"
    return "ok" if status < 400 else _RESULTS.get(status, "failed")


def _claimed(failure: BaseException | None) -> str | None:
    """The user in whose name a wrong password came."""
    cause = failure.__cause__ if failure is not None else None
    return cause.user if isinstance(cause, LoginFailed) else None


def _reference(address: Address) -> str | None:
    """Tag or digest as it was asked for; an upload's identifier is neither."""
    named = address.resource in (Resource.BLOB, Resource.MANIFEST, Resource.REFERRERS)
    return address.last if named else None


def _digest(address: Address, sent: BaseHTTPResponse | None) -> str | None:
    if isinstance(sent, FastResponse) and (match := _DIGEST.search(b": ".join(sent.prepared))):
        return match[1].decode()
    return address.last if ":" in address.last and _is_digest(address.last) else None


def _is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except RegistryError:
        return False
    return True


def _size(request: Request, sent: BaseHTTPResponse | None) -> int | None:
    """The length of the content that came or went, in bytes."""
    body = http_of(request).body
    if body is not None:
        return body.received
    if request.method != "GET" or sent is None:
        return None
    length = sent.headers.get("content-length")
    return int(length) if length is not None else len(sent.body or b"")
