"""Functions that templates of docker's CLI may call (text/template's own and ``cli/templates``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.engine.golang.quoting import format_value


def truth(value: object) -> bool:
    """Whether Go calls a value true: not empty, zero or nil."""
    return bool(value)


def to_json(value: object) -> str:
    """Return JSON as Go's encoder writes it without HTML escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _index(value: Any, *keys: Any) -> object:  # noqa: ANN401 - any JSON value, any index
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else value[key]
    return value


def _join(values: Any, separator: str = "") -> str:  # noqa: ANN401
    return separator.join(format_value(value) for value in values or [])


def _table(*values: object) -> str:
    return " ".join(format_value(value) for value in values)


def _truncate(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length]


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _printf(template: str, *values: object) -> str:
    converted = [value if isinstance(value, int | float) else format_value(value) for value in values]
    return template.replace("%v", "%s").replace("%q", '"%s"') % tuple(converted)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator)


FUNCTIONS: dict[str, Callable[..., object]] = {
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
    "len": len,
    "index": _index,
    "slice": lambda value, *bounds: value[slice(*bounds)],
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "print": _table,
    "println": lambda *values: _table(*values) + "\n",
    "printf": _printf,
    "json": to_json,
    "join": _join,
    "split": _split,
    "title": lambda text: text.title(),
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": _pad,
    "truncate": _truncate,
}
