"""Decoding JSON into typed fields as Go does: what does not fit is skipped, the first misfit is the error.

The wording is that of Go 1.27, which names the whole path (``Config.log-opts.max-file``). Field names match
without regard to case, the exact one first; ``null`` leaves a value as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rehearsal.engine.golang import netip
from rehearsal.engine.golang.jsontext import JsonNumber, JsonObject, JsonValue
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strings import equal_fold

_WHOLE = re.compile(r"-?[0-9]+")
_INDEX = re.compile(r"[0-9]+")


class JsonTypeError(ValueError):
    """A value does not fit its field; the message is Go's."""


@dataclass
class Misfits:
    """Where the decoder stands, and what did not fit so far."""

    root: str
    path: tuple[str, ...] = ()
    messages: list[str] = field(default_factory=list)

    def below(self, name: str) -> Misfits:
        """Return the position of a member."""
        return Misfits(self.root, (*self.path, name.replace("~", "~0").replace("/", "~1")), self.messages)

    def add(self, value: JsonValue, type_name: str, *, written: bool = False, why: str = "") -> None:
        """Note that ``value`` cannot go into a Go value of type ``type_name``."""
        kind = _kind(value)
        if written and isinstance(value, JsonNumber):
            kind += f" {value.text}"
        reason = f": {why}" if why else ""
        field_path = ".".join(self.path)
        if not field_path:
            self.messages.append(f"json: cannot unmarshal {kind} into Go value of type {type_name}{reason}")
            return
        into = "" if _INDEX.fullmatch(self.path[-1]) else "Go struct field "
        place = f"{self.root}.{field_path}"
        self.messages.append(f"json: cannot unmarshal {kind} into {into}{place} of type {type_name}{reason}")


def _kind(value: JsonValue) -> str:
    if isinstance(value, JsonObject):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, JsonNumber):
        return "number"
    return "string" if isinstance(value, str) else "bool"


class GoType(Protocol):
    """A type that JSON can be decoded into."""

    @property
    def name(self) -> str:
        """The type as Go spells it in an error."""
        ...

    def zero(self) -> object:
        """The value of a field that is not named in the text."""
        ...

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """Return ``value`` decoded over ``current``; on a misfit, note it and return ``current``."""
        ...


@dataclass(frozen=True)
class Text:
    """A string."""

    name: str = "string"

    def zero(self) -> object:
        """See `GoType`."""
        return ""

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None or isinstance(value, str):
            return current if value is None else value
        misfits.add(value, self.name)
        return current


@dataclass(frozen=True)
class Switch:
    """A bool; a ``pointer`` to one is None until it is set, and one may be ``on`` until it is set."""

    name: str = "bool"
    pointer: bool = False
    on: bool = False

    def zero(self) -> object:
        """See `GoType`."""
        return None if self.pointer else self.on

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return None if self.pointer else current
        if isinstance(value, bool):
            return value
        misfits.add(value, self.name)
        return current


@dataclass(frozen=True)
class Whole:
    """A whole number between two limits; ``3.0`` and ``1e3`` are none."""

    name: str = "int"
    low: int = -(1 << 63)
    high: int = (1 << 63) - 1

    def zero(self) -> object:
        """See `GoType`."""
        return 0

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return current
        if not isinstance(value, JsonNumber):
            misfits.add(value, self.name)
            return current
        if _WHOLE.fullmatch(value.text) and self.low <= int(value.text) <= self.high:
            return int(value.text)
        misfits.add(value, self.name, written=True)
        return current


@dataclass(frozen=True)
class ListOf:
    """A slice, perhaps of ``pointers``; each list in the text replaces the one before."""

    item: GoType
    pointers: bool = False

    @property
    def name(self) -> str:
        """See `GoType`."""
        return f"[]{'*' if self.pointers else ''}{self.item.name}"

    def zero(self) -> object:
        """See `GoType`."""
        return None

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return None
        if not isinstance(value, list):
            misfits.add(value, self.name)
            return current
        return [
            self.item.decode(item, self.item.zero(), misfits.below(str(index)))
            for index, item in enumerate(value)
        ]


@dataclass(frozen=True)
class MapOf:
    """A map with string keys; objects of the same name add up."""

    item: GoType

    @property
    def name(self) -> str:
        """See `GoType`."""
        return "map[string]" + self.item.name

    def zero(self) -> object:
        """See `GoType`."""
        return None

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return None
        if not isinstance(value, JsonObject):
            misfits.add(value, self.name)
            return current
        result = dict(current) if isinstance(current, Mapping) else {}
        for name, member in value.members:
            result[name] = self.item.decode(member, self.item.zero(), misfits.below(name))
        return result


@dataclass(frozen=True)
class Struct:
    """A struct; members that it does not know are skipped, or refused if it is ``strict``."""

    name: str
    fields: Mapping[str, GoType]
    strict: bool = False

    def zero(self) -> object:
        """See `GoType`."""
        return {name: kind.zero() for name, kind in self.fields.items()}

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return current
        if not isinstance(value, JsonObject):
            misfits.add(value, self.name)
            return current
        result = dict(current) if isinstance(current, Mapping) else {}
        for name, member in value.members:
            known = self._field(name)
            if known is None:
                if self.strict:
                    misfits.messages.append(f"json: unknown field {quote(name)}")
            else:
                result[known] = self.fields[known].decode(member, result[known], misfits.below(name))
        return result

    def _field(self, name: str) -> str | None:
        if name in self.fields:
            return name
        return next((known for known in self.fields if equal_fold(known, name)), None)


@dataclass(frozen=True)
class FromText:
    """A type that reads a JSON string itself; its own error is passed on as it is."""

    name: str
    read: Callable[[str], object]

    def zero(self) -> object:
        """See `GoType`."""
        return None

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        if value is None:
            return current
        if not isinstance(value, str):
            misfits.add(value, self.name, why="JSON value must be string type")
            return current
        try:
            return self.read(value)
        except ValueError as error:
            misfits.messages.append(str(error))
            return current


@dataclass(frozen=True)
class OwnReader:
    """A type whose ``UnmarshalJSON`` decodes into helper values: its errors start there.

    Where several helpers are tried, one after the other, the error is the last one's. ``root`` is the
    helper's name; a struct without one has none. A reader that ``continues`` decodes over the present value;
    the others begin with a new helper, whose own defaults hold then.
    """

    name: str
    helpers: tuple[GoType, ...]
    root: str = ""
    continues: bool = False

    def zero(self) -> object:
        """See `GoType`."""
        return self.helpers[0].zero() if self.continues else None

    def decode(self, value: JsonValue, current: object, misfits: Misfits) -> object:
        """See `GoType`."""
        own = Misfits(self.root)
        for helper in self.helpers:
            own = Misfits(self.root)
            result = helper.decode(value, current if self.continues else helper.zero(), own)
            if not own.messages:
                return result
        misfits.messages.extend(own.messages)
        return current


def check_floats(value: JsonValue, misfits: Misfits) -> None:
    """Note numbers that no float64 can hold, as decoding into ``any`` does."""
    if isinstance(value, JsonObject):
        for name, member in value.members:
            check_floats(member, misfits.below(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_floats(item, misfits.below(str(index)))
    elif isinstance(value, JsonNumber) and math.isinf(float(value.text)):
        misfits.add(value, "float64", written=True)


def address(text: str) -> netip.Address | None:
    """Read an address from a JSON string; an empty one is no address (netip.Addr)."""
    return netip.parse_address(text) if text else None


def decode_struct(value: JsonValue, kind: Struct, root: str) -> dict[str, object]:
    """Return the fields of ``kind`` as ``value`` sets them, or raise `JsonTypeError`."""
    misfits = Misfits(root)
    result = kind.decode(value, kind.zero(), misfits)
    if misfits.messages:
        raise JsonTypeError(misfits.messages[0])
    if not isinstance(result, dict):
        raise TypeError(f"{kind.name} decoded to {type(result).__name__}")
    return result
