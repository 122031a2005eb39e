"""Read the JSON that hosts answer with, whatever Windows PowerShell 5.1 made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from deploy.json_text import read_json


class Unreadable(ValueError):
    """A host's answer is not what was asked for. Says what was read, and the beginning of what came."""

    def __init__(self, what: str, answer: object, why: str) -> None:
        shown = str(answer)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
        super().__init__(f"could not read {what}: {why}: {shown!r}")


_OEM_PAGES = ("cp437", "cp850", "cp852", "cp857", "cp862", "cp866", "cp737", "cp775")
"""Code pages of the consoles of Windows, the usual ones first."""


def as_docker_wrote(text: str) -> str:
    """Return what docker printed, which is UTF-8, though 5.1 read it in the code page of the host's console.

    Text that was read as it should be is no UTF-8 in any of those, and stays as it is.
    """
    if text.isascii():
        return text
    for page in _OEM_PAGES:
        try:
            return text.encode(page).decode()
        except UnicodeError:
            continue
    return text


def values(text: str, what: str) -> list[Any]:
    """Return the list that a fact printed; a single value counts as a list of one, ``null`` as an empty one.

    5.1 writes a list that went through a pipe as ``{"value": […], "Count": n}``, and a text with its notes as
    ``{"value": "…", "PSPath": …}``; both are unwrapped.
    """
    try:
        read = _unwrapped(read_json(text))
    except json.JSONDecodeError as error:
        raise Unreadable(what, text, f"no JSON ({error.msg})") from None
    except ValueError as error:
        raise Unreadable(what, text, f"no JSON ({error})") from None
    found = [] if read is None else read if isinstance(read, list) else [read]
    return [_unwrapped(value) for value in found]


def objects(text: str, what: str) -> list[Object]:
    """Return the objects in the list that a fact printed."""
    return [Object.of(value, what) for value in values(text, what)]


def one_object(text: str, what: str) -> Object:
    """Return the only object in the list that a fact printed."""
    found = objects(text, what)
    if len(found) != 1:
        raise Unreadable(what, text, f"expected one answer, not {len(found)}")
    return found[0]


def lines(text: str, what: str) -> list[Object]:
    """Return the objects that docker printed one a line, the lines being wrapped in a JSON list."""
    found: list[Object] = []
    for line in values(text, what):
        if not isinstance(line, str):
            raise Unreadable(what, text, "expected lines of text")
        if line.strip():
            found.extend(objects(line, what))
    return found


class Reported:
    """What a host reported; shown as JSON by ``pyinfra … fact deploy.facts.Windows``."""

    def to_json(self) -> dict[str, Any]:
        """Return the values as pyinfra prints them."""
        return {name: _shown(value) for name, value in vars(self).items()}


def _shown(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, Reported) or value is None or isinstance(value, str | int | list | tuple | Mapping):
        return dict(value) if isinstance(value, Mapping) else value
    return str(value)


class Object:
    """A JSON object whose members are asked for by type; ``what`` names it in errors."""

    def __init__(self, members: Mapping[str, Any], what: str) -> None:
        self._members, self.what = members, what

    @classmethod
    def of(cls, value: object, what: str) -> Object:
        """Return ``value`` as an object, or raise `Unreadable`."""
        if not isinstance(value, Mapping):
            raise Unreadable(what, value, "expected an object")
        return cls(value, what)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; a number is written out. Without ``default`` the member must be there."""
        value = self._member(key, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Unreadable(self.what, value, f"{key} is no text")
        return str(value)

    def number(self, key: str, default: int | None = None) -> int:
        """Return a whole number, also one written as text."""
        value = self._member(key, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Unreadable(self.what, value, f"{key} is no number") from None

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return a truth value."""
        value = self._member(key, default)
        if not isinstance(value, bool):
            raise Unreadable(self.what, value, f"{key} is neither true nor false")
        return value

    def inner(self, key: str) -> Object:
        """Return an inner object; absent or null, an empty one."""
        value = self._members.get(key)
        return Object.of({} if value is None else value, f"{self.what}, {key}")

    def items(self) -> list[tuple[str, Any]]:
        """Return the members as they are."""
        return list(self._members.items())

    def many(self, key: str) -> list[Any]:
        """Return a list; absent or null, an empty one; a single value, a list of one (5.1 unrolls those)."""
        value = _unwrapped(self._members.get(key))
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.many(key)
        if not all(isinstance(value, str) for value in found):
            raise Unreadable(self.what, found, f"{key} is no list of texts")
        return tuple(found)

    def mapping(self, key: str) -> dict[str, str]:
        """Return a mapping of texts to texts; absent or null, an empty one."""
        return {name: str(value) for name, value in self.inner(key).items()}

    def raw(self, key: str) -> Any:  # noqa: ANN401 -- what JSON may hold
        """Return a member as it is, or None."""
        return self._members.get(key)

    def _member(self, key: str, default: object) -> Any:  # noqa: ANN401 -- what JSON may hold
        value = _unwrapped(self._members.get(key))
        if value is None:
            value = default
        if value is None:
            raise Unreadable(self.what, dict(self._members), f"{key} is missing")
        return value


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 -- what JSON may hold
    if isinstance(value, dict) and "value" in value and ({"Count", "PSPath", "PSProvider"} & value.keys()):
        return cast("dict[str, Any]", value)["value"]
    return value
