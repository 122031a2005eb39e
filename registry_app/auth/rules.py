"""Who may do what with which repositories: one small TOML file, and the answer to one question.

The file, whole::

    [groups]
    teachers = ["anna", "ben"]

    [[rules]]
    who = ["@anonymous"]
    may = ["pull"]
    repositories = ["**"]

    [[rules]]
    who = ["@teachers"]
    may = ["pull", "push", "delete"]
    repositories = ["**"]

    [[rules]]
    who = ["@users"]
    may = ["pull", "push"]
    repositories = ["students/{user}/**"]

``who``
    names of users, groups with an ``@`` in front, ``@users`` (everybody who is logged in) and ``@anonymous``
    (everybody: a user can always leave the log-in out, so it would be no use to refuse them what nobody is
    refused).
``may``
    ``pull``, ``push``, ``delete``. None includes another.
``repositories``
    patterns of whole names: ``*`` stands for any text within one part of the path, ``**`` for one part or
    more, ``{user}`` for the name of who is asking (for a name that cannot be part of a repository's name,
    such as one with capitals, it fits nothing).

A request is allowed if any one rule allows it. There is no rule that forbids, so order does not matter, and
what no rule allows is denied.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, Self, get_args

from registry_app.auth.watched import decode

Action = Literal["pull", "push", "delete"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

ANONYMOUS = "@anonymous"
USERS = "@users"

# OCI spec, "Pulling manifests": a path component of <name>. A user name that is not one would let ``{user}``
# stand for several parts of a path, or for none.
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_PATTERN = re.compile(r"(?:[a-z0-9._*-]|\{user\})+(?:/(?:[a-z0-9._*-]|\{user\})+)*")
_SPECIAL = re.compile(r"(\*\*|\*|\{user\})")


class RulesInvalid(ValueError):
    """The rules cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Rule:
    """One thing that is allowed."""

    who: frozenset[str]
    may: frozenset[Action]
    repositories: tuple[str, ...]
    """Patterns."""


@dataclass(frozen=True)
class Rules:
    """What is allowed; everything else is denied."""

    rules: tuple[Rule, ...]
    groups: Mapping[str, frozenset[str]]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the rules in the TOML text ``raw``; raises `RulesInvalid`."""
        try:
            data = tomllib.loads(decode(raw))
        except ValueError as error:  # `TOMLDecodeError`, `UnicodeDecodeError`
            raise RulesInvalid(f"not a TOML file: {error}") from error
        return cls._of(data)

    @classmethod
    def _of(cls, data: Mapping[str, object]) -> Self:
        _only(data, {"groups", "rules"}, "the file")
        groups = _table(data.get("groups", {}), "groups")
        named = {name: frozenset(_texts(members, f"group {name!r}")) for name, members in groups.items()}
        for name in ("users", "anonymous"):
            if name in named:
                raise RulesInvalid(f"group {name!r}: @{name} has a meaning of its own, choose another name")
        rows = data.get("rules", [])
        if not isinstance(rows, list):
            raise RulesInvalid("rules: write each rule as a [[rules]] table")
        return cls(tuple(_rule(row, number, named) for number, row in enumerate(rows, start=1)), named)

    def allows(self, user: str | None, action: Action, repository: str) -> bool:
        """Return whether ``user`` (None: not logged in) may do ``action`` with ``repository``."""
        return self.filter(user, action)(repository)

    def filter(self, user: str | None, action: Action) -> Callable[[str], bool]:
        """Return `allows` for one user and action, to be asked about many repositories."""
        patterns = [
            pattern
            for rule in self.rules
            if action in rule.may and self._concerns(rule, user)
            for text in rule.repositories
            if (pattern := _compiled(text, user)) is not None
        ]
        return lambda repository: any(pattern.fullmatch(repository) for pattern in patterns)

    @property
    def anonymous(self) -> bool:
        """Whether anything at all is allowed without a log-in."""
        return any(ANONYMOUS in rule.who for rule in self.rules)

    def unknown(self, users: Mapping[str, object]) -> list[str]:
        """Return the names in these rules that are none of ``users``: mistyped, or removed since."""
        named = {name for rule in self.rules for name in rule.who if not name.startswith("@")}
        return sorted(named.union(*self.groups.values()).difference(users))

    def _concerns(self, rule: Rule, user: str | None) -> bool:
        if ANONYMOUS in rule.who:
            return True
        if user is None:
            return False
        return (
            USERS in rule.who
            or (user in rule.who and not user.startswith("@"))
            or any(user in members for name, members in self.groups.items() if f"@{name}" in rule.who)
        )


@lru_cache(maxsize=4096)
def _compiled(pattern: str, user: str | None) -> re.Pattern[str] | None:
    """Return the regular expression for ``user``; None where ``{user}`` fits nothing."""
    if "{user}" in pattern and (user is None or not _COMPONENT.fullmatch(user)):
        return None
    meaning = {"*": "[^/]*", "**": ".+", "{user}": re.escape(user or "")}
    parts = _SPECIAL.split(pattern)
    return re.compile("".join(meaning[part] if part in meaning else re.escape(part) for part in parts))


def _rule(row: object, number: int, groups: Mapping[str, object]) -> Rule:
    where = f"rule {number}"
    data = _table(row, where)
    _only(data, {"who", "may", "repositories"}, where)
    who = _texts(data.get("who"), f"{where}: who")
    for name in who:
        if name.startswith("@") and name not in (USERS, ANONYMOUS) and name[1:] not in groups:
            raise RulesInvalid(f"{where}: who: there is no group {name[1:]!r}")
    may: set[Action] = set()
    for text in _texts(data.get("may"), f"{where}: may"):
        action = next((action for action in ACTIONS if action == text), None)
        if action is None:
            raise RulesInvalid(f"{where}: may: {text!r} is none of {', '.join(ACTIONS)}")
        may.add(action)
    patterns = _texts(data.get("repositories"), f"{where}: repositories")
    return Rule(frozenset(who), frozenset(may), tuple(_pattern(text, where) for text in patterns))


def _pattern(text: str, where: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise RulesInvalid(
            f"{where}: repositories: {text!r} is no pattern of repository names "
            "(small letters, digits, . _ - / and *, **, {user})"
        )
    if "***" in text or any("**" in part and part != "**" for part in text.split("/")):
        raise RulesInvalid(
            f"{where}: repositories: {text!r}: ** stands for whole parts of a path, as in labs/**"
        )
    return text


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise RulesInvalid(f"{where}: expected a table")
    return value


def _texts(value: object, where: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise RulesInvalid(f"{where}: expected a list of texts, with at least one")
    return value


def _only(data: Mapping[str, object], known: set[str], where: str) -> None:
    for name in data.keys() - known:
        raise RulesInvalid(f"{where}: {name!r} is unknown here; known are {', '.join(sorted(known))}")
