"""Header values that clients send and that need more than a comparison. Pure: text in, values out.

Sources: RFC 9110 (Range, If-None-Match, Accept), OCI distribution specification (Content-Range of a chunk).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from registry_app.errors import RangeInvalid
from registry_app.manifest import is_media_type

_RANGE = re.compile(r"bytes\s*=\s*(?P<first>\d{0,19})\s*-\s*(?P<last>\d{0,19})", re.ASCII | re.IGNORECASE)
_CHUNK = re.compile(r"(?:bytes\s+)?(?P<first>\d{1,19})-(?P<last>\d{1,19})(?:/(?:\d{1,19}|\*))?", re.ASCII)
_ENTITY_TAG = re.compile(r'(?P<weak>W/)?"(?P<quoted>[^"]*)"|(?P<bare>[^\s,"]+)')
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a blob: ``length`` bytes from ``start``."""

    start: int
    length: int

    @property
    def last(self) -> int:
        """Offset of the last byte."""
        return self.start + self.length - 1


def requested_span(value: str | None, size: int) -> Span | None:
    """Return the part that a ``Range`` header asks of ``size`` bytes; None for all of it.

    What is no single range of bytes is ignored, as RFC 9110, section 14.2 allows; a range that begins after
    the end raises `RangeInvalid`.
    """
    match = _RANGE.fullmatch(value.strip()) if value else None
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        length = min(int(match["last"]), size)
        if not length:
            raise RangeInvalid(headers=[("Content-Range", f"bytes */{size}")])
        return Span(size - length, length)
    first = int(match["first"])
    last = min(int(match["last"]), size - 1) if match["last"] else size - 1
    if match["last"] and int(match["last"]) < first:
        # RFC 9110, section 14.1.1 makes this invalid, thus ignorable; conformance tests and the reference
        # want 416.
        raise RangeInvalid(headers=[("Content-Range", f"bytes */{size}")])
    if first >= size:
        raise RangeInvalid(headers=[("Content-Range", f"bytes */{size}")])
    return Span(first, last - first + 1)


def chunk_span(value: str) -> Span:
    """Return the part of an upload that a chunk's ``Content-Range`` claims to be; raise `RangeInvalid`.

    OCI spec, "Pushing a blob in chunks": ``<first>-<last>`` without a unit. What RFC 9110 would write is
    read, too.
    """
    match = _CHUNK.fullmatch(value.strip())
    if match is None or int(match["last"]) < int(match["first"]):
        raise RangeInvalid("malformed Content-Range", detail={"contentRange": value[:200]})
    return Span(int(match["first"]), int(match["last"]) - int(match["first"]) + 1)


def names_entity(values: Iterable[str], entity: str, *, weakly: bool = True) -> bool:
    """Return whether an ``If-None-Match``, or with ``weakly=False`` an ``If-Match``, names ``entity``.

    RFC 9110, section 8.8.3.2: a weak tag counts in the one and not in the other. Some clients send tags
    without their quotation marks; those are read as well.
    """
    for value in values:
        if value.strip() == "*":
            return True
        for match in _ENTITY_TAG.finditer(value):
            if entity in (match["quoted"], match["bare"]) and (weakly or not match["weak"]):
                return True
    return False


def is_same_entity(value: str, entity: str) -> bool:
    """Return whether an ``If-Range`` says that the client has a part of ``entity``.

    RFC 9110, section 13.1.5: it is one strong tag. A date is none, and neither is ``*``.
    """
    return value.strip() == f'"{entity}"'


@dataclass(frozen=True, slots=True)
class Preconditions:
    """``If-Match`` and ``If-None-Match`` of one request (RFC 9110, section 13.1)."""

    match: tuple[str, ...]
    none_match: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.match or self.none_match)

    def match_holds(self, entity: str | None) -> bool:
        """Return whether ``If-Match`` lets the request pass, ``entity`` being there (None: nothing is)."""
        return not self.match or (entity is not None and names_entity(self.match, entity, weakly=False))

    def is_known(self, entity: str | None) -> bool:
        """Return whether ``If-None-Match`` names what is there: who reads it has it, who writes may not."""
        return entity is not None and names_entity(self.none_match, entity)

    def allow_change(self, entity: str | None) -> bool:
        """Return whether a change of what is there may be made."""
        return self.match_holds(entity) and not self.is_known(entity)


def accepts(values: Iterable[str], media_type: str) -> bool:
    """Return whether ``Accept`` headers allow ``media_type``; no header allows everything. Weights do not
    matter.
    """
    wanted = [part.partition(";")[0].strip().lower() for value in values for part in value.split(",")]
    kind = media_type.partition("/")[0]
    return not wanted or any(part in (media_type, "*/*", f"{kind}/*") for part in wanted)


def media_type(value: str | None) -> str | None:
    """Return the media type in a ``Content-Type``, without parameters; None if there is none or it is
    malformed.
    """
    plain = (value or "").partition(";")[0].strip()
    return plain if is_media_type(plain) else None
