"""Text as Go prints it: ``%q`` of strings and runes, ``%v`` of decoded JSON (packages strconv and fmt)."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from decimal import Decimal

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
_EXPONENT_FROM = 6  # the shortest %g prints 1e+06 and more with an exponent


def _escaped(char: str, quote: str) -> str:
    if char == quote:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char == " " or char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python's surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
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
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1
    if number == 0:
        return "-0" if sign else "0"
    if -4 <= power < _EXPONENT_FROM:
        return f"{Decimal(repr(number)).normalize():f}"
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


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
    if isinstance(value, ipaddress.IPv6Address):
        return format_ipv6(value)
    if isinstance(value, list | tuple):
        return "[" + " ".join(format_value(item) for item in value) + "]"
    return str(value)


def format_ipv6(address: ipaddress.IPv6Address) -> str:
    """Return an IPv6 address as netip.Addr prints it: a mapped IPv4 address in its own form."""
    mapped = address.ipv4_mapped
    if mapped is None:
        return str(address)
    return f"::ffff:{mapped}" + (f"%{address.scope_id}" if address.scope_id else "")


def go_type(value: object) -> str:
    """Return how Go names the type of a decoded JSON value."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, float):
        return "float64"
    return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"
