"""Who sent a request: credentials in, a caller out. No HTTP beyond the text of one header."""

import time
from collections import OrderedDict
from collections.abc import Callable

from registry_app.auth.access import ANYBODY, Caller
from registry_app.auth.credentials import Basic, CredentialsMalformed, read_authorization
from registry_app.auth.passwords import Passwords
from registry_app.auth.token import Token, TokenInvalid, TokenSigner

REMEMBERED = 4096
"""How many tokens are remembered as verified, so that a pull of many layers verifies its token once."""


class LoginFailed(Exception):
    """The credentials are no good. The message says as much of an unknown user as of a wrong password."""

    def __init__(self, message: str, user: str | None = None) -> None:
        super().__init__(message)
        self.user = user
        """The user in whose name they came, if there is such a user: people also type passwords there."""


class LoginThrottled(LoginFailed):
    """There were too many wrong passwords; nobody looked at this one."""

    def __init__(self, user: str | None, seconds: int) -> None:
        super().__init__(f"too many tries; try again in {seconds} seconds", user)
        self.seconds = seconds


class Identity:
    """Knows users by their password, and tokens that were issued here."""

    def __init__(
        self, passwords: Passwords, signer: TokenSigner, clock: Callable[[], float] = time.time
    ) -> None:
        self.passwords = passwords
        self.signer = signer
        self._clock = clock
        self._tokens: OrderedDict[str, Token] = OrderedDict()

    async def of(self, header: str | None, address: str) -> Caller:
        """Return who sends ``header`` from ``address``; raises `LoginFailed` or `LoginThrottled`."""
        if header is None:
            return ANYBODY
        try:
            credentials = read_authorization(header)
        except CredentialsMalformed as error:
            raise LoginFailed(str(error)) from error
        if isinstance(credentials, Basic):
            await self.log_in(credentials.user, credentials.password, address)
            return Caller(credentials.user)
        token = self._verified(credentials.token)
        if token.user is not None and self.passwords.users.mark(token.user) != token.mark:
            raise LoginFailed("the password has changed since this token was issued")
        return Caller(token.user, token.scopes)

    async def log_in(self, user: str, password: str, address: str) -> None:
        """Return if ``password`` is the user's; raises `LoginFailed` or `LoginThrottled`."""
        verdict = await self.passwords.verify(user, password, address)
        known = user if user in self.passwords.users.hashes else None
        if verdict.retry_after:
            raise LoginThrottled(known, verdict.retry_after)
        if not verdict.accepted:
            raise LoginFailed("unknown user or wrong password", known)

    def _verified(self, text: str) -> Token:
        known = self._tokens.get(text)
        if known is not None and known.expires > self._clock():
            return known
        try:
            token = self.signer.verify(text)
        except TokenInvalid as error:
            raise LoginFailed(f"the token is {error}") from error
        self._tokens[text] = token
        if len(self._tokens) > REMEMBERED:
            self._tokens.popitem(last=False)
        return token
