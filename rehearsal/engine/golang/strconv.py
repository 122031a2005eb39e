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
_UNDERSCORED = re.compile(r"[0-9a-zA-Z]+(_[0-9a-zA-Z]+)*")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity)|(?i:nan)")
_HEX_FLOAT = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SEPARATOR = re.compile(r"(?<=[0-9])_(?=[0-9])")
_HEX_SEPARATOR = re.compile(r"(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])")
_DURATION_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART = re.compile(r"([0-9]*)(\.[0-9]*)?")
_LONGEST = 1 << 63  # nanoseconds; one less if the duration is positive


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


def parse_uint(text: str, bits: int) -> int:
    """Return a decimal whole number of so many bits, without a sign (strconv.ParseUint with base 10)."""
    invalid = ParseError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    if not text:
        raise invalid
    _check_digits(text, 10, invalid, text, "ParseUint", limit=1 << bits)
    return int(text)


def _parse_int(text: str, function: str, *, prefixed: bool) -> int:
    invalid = ParseError(f"strconv.{function}: parsing {quote(text)}: invalid syntax")
    digits = text[1:] if text[:1] in ("+", "-") else text
    base = 10
    if prefixed and digits[:2] in _PREFIXES:
        base, digits = _PREFIXES[digits[:2]], digits[2:]
        digits = digits.removeprefix("_")
    elif prefixed and len(digits) > 1 and digits[0] == "0":
        base, digits = 8, digits[1:].removeprefix("_")
    if not digits:
        raise invalid
    _check_digits(digits.replace("_", "").lower() if prefixed else digits, base, invalid, text, function)
    if "_" in digits and not (prefixed and _UNDERSCORED.fullmatch(digits)):
        raise invalid
    number = int(digits.replace("_", ""), base) * (-1 if text.startswith("-") else 1)
    if number not in _INT64:
        raise ParseError(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return number


def _check_digits(
    digits: str, base: int, invalid: ParseError, text: str, function: str, *, limit: int = 1 << 64
) -> None:
    """Raise what Go meets first, from left to right: a character that is no digit, or too large a number."""
    number = 0
    for char in digits:
        if char not in _DIGITS[:base]:
            raise invalid
        number = number * base + _DIGITS.index(char)
        if number >= limit:
            raise ParseError(f"strconv.{function}: parsing {quote(text)}: value out of range")


def parse_float(text: str) -> float:
    """Return a floating-point number as Go's source code may spell it (strconv.ParseFloat)."""
    hexadecimal = _HEX_SEPARATOR.sub("", text)
    if _HEX_FLOAT.fullmatch(hexadecimal):
        return float.fromhex(hexadecimal)
    plain = _SEPARATOR.sub("", text)
    if _FLOAT.fullmatch(plain) is None:
        raise ParseError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if math.isinf(float(plain)) and "inf" not in plain.lower():
        raise ParseError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return float(plain)


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
        return _int64(size)
    if len(suffix.encode("utf-8", "surrogateescape")) > 3:
        raise ParseError(f"invalid suffix: '{suffix}'")
    unit = suffix.lower()
    if unit == "b":
        return _int64(size)
    if unit[0] not in _BINARY_UNITS or unit[1:] not in ("", "b", "ib"):
        raise ParseError(f"invalid suffix: '{unit}'")
    return _int64(size * _BINARY_UNITS[unit[0]])


def _int64(size: float) -> int:
    """Return a float as a processor converts it to int64: what is too large becomes the smallest number."""
    return int(size) if size < 1 << 63 else -(1 << 63)


def parse_duration(text: str) -> float:
    """Return the seconds that a duration like ``1m30s`` means (time.ParseDuration)."""
    invalid = ParseError(f"time: invalid duration {_time_quote(text)}")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    total = 0
    if not rest:
        raise invalid
    while rest:
        nanoseconds, rest = _duration_part(text, rest, invalid)
        total += nanoseconds
        if total > _LONGEST:
            raise invalid
    if total == _LONGEST and not text.startswith("-"):
        raise invalid
    return (-total if text.startswith("-") else total) / 1e9


def _duration_part(text: str, rest: str, invalid: ParseError) -> tuple[int, str]:
    """Return the nanoseconds of the first number with its unit, and what follows."""
    match = _DURATION_PART.match(rest)
    whole, fraction = (match.group(1), match.group(2) or "") if match else ("", "")
    if not whole and len(fraction) < 2:
        raise invalid
    if int(whole or "0") > _LONGEST:
        raise invalid
    rest = rest[len(whole + fraction) :]
    unit_end = re.match(r"[^.0-9]*", rest)
    unit = unit_end.group() if unit_end else ""
    if not unit:
        raise ParseError(f"time: missing unit in duration {_time_quote(text)}")
    if unit not in _DURATION_UNITS:
        raise ParseError(f"time: unknown unit {_time_quote(unit)} in duration {_time_quote(text)}")
    size = _DURATION_UNITS[unit]
    if int(whole or "0") * size > _LONGEST:
        raise invalid
    digits = fraction[1:]
    parts = int(digits) * size // 10 ** len(digits) if digits else 0
    return int(whole or "0") * size + parts, rest[len(unit) :]


def _time_quote(text: str) -> str:
    """Return ``text`` as package time quotes it: byte by byte beyond ASCII."""
    return '"' + "".join(map(_time_escaped, text.encode("utf-8", "surrogateescape"))) + '"'


def _time_escaped(code: int) -> str:
    if code >= 0x80 or code < 0x20:
        return f"\\x{code:02x}"
    return f"\\{chr(code)}" if chr(code) in '"\\' else chr(code)


def format_duration(seconds: float) -> str:
    """Return a duration as Go prints it: ``1m30s``, ``100ms`` (time.Duration)."""
    sign, nanoseconds = ("-" if seconds < 0 else ""), round(abs(seconds) * 1e9)
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 1000_000)):
        if nanoseconds < size * 1000:
            return f"{sign}{_fraction(nanoseconds, size)}{unit}" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, 60 * 1000_000_000)
    hours, minutes = divmod(minutes, 60)
    larger = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return f"{sign}{larger}{_fraction(rest, 1000_000_000)}s"


def _fraction(count: int, size: int) -> str:
    whole, rest = divmod(count, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
