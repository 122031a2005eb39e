"""Between a pipeline's values and psrpcore's: what an object looks like on the other side of the wire."""

from __future__ import annotations

import datetime

from psrpcore.types import PSDateTime, PSInt64, PSNoteProperty, PSObject, PSString

from rehearsal.shell.values import NotedText, PsEnum, PsObject, Value

DEPTH = 3
"""Levels of nested objects that are sent as objects; below, their text is sent (Windows' default is one)."""


def to_wire(value: Value, depth: int = DEPTH) -> object:
    """Return what psrpcore sends for a pipeline value."""
    if isinstance(value, NotedText):
        text = PSString(str(value))
        for name, note in value.notes.items():
            text.PSObject.extended_properties.append(PSNoteProperty(name, value=to_wire(note, 0)))
        return text
    if isinstance(value, datetime.datetime):
        return PSDateTime.fromisoformat(value.isoformat())
    if isinstance(value, PsEnum):
        return value.name
    if isinstance(value, list | tuple):
        return [to_wire(item, depth) for item in value]
    if isinstance(value, PsObject):
        return _object(value, depth) if depth else value.text
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        return PSInt64(value)
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return value
    return str(value)


def _object(value: PsObject, depth: int) -> PSObject:
    sent = PSObject()
    sent.PSObject.type_names = [value.type_name, "System.Object"]
    sent.PSObject.to_string = value.text or value.type_name
    for name, content in value.properties.items():
        sent.PSObject.extended_properties.append(PSNoteProperty(name, value=to_wire(content, depth - 1)))
    return sent


def from_wire(value: object) -> Value:
    """Return the pipeline value for what psrpcore received; objects arrive as their text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, list | tuple):
        return [from_wire(item) for item in value]
    if isinstance(value, PSObject):
        properties = value.PSObject.adapted_properties + value.PSObject.extended_properties
        content = {item.name: from_wire(item.get_value(value)) for item in properties}
        return PsObject(value.PSTypeNames[0], content, text=str(value))
    return str(value)
