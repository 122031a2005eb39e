"""JSON text as Go's ``encoding/json`` reads it, with its error messages (Go 1.27, package jsontext).

The result keeps what a typed decoder needs and Python's ``json`` throws away: the order of members, duplicate
names, and the text of numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rehearsal.engine.golang.quoting import quote, quote_rune

_MAX_DEPTH = 10_000
_WHITESPACE = " \t\r\n"
_NUMBER_PART = re.compile(r"[0-9]+")
_SIMPLE_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")


class JsonSyntaxError(ValueError):
    """The text is no JSON; the message is Go's."""


@dataclass(frozen=True)
class JsonNumber:
    """A number, as it was written."""

    text: str


@dataclass(frozen=True)
class JsonObject:
    """An object with its members in order; a name may come twice."""

    members: tuple[tuple[str, JsonValue], ...]


JsonValue = JsonObject | list["JsonValue"] | str | JsonNumber | bool | None


def parse(text: str) -> JsonValue:
    """Return the one JSON value that ``text`` holds, or raise `JsonSyntaxError`."""
    reader = _Reader(text)
    value = reader.value()
    reader.skip_whitespace()
    if reader.position < len(text):
        raise reader.unexpected("after top-level value")
    return value


def plain(value: JsonValue) -> object:
    """Return ``value`` as Go decodes it into ``any``: floats, dicts whose last member of a name wins."""
    if isinstance(value, JsonObject):
        return {name: plain(member) for name, member in value.members}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, JsonNumber):
        return float(value.text)
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def skip_whitespace(self) -> None:
        while self.position < len(self.text) and self.text[self.position] in _WHITESPACE:
            self.position += 1

    def unexpected(self, where: str) -> JsonSyntaxError:
        return JsonSyntaxError(f"invalid character {quote_rune(self.text[self.position])} {where}")

    def _peek(self) -> str:
        if self.position >= len(self.text):
            raise JsonSyntaxError("unexpected end of JSON input")
        return self.text[self.position]

    def _next_token(self) -> str:
        self.skip_whitespace()
        return self._peek()

    def value(self) -> JsonValue:
        char = self._next_token()
        if char in "{[":
            return self._nested(char)
        if char == '"':
            return self._string()
        if char == "-" or "0" <= char <= "9":
            return self._number()
        for literal, meaning in (("null", None), ("true", True), ("false", False)):
            if char == literal[0]:
                self._literal(literal)
                return meaning
        raise self.unexpected("looking for beginning of value")

    def _nested(self, opening: str) -> JsonValue:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise JsonSyntaxError("exceeded max depth")
        value: JsonValue = self._object() if opening == "{" else self._array()
        self.depth -= 1
        return value

    def _literal(self, literal: str) -> None:
        for expected in literal:
            if self._peek() != expected:
                raise self.unexpected(f"in literal {literal} (expecting {quote_rune(expected)})")
            self.position += 1

    def _object(self) -> JsonObject:
        self.position += 1
        members: list[tuple[str, JsonValue]] = []
        if self._next_token() == "}":
            self.position += 1
            return JsonObject(())
        while True:
            if self._next_token() != '"':
                raise self.unexpected("looking for beginning of object key string")
            name = self._string()
            if self._next_token() != ":":
                raise self.unexpected("after object key")
            self.position += 1
            members.append((name, self.value()))
            if self._separator("}", "after object key:value pair"):
                return JsonObject(tuple(members))

    def _array(self) -> list[JsonValue]:
        self.position += 1
        items: list[JsonValue] = []
        if self._next_token() == "]":
            self.position += 1
            return items
        while True:
            items.append(self.value())
            if self._separator("]", "after array element"):
                return items

    def _separator(self, closing: str, where: str) -> bool:
        """Step over a comma or the closing character; true if it was the latter."""
        char = self._next_token()
        if char not in (",", closing):
            raise self.unexpected(where)
        self.position += 1
        return char == closing

    def _number(self) -> JsonNumber:
        start = self.position
        if self._peek() == "-":
            self.position += 1
        if self._peek() == "0":
            self.position += 1
        else:
            self._digits()
        if self.text[self.position : self.position + 1] == ".":
            self.position += 1
            self._digits()
        if self.text[self.position : self.position + 1] in ("e", "E"):
            self.position += 1
            if self._peek() in "+-":
                self.position += 1
            self._digits()
        return JsonNumber(self.text[start : self.position])

    def _digits(self) -> None:
        self._peek()
        match = _NUMBER_PART.match(self.text, self.position)
        if match is None:
            raise self.unexpected("in numeric literal")
        self.position = match.end()

    def _string(self) -> str:
        self.position += 1
        parts: list[str] = []
        while True:
            char = self._peek()
            if char == '"':
                self.position += 1
                return "".join(parts)
            if char < " ":
                raise self.unexpected("in string")
            if char == "\\":
                parts.append(self._escape())
            else:
                parts.append(char)
                self.position += 1

    def _escape(self) -> str:
        letter = self.text[self.position + 1 : self.position + 2]
        if not letter:
            raise JsonSyntaxError("unexpected end of JSON input")
        if letter in _SIMPLE_ESCAPES:
            self.position += 2
            return _SIMPLE_ESCAPES[letter]
        if letter != "u":
            raise self._invalid_escape(2)
        code = self._code_unit()
        if 0xD800 <= code < 0xE000:
            return self._surrogate(code)
        return chr(code)

    def _code_unit(self) -> int:
        digits = self.text[self.position + 2 : self.position + 6]
        if _HEX4.fullmatch(digits) is None:
            if len(digits) < 4 and re.fullmatch("[0-9a-fA-F]*", digits):
                raise JsonSyntaxError("unexpected end of JSON input")
            raise self._invalid_escape(6)
        self.position += 6
        return int(digits, 16)

    def _surrogate(self, high: int) -> str:
        """Join a surrogate pair; half a pair is replaced, as the old ``encoding/json`` does."""
        digits = self.text[self.position + 2 : self.position + 6]
        escaped = self.text.startswith("\\u", self.position) and _HEX4.fullmatch(digits) is not None
        if high < 0xDC00 and escaped:
            low = int(digits, 16)
            if 0xDC00 <= low < 0xE000:
                self.position += 6
                return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        return "�"

    def _invalid_escape(self, length: int) -> JsonSyntaxError:
        """Complain of an escape sequence, of which Go shows so many bytes."""
        following = self.text[self.position : self.position + length].encode("utf-8", "surrogatepass")
        return _invalid_escape(following[:length].decode("utf-8", "surrogateescape"))


def _invalid_escape(written: str) -> JsonSyntaxError:
    needs_quotes = any(char in "`�" or char.isspace() or not char.isprintable() for char in written)
    shown = quote(written) if needs_quotes else f"`{written}`"
    return JsonSyntaxError(f"invalid escape sequence {shown} in string")
