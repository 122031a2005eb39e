"""The registry's users as an htpasswd file, worked out on the operator's side. Pure, but for bcrypt's salt.

A hash that is there and fits is kept: bcrypt never gives the same hash twice, and a file that changes with
every run would be uploaded, and reported as a change, with every run.
"""

from collections.abc import Mapping

import bcrypt

COST = 10
"""About 60 ms a log-in on a slow core; the least that OWASP's password storage cheat sheet takes."""

MAXIMUM_PASSWORD = 72
"""Bytes. bcrypt looks at no more, so a longer one would promise what it does not keep."""


def user_problems(name: str) -> str | None:
    """Return what is wrong with ``name`` as a user's name; None if nothing is."""
    if not name or name != name.strip():
        return "a user's name is not empty, and neither begins nor ends with a blank"
    if ":" in name or not name.isprintable():
        return "no colon and no control character in a user's name (both end it in htpasswd and in HTTP)"
    if name.startswith(("#", "@")):
        return "a user's name begins neither with # (a comment in htpasswd) nor with @ (a group in the rules)"
    return None


def password_problems(password: str) -> str | None:
    """Return what is wrong with ``password``, without showing it; None if nothing is."""
    if not password:
        return "the password is empty"
    if len(password.encode()) > MAXIMUM_PASSWORD:
        return f"the password is longer than {MAXIMUM_PASSWORD} bytes, and bcrypt looks at no more"
    if not password.isprintable():
        return "the password has a line end or another control character, which no log-in can send"
    return None


class Hashes:
    """Hashes of passwords, worked out once a run however many hosts have the same users."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def hash(self, user: str, password: str, kept: str | None) -> str:
        """Return a hash of the password: ``kept`` if it fits, else the one of this run, or a new one."""
        secret, key = password.encode(), (user, password)
        known = self._known.get(key)
        if kept is not None and kept != known and not _fits(secret, kept):
            kept = None
        found = kept or known or bcrypt.hashpw(secret, bcrypt.gensalt(COST)).decode()
        self._known.setdefault(key, found)
        return found


def render_htpasswd(passwords: Mapping[str, str], existing: str = "", hashes: Hashes | None = None) -> str:
    """Return the file for these users, sorted by name; hashes of ``existing`` that still fit are kept."""
    hashes = hashes or Hashes()
    kept = dict(line.strip().split(":", 1) for line in existing.splitlines() if ":" in line)
    return "".join(
        f"{name}:{hashes.hash(name, passwords[name], kept.get(name))}\n" for name in sorted(passwords)
    )


def _fits(secret: bytes, kept: str) -> bool:
    return _cost(kept) >= COST and bcrypt.checkpw(secret, kept.encode())


def _cost(hashed: str) -> int:
    """The cost of a bcrypt hash; 0 for what is none, or cut off."""
    parts = hashed.split("$")
    whole = len(hashed) == 60 and len(parts) == 4 and parts[1] in ("2a", "2b", "2y") and parts[2].isdecimal()
    return int(parts[2]) if whole else 0
