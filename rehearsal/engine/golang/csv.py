"""Comma-separated values as Go reads them (package encoding/csv), with its error messages."""

from __future__ import annotations

_BARE = 'bare " in non-quoted-field'
_QUOTE = 'extraneous or missing " in quoted-field'


class CsvError(ValueError):
    """The text is no record; the message is Go's."""


def read_all(text: str, *, trim: bool = False) -> list[list[str]]:
    """Return all records; with ``trim``, blanks before a field do not count."""
    reader = _Reader(text.replace("\r\n", "\n"), trim)
    records = []
    while reader.skip_empty_lines():
        records.append(reader.record())
    return records


class _Reader:
    def __init__(self, text: str, trim: bool) -> None:
        self.text = text
        self.trim = trim
        self.position = 0

    def skip_empty_lines(self) -> bool:
        """Go to the next record; false if there is none."""
        while self.text.startswith("\n", self.position):
            self.position += 1
        return self.position < len(self.text)

    def record(self) -> list[str]:
        fields = [self._field()]
        while self.text.startswith(",", self.position):
            self.position += 1
            fields.append(self._field())
        self.position += 1
        return fields

    def _field(self) -> str:
        while self.trim and self.text[self.position : self.position + 1] in (" ", "\t"):
            self.position += 1
        if self.text.startswith('"', self.position):
            return self._quoted()
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in ",\n":
            self.position += 1
        field = self.text[start : self.position]
        if '"' in field:
            raise self._error(start + field.index('"'), _BARE)
        return field

    def _quoted(self) -> str:
        parts: list[str] = []
        self.position += 1
        while True:
            end = self.text.find('"', self.position)
            if end < 0:
                raise self._error(len(self.text), _QUOTE)
            parts.append(self.text[self.position : end])
            self.position = end + 1
            following = self.text[self.position : self.position + 1]
            if following in ("", ",", "\n"):
                return "".join(parts)
            if following != '"':
                raise self._error(end, _QUOTE)
            parts.append('"')
            self.position += 1

    def _error(self, at: int, what: str) -> CsvError:
        """Complain of a place; Go counts lines from 1 and, within a line, bytes from 1."""
        before = self.text[:at].rpartition("\n")[2].encode("utf-8", "surrogateescape")
        line = self.text.count("\n", 0, at) + 1
        return CsvError(f"parse error on line {line}, column {len(before) + 1}: {what}")
