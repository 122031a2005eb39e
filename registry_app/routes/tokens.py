"""The token endpoint: ``GET`` with Basic credentials or none, ``POST`` with an OAuth 2 password grant.

https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/. Docker, crane and skopeo use the
first, containerd the second. No refresh tokens are issued: a stolen one would last, and clients keep the
password anyway.
"""

import json
import time
from urllib.parse import parse_qsl

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.auth.credentials import Basic, CredentialsMalformed, read_authorization
from registry_app.auth.identity import Identity, LoginFailed, LoginThrottled
from registry_app.auth.scope import Scopes
from registry_app.auth.token import LIFETIME
from registry_app.errors import RegistryError, RequestInvalid, Unauthorized, Unsupported
from registry_app.routes.answers import JSON, Header, answer
from registry_app.routes.gate import Gate, throttled
from registry_app.routes.records import client_address
from registry_app.routes.service import Query
from registry_app.transport import BodyTooLarge, small_body

_LARGEST_FORM = 16384
_NOT_STORED: Header = ("Cache-Control", "no-store")


async def issue_token(gate: Gate, identity: Identity, request: Request) -> HTTPResponse:
    """Answer with a token for the part of the scopes asked for that the rules allow."""
    user: str | None = None
    credentials: Basic | None
    try:
        if request.method == "POST":
            credentials, asked = await _form(request)
        elif request.method == "GET":
            credentials, asked = _basic(request), Scopes.parse(Query(request).all("scope"))
        else:
            raise Unsupported(headers=[("Allow", "GET, POST")])
        user = credentials.user if credentials else None
        await _log_in(gate, identity, request, credentials)
    except RegistryError as error:
        gate.records.login(request, user, error)
        raise
    gate.records.login(request, user, None)
    return _answer(gate, identity, request, user, asked)


async def _log_in(gate: Gate, identity: Identity, request: Request, credentials: Basic | None) -> None:
    """Raise `Unauthorized` or `TooManyRequests` unless this is a user, or nobody where anybody is welcome."""
    challenge = ("WWW-Authenticate", str(gate.basic))
    if credentials is None:
        if not gate.access.anonymous:
            raise Unauthorized(headers=[challenge])
        return
    try:
        await identity.log_in(credentials.user, credentials.password, client_address(request))
    except LoginThrottled as error:
        raise throttled(error) from error
    except LoginFailed as error:
        raise Unauthorized(str(error), headers=[challenge]) from error


def _answer(
    gate: Gate, identity: Identity, request: Request, user: str | None, asked: Scopes
) -> HTTPResponse:
    granted = gate.access.grant(user, asked)
    mark = identity.passwords.users.mark(user) if user is not None else None
    token = identity.signer.issue(user, mark, granted, gate.service_name(request))
    issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = {
        "token": token,
        "access_token": token,
        "expires_in": LIFETIME,
        "issued_at": issued,
        "scope": str(granted),
    }
    return answer(200, (JSON, _NOT_STORED), json.dumps(document, separators=(",", ":")).encode())


def _basic(request: Request) -> Basic | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    try:
        credentials = read_authorization(header)
    except CredentialsMalformed as error:
        raise RequestInvalid(str(error)) from error
    if not isinstance(credentials, Basic):
        raise RequestInvalid("a token is issued for user and password, not for a token")
    return credentials


async def _form(request: Request) -> tuple[Basic, Scopes]:
    """The password grant of RFC 6749, section 4.3.2."""
    try:
        body = await small_body(request, _LARGEST_FORM)
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50))
    except (BodyTooLarge, ValueError) as error:
        raise RequestInvalid("the form cannot be read") from error
    if form.get("grant_type") != "password":
        raise RequestInvalid("unsupported grant_type; supported is password")
    return Basic(form.get("username", ""), form.get("password", "")), Scopes.parse([form.get("scope", "")])
