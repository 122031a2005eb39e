"""The names of things: repository, tag, digest. Text is parsed here once; afterwards a `Digest` is a
`Digest`.

Grammar: OCI distribution specification, "Pulling manifests" (name and tag), and image specification,
"Digests". Parsing is the only way in, so no name that reaches the storage can leave its directory.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from registry_app.errors import DigestInvalid, NameInvalid, TagInvalid

NAME_LENGTH = 255
"""Longest name of a repository, in characters (the specification's advice, and the reference registry's
limit).
"""

# Possessive in effect: every alternative starts with a character that the one before cannot hold, so no
# back-tracking.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[A-Za-z0-9=_-]+)", re.ASCII)
_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "sha512": re.compile(r"[0-9a-f]{128}")}

ALGORITHMS = tuple(_HEX)
"""Digest algorithms this registry can verify; the first is the one it uses when a client names none."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The name of a repository, for example ``labs/hello-world``."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the repository that ``text`` names, or raise `NameInvalid`."""
        # The length first: matching a hostile kilobyte costs more than refusing it.
        if len(text) > NAME_LENGTH:
            raise NameInvalid(f"repository name longer than {NAME_LENGTH} characters")
        if _NAME.fullmatch(text) is None:
            raise NameInvalid(detail={"name": text})
        return cls(text)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the repository that a directory's name stands for; None if it stands for none."""
        return cls(text) if len(text) <= NAME_LENGTH and _NAME.fullmatch(text) else None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a repository, for example ``v1.0``."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the tag that ``text`` spells, or raise `TagInvalid`."""
        if _TAG.fullmatch(text) is None:
            raise TagInvalid(detail={"tag": text[:200]})
        return cls(text)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the tag that a directory's name stands for; None if it stands for none."""
        return cls(text) if _TAG.fullmatch(text) else None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest this registry can verify, for example ``sha256:e3b0c442…``."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the digest that ``text`` spells, or raise `DigestInvalid`."""
        match = _DIGEST.fullmatch(text) if len(text) <= NAME_LENGTH else None
        if match is None:
            raise DigestInvalid("malformed digest", detail={"digest": text[:200]})
        pattern = _HEX.get(match["algorithm"])
        if pattern is None:
            known = ", ".join(ALGORITHMS)
            raise DigestInvalid(
                f"unknown digest algorithm; this registry knows {known}", detail={"digest": text}
            )
        if pattern.fullmatch(match["encoded"]) is None:
            raise DigestInvalid("malformed digest", detail={"digest": text})
        return cls(match["algorithm"], match["encoded"])

    @classmethod
    def of(cls, content: bytes, algorithm: str = ALGORITHMS[0]) -> Self:
        """Return the digest of ``content``."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


Reference = Tag | Digest
"""What a manifest can be asked for by."""


def parse_reference(text: str) -> Reference:
    """Return the tag or digest that ``text`` spells; raise `DigestInvalid` or `TagInvalid`.

    A colon cannot be part of a tag, so what has one was meant as a digest.
    """
    return Digest.parse(text) if ":" in text else Tag.parse(text)
