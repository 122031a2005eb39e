"""What a token is for: resources and the actions on them, in the words of the token protocol.

https://distribution.github.io/distribution/spec/auth/scope/: ``repository:labs/hello:pull,push``, several of
them separated by blanks or given as several ``scope`` parameters. Resource types and actions that mean
nothing here are passed over, as that page asks.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from registry_app.auth.rules import ACTIONS, Action

MAXIMUM_REPOSITORIES: Final = 64
"""How many repositories one token may be for: it travels in a request header."""

_SCOPE = re.compile(r"(?P<type>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?P<name>[^\s]*):(?P<actions>[a-z*,]*)")


@dataclass(frozen=True)
class Scopes:
    """Actions on repositories, and whether the catalog is included."""

    repositories: Mapping[str, frozenset[Action]] = field(default_factory=dict)
    catalog: bool = False

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Return what the ``scope`` parameters ask for. A ``*`` asks for every action."""
        repositories: dict[str, frozenset[Action]] = {}
        catalog = False
        for part in " ".join(texts).split():
            match = _SCOPE.fullmatch(part)
            if match is None:
                continue
            if match["type"] == "registry" and match["name"] == "catalog":
                catalog = True
            elif match["type"] == "repository" and len(repositories) < MAXIMUM_REPOSITORIES:
                asked = match["actions"].split(",")
                actions = frozenset(action for action in ACTIONS if action in asked or "*" in asked)
                repositories[match["name"]] = repositories.get(match["name"], frozenset()) | actions
        return cls(repositories, catalog)

    @classmethod
    def of(cls, *wanted: tuple[Action, str]) -> Self:
        """Return the scopes that these actions on these repositories need."""
        repositories: dict[str, frozenset[Action]] = {}
        for action, repository in wanted:
            repositories[repository] = repositories.get(repository, frozenset()) | {action}
        return cls(repositories)

    def include(self, action: Action, repository: str) -> bool:
        """Return whether ``action`` on ``repository`` is among them."""
        return action in self.repositories.get(repository, ())

    def __str__(self) -> str:
        """The scopes as a challenge or a token answer writes them."""
        texts = [
            f"repository:{name}:{','.join(action for action in ACTIONS if action in actions)}"
            for name, actions in self.repositories.items()
        ]
        return " ".join([*texts, "registry:catalog:*"] if self.catalog else texts)


NOTHING: Final = Scopes()
