"""Short-lived, signed proof that a log-in happened, and what it was for: JSON Web Tokens with HMAC-SHA256.

The registry issues them to itself, so one symmetric key is enough, and the standard library does the signing.
The key is random and lives with the process, or comes from a file if tokens must outlive a restart or several
processes serve one address. RFC 7519 (claims), RFC 7515 (signature); the ``access`` claim is that of
https://distribution.github.io/distribution/spec/auth/jwt/.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry_app.auth.rules import ACTIONS
from registry_app.auth.scope import Scopes

LIFETIME: Final = 300
"""Seconds. A push that takes longer asks for a new token on its own."""

MINIMUM_KEY: Final = 32
"""Bytes, the size of the hash (RFC 7518, section 3.2)."""


class TokenInvalid(Exception):
    """The token is not ours, not whole, or its time is over."""


@dataclass(frozen=True)
class Token:
    """Who logged in (None: nobody, an anonymous token), for what, and until when."""

    user: str | None
    scopes: Scopes
    expires: int
    mark: str | None = None
    """`Htpasswd.mark` of the user at the time: the token ends when the password changes."""


class TokenSigner:
    """Issues tokens and knows its own again."""

    def __init__(self, key: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self._key = key or secrets.token_bytes(MINIMUM_KEY)
        self._clock = clock

    def issue(self, user: str | None, mark: str | None, scopes: Scopes, audience: str) -> str:
        """Return a signed token for ``scopes``, good for `LIFETIME` seconds."""
        now = int(self._clock())
        claims = {
            "iss": "registry-lab",
            "aud": audience,
            "sub": user or "",
            "mark": mark,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_hex(8),
            "access": _access(scopes),
        }
        signed = f"{_HEADER}.{_encode(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{_encode(self._signature(signed))}"

    def verify(self, text: str) -> Token:
        """Return what the token says; raises `TokenInvalid`."""
        signed, _, signature = text.rpartition(".")
        header, _, payload = signed.partition(".")
        # The header is compared, not read: no other algorithm can be talked into.
        if header != _HEADER or not hmac.compare_digest(_decode(signature), self._signature(signed)):
            raise TokenInvalid("not signed here")
        claims = json.loads(_decode(payload))
        if claims["exp"] <= self._clock():
            raise TokenInvalid("expired")
        return Token(claims["sub"] or None, _scopes(claims["access"]), claims["exp"], claims["mark"])

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode("ascii", "replace"), "sha256")


def read_key(path: str) -> bytes:
    """Return the signing key in the file ``path``, made there if there is none yet.

    Raises `ValueError` if it is too short to be one, or (where the system can say) readable by others.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(MINIMUM_KEY))
    with open(path, "rb") as file:
        key, mode = file.read(), os.fstat(file.fileno()).st_mode
    if len(key) < MINIMUM_KEY:
        raise ValueError(f"{path}: a token key has at least {MINIMUM_KEY} bytes, this has {len(key)}")
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ValueError(
            f"{path}: the token key can be read by others (mode {stat.S_IMODE(mode):o}); make it 600"
        )
    return key


def _access(scopes: Scopes) -> list[dict[str, object]]:
    access: list[dict[str, object]] = [
        {"type": "repository", "name": name, "actions": [action for action in ACTIONS if action in actions]}
        for name, actions in scopes.repositories.items()
    ]
    return [*access, {"type": "registry", "name": "catalog", "actions": ["*"]}] if scopes.catalog else access


def _scopes(access: list[dict[str, object]]) -> Scopes:
    return Scopes.parse(
        f"{row['type']}:{row['name']}:{','.join(map(str, _list(row['actions'])))}" for row in access
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise TokenInvalid("not a token") from error


_HEADER: Final = _encode(b'{"alg":"HS256","typ":"JWT"}')
