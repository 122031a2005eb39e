"""Text as Go prints it: ``%q`` of strings and runes, ``%v`` of decoded JSON (packages strconv and fmt)."""

from __future__ import annotations

import math
from collections.abc import Mapping

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_EXPONENT_FROM = 21  # %v of a float64 switches to an exponent at 1e21, unlike %g


def _escaped(char: str, quote: str) -> str:
    if char == quote:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char == " " or char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(text: str) -> str:
    """Return ``text`` as ``%q`` prints a string."""
    return '"' + "".join(_escaped(char, '"') for char in text) + '"'


def quote_rune(char: str) -> str:
    """Return ``char`` as ``%q`` prints a rune."""
    return "'" + _escaped(char, "'") + "'"


def format_float(number: float) -> str:
    """Return a float64 as ``%v`` prints it: the shortest digits that read back the same."""
    if not math.isfinite(number):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(number)]
    digits, _, exponent_text = f"{number:e}".partition("e")
    shortest = repr(number)
    mantissa, _, power = shortest.partition("e")
    exponent = int(power) if power else int(exponent_text)
    if -4 <= exponent < _EXPONENT_FROM:
        plain = f"{number:.17f}".rstrip("0").rstrip(".") if "e" in shortest else shortest.removesuffix(".0")
        return plain if plain not in ("", "-") else digits
    if not power:
        mantissa = _mantissa(shortest)
    return f"{mantissa.removesuffix('.0')}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _mantissa(shortest: str) -> str:
    sign = "-" if shortest.startswith("-") else ""
    digits = shortest.lstrip("-").replace(".", "").strip("0")
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "")


def format_value(value: object) -> str:
    """Return a decoded JSON value (or a list, map, switch of Go) as ``%v`` prints it."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, Mapping):
        members = (f"{key}:{format_value(value[key])}" for key in sorted(value))
        return "map[" + " ".join(members) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(format_value(item) for item in value) + "]"
    return str(value)
