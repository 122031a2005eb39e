"""Read the text of a daemon.json as dockerd does, and refuse what it reads otherwise than it was meant."""

from __future__ import annotations

import codecs
import json
from typing import Any, NoReturn

from deploy.json_text import read_json

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def parse_daemon_json(text: str | bytes) -> dict[str, Any]:
    """Return the object in the file; an empty file and ``null`` are an empty one.

    Raise `ValueError` for what dockerd refuses (no JSON object, comments, closing commas, an unmarked
    encoding that is not UTF-8), and for a key that is there twice, of which dockerd silently takes the last.
    """
    decoded = decode(text).strip()
    if not decoded:
        return {}
    try:
        value = read_json(decoded, object_pairs_hook=_each_key_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON (line {error.lineno}, column {error.colno}): {error.msg}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValueError(f"must be one JSON object, not {kind}: write {{…}} around its keys")  # noqa: TRY004
    return value


def decode(text: str | bytes) -> str:
    """Return the file's text: by its byte order mark, or as UTF-8."""
    if isinstance(text, bytes):
        text = _decoded(text)
    if "\0" in text:
        raise ValueError("is UTF-16 without a byte order mark, which dockerd cannot read; save it as UTF-8")
    return text.removeprefix("\ufeff")


def _decoded(content: bytes) -> str:
    mark, encoding = next(((m, e) for m, e in _MARKS.items() if content.startswith(m)), (b"", "utf-8"))
    try:
        return content.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError as error:
        place = len(mark) + error.start
        raise ValueError(f"is not {encoding.upper()} (byte {place}); save it as UTF-8") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} is there twice, and only the last counts; write it once")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
