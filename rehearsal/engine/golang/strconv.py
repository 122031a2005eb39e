"""Numbers, switches, sizes and durations from text, with Go's errors (strconv, time, go-units)."""

from __future__ import annotations

import math
import re

from rehearsal.engine.golang.quoting import quote

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_PREFIXES = {"0x": 16, "0X": 16, "0b": 2, "0B": 2, "0o": 8, "0O": 8}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_INT64 = range(-(1 << 63), 1 << 63)
_BINARY_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(?i:inf|infinity)|(?i:nan)")
_DURATION_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)")


class ParseError(ValueError):
    """The text is no such value; the message is Go's."""


def parse_bool(text: str) -> bool:
    """Return the switch that ``text`` spells (strconv.ParseBool)."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ParseError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def parse_int(text: str) -> int:
    """Return a 64-bit whole number, its base taken from the prefix (strconv.ParseInt with base 0)."""
    return _parse_int(text, "ParseInt", prefixed=True)


def atoi(text: str) -> int:
    """Return a decimal 64-bit whole number (strconv.Atoi)."""
    return _parse_int(text, "Atoi", prefixed=False)


def _parse_int(text: str, function: str, *, prefixed: bool) -> int:
    invalid = ParseError(f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    digits = text[1:] if text[:1] in ("+", "-") else text
    base = 10
    if prefixed and digits[:2] in _PREFIXES:
        base, digits = _PREFIXES[digits[:2]], digits[2:]
        digits = digits.removeprefix("_")
    elif prefixed and len(digits) > 1 and digits[0] == "0":
        base, digits = 8, digits[1:].removeprefix("_")
    if prefixed:
        if "__" in digits or digits.startswith("_") or digits.endswith("_"):
            raise invalid
        digits = digits.replace("_", "")
    if not digits:
        raise invalid
    _check_digits(digits.lower(), base, invalid, text, function)
    number = int(digits, base) * (-1 if text.startswith("-") else 1)
    if number not in _INT64:
        raise ParseError(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return number


def _check_digits(digits: str, base: int, invalid: ParseError, text: str, function: str) -> None:
    """Raise what Go meets first, from left to right: a character that is no digit, or too large a number."""
    number = 0
    for char in digits:
        if char not in _DIGITS[:base]:
            raise invalid
        number = number * base + _DIGITS.index(char)
        if number >= 1 << 64:
            raise ParseError(f"strconv.{function}: parsing {quote(text)}: value out of range")


def parse_float(text: str) -> float:
    """Return a decimal floating-point number (strconv.ParseFloat)."""
    if _FLOAT.fullmatch(text) is None:
        raise ParseError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if math.isinf(float(text)) and "inf" not in text.lower():
        raise ParseError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return float(text)


def ram_in_bytes(text: str) -> int:
    """Return the bytes that a size like ``40GB`` means, units being powers of 1024 (units.RAMInBytes)."""
    end = max(text.rfind(char) for char in "0123456789. ")
    if end == -1:
        raise ParseError(f"invalid size: '{text}'")
    number, suffix = (text[:end] if text[end] == " " else text[: end + 1]), text[end + 1 :]
    size = parse_float(number)
    if size < 0:
        raise ParseError(f"invalid size: '{text}'")
    if not suffix:
        return int(size)
    if len(suffix) > 3:
        raise ParseError(f"invalid suffix: '{suffix}'")
    unit = suffix.lower()
    if unit == "b":
        return int(size)
    if unit[0] not in _BINARY_UNITS or unit[1:] not in ("", "b", "ib"):
        raise ParseError(f"invalid suffix: '{unit}'")
    return int(size * _BINARY_UNITS[unit[0]])


def parse_duration(text: str) -> float:
    """Return the seconds that a duration like ``1m30s`` means (time.ParseDuration)."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    seconds = 0.0
    if not rest:
        raise ParseError(f"time: invalid duration {quote(text)}")
    while rest:
        number = _DURATION_PART.match(rest)
        if number is None:
            raise ParseError(f"time: invalid duration {quote(text)}")
        rest = rest[number.end() :]
        unit = re.match(r"[^.0-9]*", rest)
        name = unit.group() if unit else ""
        if not name:
            raise ParseError(f"time: missing unit in duration {quote(text)}")
        if name not in _DURATION_UNITS:
            raise ParseError(f"time: unknown unit {quote(name)} in duration {quote(text)}")
        seconds += float(number.group()) * _DURATION_UNITS[name]
        rest = rest[len(name) :]
    return -seconds if text.startswith("-") else seconds
