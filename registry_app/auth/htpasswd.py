"""User names and their bcrypt hashes, in the file format of Apache's ``htpasswd``.

Only bcrypt is taken (``htpasswd -B``), as in the reference registry; but a hash of another kind is refused by
line and user, where the reference registry silently lets that user fail for ever.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import bcrypt

from registry_app.auth.watched import decode

_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")

MAXIMUM_COST = 16
"""Each step doubles the work; at 16 one log-in already keeps a processor busy for seconds."""

MAXIMUM_PASSWORD = 72
"""bcrypt looks at this many bytes and no further (as Apache's ``htpasswd -B`` does)."""

_OTHER_KINDS = (
    (re.compile(r"\$apr1\$"), "an Apache MD5 hash"),
    (re.compile(r"\$1\$"), "an MD5 crypt hash"),
    (re.compile(r"\$5\$"), "a SHA-256 crypt hash"),
    (re.compile(r"\$6\$"), "a SHA-512 crypt hash"),
    (re.compile(r"\$2[a-z]?\$"), "a damaged bcrypt hash"),
    (re.compile(r"\{SHA\}"), "a SHA-1 hash"),
    (re.compile(r"[./A-Za-z0-9]{13}\Z"), "a DES crypt hash, or a password in clear text,"),
)


class HtpasswdInvalid(ValueError):
    """The file cannot be used; the message names line and user, and never shows a hash."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"htpasswd line {line}: {what}")


@dataclass(frozen=True)
class Htpasswd:
    """Users and their hashes, in the order of the file."""

    hashes: Mapping[str, bytes]
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False, compare=False)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return what the file ``raw`` says; raises `HtpasswdInvalid`, or `ValueError` if it is not text."""
        hashes: dict[str, bytes] = {}
        for number, line in enumerate(decode(raw).splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            user, colon, hashed = text.partition(":")
            if not colon or not user:
                raise HtpasswdInvalid(number, "not of the form user:hash")
            if user in hashes:
                raise HtpasswdInvalid(number, f"user {user!r} is there already")
            hashes[user] = _checked(number, user, hashed)
        return cls(hashes)

    def verify(self, user: str, password: str) -> bool:
        """Return whether ``password`` is the user's. Takes as long for a user who does not exist.

        Slow on purpose (some 60 ms at cost 10, 250 ms at cost 12): not for the event loop.
        """
        hashed = self.hashes.get(user)
        candidate = password.encode()[:MAXIMUM_PASSWORD]
        usable = b"\0" not in candidate  # bcrypt's C implementations end a password there
        matches = bcrypt.checkpw(candidate if usable else b"", hashed or self._decoy(user))
        return matches and usable and hashed is not None

    def mark(self, user: str) -> str | None:
        """Return a short text that changes with the user's hash; None if there is no such user.

        Tokens carry it, so that they end when the password changes. It tells nothing about the hash.
        """
        hashed = self.hashes.get(user)
        return None if hashed is None else hashlib.sha256(b"registry token\0" + hashed).hexdigest()[:16]

    def _decoy(self, user: str) -> bytes:
        """A hash that no password fits, of a cost that real users here have; the same for the same name."""
        costs = [hashed[:7] for hashed in self.hashes.values()] or [b"$2b$10$"]
        digest = hashlib.blake2b(
            user.encode("utf-8", "surrogateescape"), key=self._key, digest_size=8
        ).digest()
        return costs[int.from_bytes(digest, "big") % len(costs)] + b"." * 53


def _checked(line: int, user: str, hashed: str) -> bytes:
    match = _BCRYPT.fullmatch(hashed)
    if match is None:
        kind = next(
            (kind for pattern, kind in _OTHER_KINDS if pattern.match(hashed)), "no hash that is known here"
        )
        raise HtpasswdInvalid(line, f"user {user!r} has {kind}; only bcrypt is verified (htpasswd -B)")
    if not 4 <= int(match["cost"]) <= MAXIMUM_COST:
        raise HtpasswdInvalid(line, f"user {user!r} has bcrypt cost {match['cost']}, not 4 to {MAXIMUM_COST}")
    return hashed.encode()
