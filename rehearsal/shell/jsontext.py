r"""ConvertTo-Json of Windows PowerShell 5.1, with what surprises people about it.

Enumerations become numbers, dates ``\/Date(ms)\/``; what lies deeper than ``-Depth`` becomes its text;
text with properties attached becomes an object; ``< > & '`` are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from rehearsal.shell.binding import text
from rehearsal.shell.values import NotedText, PsEnum, PsObject, Value

DEFAULT_DEPTH = 2
_ESCAPED = re.compile("[\\x00-\\x1f\"\\\\<>&'\\x85\u2028\u2029]")
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def convert(value: Value, *, depth: int = DEFAULT_DEPTH, compress: bool = False) -> str:
    """Return a value as JSON text."""
    tree = _tree(value, depth, 0)
    return _compact(tree) if compress else _pretty(tree, 0)


class _Raw(str):
    """Text that is JSON already."""

    __slots__ = ()


def _tree(value: Value, depth: int, level: int) -> object:
    if isinstance(value, NotedText):
        shown = {"value": str(value), **value.notes}
        return _members(shown, depth, level) if level <= depth else str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PsEnum):
        return value.number
    if isinstance(value, datetime):
        milliseconds = int(value.astimezone(UTC).timestamp() * 1000)
        return _Raw(f'"\\/Date({milliseconds})\\/"')
    if level > depth:
        return _flat(value)
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, list | tuple):
        return [_tree(item, depth, level + 1) for item in value]
    if isinstance(value, PsObject):
        return _members(value.properties, depth, level)
    return text(value)


def _members(properties: Mapping[str, Value], depth: int, level: int) -> dict[str, object]:
    return {name: _tree(item, depth, level + 1) for name, item in properties.items()}


def _flat(value: Value) -> str:
    if isinstance(value, bytes):
        return " ".join(map(str, value))
    return text(value)


def _scalar(value: object) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, str):
        return f'"{_ESCAPED.sub(_escape, value)}"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def _compact(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ",".join(f"{_scalar(name)}:{_compact(item)}" for name, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_compact, tree)) + "]"
    return _scalar(tree)


def _pretty(tree: object, column: int) -> str:
    """Lay out as 5.1 does: what is inside stands four columns right of the bracket that opened it."""
    inner = " " * (column + 4)
    if isinstance(tree, dict):
        if not tree:
            return "{\r\n\r\n" + " " * column + "}"
        lines = []
        for name, item in tree.items():
            head = f"{_scalar(name)}:  "
            lines.append(inner + head + _pretty(item, column + 4 + len(head)))
        return "{\r\n" + ",\r\n".join(lines) + "\r\n" + " " * column + "}"
    if isinstance(tree, list):
        if not tree:
            return "[\r\n\r\n" + " " * column + "]"
        lines = [inner + _pretty(item, column + 4) for item in tree]
        return "[\r\n" + ",\r\n".join(lines) + "\r\n" + " " * column + "]"
    return _scalar(tree)
