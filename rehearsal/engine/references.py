"""Image references: ``[registry/]repository[:tag][@digest]`` (github.com/distribution/reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

DEFAULT_REGISTRY = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255


class InvalidReference(ValueError):
    """The text is no reference; the message is docker's."""


@dataclass(frozen=True)
class Reference:
    """A parsed reference; ``registry`` is ``docker.io`` unless it was named."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that ``text`` spells, or raise `InvalidReference`."""
        if _HEX_ID.fullmatch(text):
            raise InvalidReference(
                f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )
        rest, at, digest = text.partition("@")
        if at and _DIGEST.fullmatch(digest) is None:
            raise InvalidReference("invalid reference format")
        registry, remainder = _split_registry(rest)
        repository, colon, tag = remainder.partition(":")
        if repository.lower() != repository:
            raise InvalidReference(
                f"invalid reference format: repository name ({repository}) must be lowercase"
            )
        valid = _REPOSITORY.fullmatch(repository) and (not colon or _TAG.fullmatch(tag))
        if not valid or _DOMAIN.fullmatch(registry) is None:
            raise InvalidReference("invalid reference format")
        if len(repository) > _LONGEST_NAME:
            raise InvalidReference(f"repository name must not be more than {_LONGEST_NAME} characters")
        return cls(registry, repository, tag, digest)

    def tagged(self) -> Self:
        """Return the reference with ``latest`` if it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")

    @property
    def name(self) -> str:
        """The repository as docker shows it, without what goes without saying."""
        if self.registry != DEFAULT_REGISTRY:
            return f"{self.registry}/{self.repository}"
        return self.repository.removeprefix("library/")

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    registry, remainder = (first, rest) if named else (DEFAULT_REGISTRY, text)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in remainder:
        remainder = f"library/{remainder}"
    return registry, remainder
