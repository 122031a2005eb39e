"""Allowed, denied, or log in first: the decision about one request. Pure: no request, no file, no clock.

Decided from names alone and before the storage is looked at, so an answer cannot tell what exists: for
whoever is not logged in every repository out of reach is answered like one that is not there (401), and for
whoever is logged in likewise (403 DENIED). OCI spec, "Error Codes": UNAUTHORIZED is for a missing log-in,
DENIED for a log-in that may not. A 404 instead would be just as silent, but it would tell a student with a
mistyped rule nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from registry_app.auth.rules import ACTIONS, Action, Rules
from registry_app.auth.scope import Scopes


class Decision(Enum):
    """What to answer."""

    ALLOW = "allowed"
    LOGIN = "log in first"
    DENY = "denied"
    WIDEN = "the token is for something else"
    """Who sent it may do this, but asked for a token for less: fetch another one."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    user: str | None = None
    """None: not logged in."""
    scopes: Scopes | None = None
    """What the token is for; None if the request came without a token, and is limited by the rules alone."""


ANYBODY = Caller()


@dataclass(frozen=True)
class Access:
    """The rules, or None: then whoever logs in may do everything, and nobody else anything."""

    rules: Rules | None

    def may(self, caller: Caller, action: Action, repository: str) -> Decision:
        """Decide about one action on one repository."""
        if not self._allows(caller.user, action, repository):
            return Decision.LOGIN if caller.user is None else Decision.DENY
        if caller.scopes is not None and not caller.scopes.include(action, repository):
            return Decision.WIDEN
        return Decision.ALLOW

    def may_list(self, caller: Caller) -> Decision:
        """Decide about the catalog; `sees` says which repositories are in it."""
        if caller.user is None and not self.anonymous:
            return Decision.LOGIN
        return Decision.WIDEN if caller.scopes is not None and not caller.scopes.catalog else Decision.ALLOW

    def sees(self, caller: Caller) -> Callable[[str], bool]:
        """Return whether a repository of that name may be shown to the caller."""
        if self.rules is None:
            return lambda _: caller.user is not None
        return self.rules.filter(caller.user, "pull")

    def grant(self, user: str | None, asked: Scopes) -> Scopes:
        """Return the part of ``asked`` that ``user`` gets: what a token is issued for."""
        granted = {
            name: frozenset(
                action for action in ACTIONS if action in actions and self._allows(user, action, name)
            )
            for name, actions in asked.repositories.items()
        }
        catalog = asked.catalog and (user is not None or self.anonymous)
        return Scopes({name: actions for name, actions in granted.items() if actions}, catalog)

    @property
    def anonymous(self) -> bool:
        """Whether anything at all is allowed without a log-in."""
        return self.rules is not None and self.rules.anonymous

    def _allows(self, user: str | None, action: Action, repository: str) -> bool:
        return user is not None if self.rules is None else self.rules.allows(user, action, repository)


@dataclass(frozen=True)
class Permit:
    """What a request that was let in may do further on: see repositories, take blobs from others."""

    access: Access | None
    """None: there is no log-in here, and everybody may do everything."""
    caller: Caller = ANYBODY

    @property
    def sees(self) -> Callable[[str], bool] | None:
        """Says of a repository's name whether it may be shown; None if all may."""
        return None if self.access is None or self.access.rules is None else self.access.sees(self.caller)

    def mounts_from(self, repository: str | None) -> bool:
        """Return whether a blob may be taken from ``repository``; None means from wherever it is.

        From wherever it is would tell, and give, what rules hide: where there are rules a source is named.
        """
        if self.access is None or self.access.rules is None:
            return True
        return repository is not None and self.access.may(self.caller, "pull", repository) is Decision.ALLOW


UNLIMITED = Permit(None)
