"""The gate in front of the handlers: who is it, may they, and what is written down about it.

With neither users nor an audit log there is no gate, and a request costs nothing more.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

from sanic import Request
from sanic.response import HTTPResponse

from registry_app.auth.access import ANYBODY, Access, Caller, Decision, Permit
from registry_app.auth.audit import AuditLog
from registry_app.auth.challenge import BasicChallenge, BearerChallenge
from registry_app.auth.htpasswd import Htpasswd
from registry_app.auth.identity import Identity, LoginFailed, LoginThrottled
from registry_app.auth.passwords import Passwords
from registry_app.auth.rules import Action, Rules
from registry_app.auth.scope import NOTHING, Scopes
from registry_app.auth.throttle import Limits, Throttle
from registry_app.auth.token import TokenSigner, read_key
from registry_app.auth.watched import WatchedFile
from registry_app.errors import Denied, RegistryError, TooManyRequests, Unauthorized
from registry_app.routes.addresses import Address, Resource
from registry_app.routes.answers import Header
from registry_app.routes.records import Records, client_address
from registry_app.routes.service import Query, Service
from registry_app.settings import Settings

log = logging.getLogger("registry")

Handler = Callable[[Service, Request, Address], Awaitable[HTTPResponse | None]]

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?", re.ASCII)


class Gate:
    """Decides about each request; raises the specification's errors."""

    def __init__(self, settings: Settings, token_key: bytes | None = None) -> None:
        self._settings = settings
        self._rules = WatchedFile(settings.rules, Rules.parse) if settings.rules else None
        self.identity = _identity(settings, token_key)
        self.basic = BasicChallenge(settings.realm)
        self.records = Records(AuditLog(settings.audit) if settings.audit else None)
        self._access = Access(self._rules.current() if self._rules else None)
        if self.identity is not None and self._access.rules is not None:
            for name in self._access.rules.unknown(self.identity.passwords.users.hashes):
                log.warning("%s: there is no user %r", settings.rules, name)

    @property
    def access(self) -> Access:
        """What is allowed now."""
        rules = self._rules.current() if self._rules else None
        if rules is not self._access.rules:
            self._access = Access(rules)
        return self._access

    async def serve(
        self, handler: Handler, service: Service, request: Request, address: Address
    ) -> HTTPResponse | None:
        """Answer with ``handler`` if the request may pass."""
        caller, response, failure = ANYBODY, None, None
        try:
            caller = await self.caller(request)
            if self.identity is not None:
                self._authorize(request, address, caller)
                request.ctx.permit = Permit(self.access, caller)
            response = await handler(service, request, address)
        except (Exception, asyncio.CancelledError) as error:
            failure = error
            raise
        finally:
            self.records.request(request, address, caller, response, failure)
        return response

    async def caller(self, request: Request) -> Caller:
        """Return who sent the request; raises `Unauthorized` or `TooManyRequests`."""
        if self.identity is None:
            return ANYBODY
        try:
            return await self.identity.of(request.headers.get("authorization"), client_address(request))
        except LoginThrottled as error:
            raise throttled(error) from error
        except LoginFailed as error:
            raise Unauthorized(str(error), headers=[self._challenge(request, NOTHING)]) from error

    def token_url(self, request: Request) -> str:
        """Return where tokens are issued, as this client reaches the registry."""
        base = self._settings.host or f"{self._settings.scheme}://{self.service_name(request)}"
        return f"{base}{self._settings.prefix}token"

    def service_name(self, request: Request) -> str:
        """Return what the client calls this registry."""
        host = request.headers.get("host", "")
        if _HOST.fullmatch(host):
            return host
        name, port = self._settings.address
        return f"{name or 'localhost'}:{port}"

    @property
    def offers_tokens(self) -> bool:
        """Whether clients are sent to the token endpoint. Without rules Basic does, as in the lab."""
        return self._settings.challenge == "bearer" or (
            self._settings.challenge is None and self._rules is not None
        )

    def close(self) -> None:
        """Write the last records and end the threads."""
        self.records.close()
        if self.identity is not None:
            self.identity.passwords.close()

    def _authorize(self, request: Request, address: Address, caller: Caller) -> None:
        decision, wanted = self._decide(request, address, caller)
        if decision is Decision.ALLOW:
            return
        if decision is Decision.DENY:
            raise Denied(detail=_detail(wanted))
        challenge = self._challenge(request, wanted, sent_token=caller.scopes is not None)
        raise Unauthorized(detail=_detail(wanted), headers=[challenge])

    def _decide(self, request: Request, address: Address, caller: Caller) -> tuple[Decision, Scopes]:
        """Return the decision, and the scopes that a token would need to make it another one."""
        access = self.access
        if address.resource is Resource.BASE:
            # Docker learns here how to log in: whoever has not must be asked, even if pulls are free.
            known = caller.user is not None or caller.scopes is not None
            return (Decision.ALLOW if known else Decision.LOGIN), NOTHING
        if address.resource is Resource.CATALOG:
            return access.may_list(caller), Scopes(catalog=True)
        name, action = address.repository.name, action_of(request.method, address.resource)
        wanted: list[tuple[Action, str]] = [("pull", name)] if action == "push" else []
        wanted.append((action, name))
        decision = access.may(caller, action, name)
        if address.resource is Resource.UPLOADS and (source := _source(request)) is not None:
            mount = access.may(caller, "pull", source)
            if mount in (Decision.ALLOW, Decision.WIDEN):
                wanted.append(("pull", source))
            if decision is Decision.ALLOW and mount is Decision.WIDEN:
                decision = Decision.WIDEN
        return decision, Scopes.of(*wanted)

    def _challenge(self, request: Request, wanted: Scopes, *, sent_token: bool = False) -> Header:
        if self.offers_tokens:
            url, service = self.token_url(request), self.service_name(request)
            return "WWW-Authenticate", str(BearerChallenge(url, service, wanted, insufficient=sent_token))
        return "WWW-Authenticate", str(self.basic)


def action_of(method: str, resource: Resource) -> Action:
    """Return what a request does to its repository. Cancelling an upload is part of pushing."""
    if resource in (Resource.UPLOADS, Resource.UPLOAD):
        return "push"
    actions: dict[str, Action] = {"DELETE": "delete", "PUT": "push"}
    return actions.get(method, "pull")


def _detail(wanted: Scopes) -> list[dict[str, str]] | None:
    """Return what was refused, as the reference registry says it.

    Not only for people: without any detail Docker does not know the error again, and tries five times more.
    """
    resources: list[tuple[str, str, str]] = [
        ("repository", name, action) for name, actions in wanted.repositories.items() for action in actions
    ]
    resources += [("registry", "catalog", "*")] if wanted.catalog else []
    return [
        {"Type": kind, "Class": "", "Name": name, "Action": action}
        for kind, name, action in sorted(resources)
    ] or None


def throttled(error: LoginThrottled) -> RegistryError:
    """Return the answer to one password too many."""
    return TooManyRequests(str(error), headers=[("Retry-After", str(error.seconds))])


def open_gate(settings: Settings, token_key: bytes | None = None) -> Gate | None:
    """Return the gate that the settings ask for. Raises OSError or ValueError if their files make none.

    ``token_key`` signs tokens; without it, the key of the file that the settings name, or one of its own.
    """
    return Gate(settings, token_key) if settings.htpasswd or settings.audit else None


def _identity(settings: Settings, token_key: bytes | None) -> Identity | None:
    if settings.htpasswd is None:
        return None
    if token_key is None and settings.token_key is not None:
        token_key = read_key(settings.token_key)
    signer = TokenSigner(token_key)
    throttle = Throttle(Limits().shared_by(settings.workers))
    return Identity(Passwords(WatchedFile(settings.htpasswd, Htpasswd.parse), throttle), signer)


def _source(request: Request) -> str | None:
    """The repository that a blob is to be mounted from."""
    if not request.query_string:
        return None
    query = Query(request)
    return query.one("from") if query.one("mount") is not None else None
