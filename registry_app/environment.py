"""Read a frozen dataclass from the environment: each field knows its variable and how its text is read.

Without the library that checks the provisioner's settings: it takes 8 MB of memory and a quarter of a start,
and in a container every health check is a start.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

Reader: TypeAlias = Callable[[str], Any]
"""Returns what a text means, or raises ValueError with a sentence that says what to write instead."""

Model = TypeVar("Model")

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_SIZE = re.compile(r"(\d+)\s*([KMGT]i?)?B?", re.IGNORECASE)
_SWITCH = {"true": True, "t": True, "yes": True, "y": True, "on": True, "1": True} | {
    "false": False, "f": False, "no": False, "n": False, "off": False, "0": False
}  # fmt: skip


def setting(variable: str, default: object, reader: Reader = str) -> Any:  # noqa: ANN401 - a field of any type
    """Return a dataclass field that ``variable`` sets."""
    return dataclasses.field(default=default, metadata={"variable": variable, "reader": reader})


def variables(model: type) -> frozenset[str]:
    """Return the names of all variables that ``model``'s fields are read from."""
    return frozenset(field.metadata["variable"] for field in dataclasses.fields(model))


def read(model: type[Model], environment: Mapping[str, str]) -> tuple[Model, list[str]]:
    """Return ``model`` as ``environment`` sets it, and a line for each text that means nothing.

    A field whose text means nothing keeps its default, so that what contradicts it is found as well.
    """
    values: dict[str, object] = {}
    mistakes = []
    for field in dataclasses.fields(model):  # type: ignore[arg-type] # every model is a dataclass
        variable = field.metadata["variable"]
        text = environment.get(variable)
        if text is None:
            continue
        try:
            values[field.name] = field.metadata["reader"](text)
        except ValueError as error:
            mistakes.append(f"{variable}={text}: {error}")
    return model(**values), mistakes


def some_text(text: str) -> str:
    """Return a text that is not empty."""
    if not text:
        raise ValueError("is empty; write a value, or unset the variable")
    return text


def switch(text: str) -> bool:
    """Return what is on or off."""
    if text.lower() not in _SWITCH:
        raise ValueError("is neither true nor false")
    return _SWITCH[text.lower()]


def number(text: str) -> int:
    """Return a whole number that is not negative."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")
    return int(text[:18])


def duration(text: str) -> float:
    """Return the seconds of a duration as Go writes it (``168h``, ``1m30s``); a bare number is seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        return float(text)
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError("not a duration; write for example 168h, 90s or 1m30s")
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)


def size(text: str) -> int:
    """Return the bytes of a size as people write it (``4MiB``, ``512M``, ``1048576``); all units are powers
    of 1024.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size; write for example 4MiB or 1048576")
    return int(match[1]) << (10 * " KMGT".index((match[2] or " ")[0].upper()))


def at_least(least: int, reader: Reader) -> Reader:
    """Return a reader that refuses less than ``least``."""

    def read_bounded(text: str) -> Any:  # noqa: ANN401 - what ``reader`` returns
        value = reader(text)
        if value < least:
            raise ValueError(f"must be at least {least}")
        return value

    return read_bounded


def more_than_nothing(reader: Reader) -> Reader:
    """Return a reader that refuses nothing."""

    def read_positive(text: str) -> Any:  # noqa: ANN401 - what ``reader`` returns
        value = reader(text)
        if not value:
            raise ValueError("must be more than nothing")
        return value

    return read_positive


def one_of(*words: str) -> Reader:
    """Return a reader of one of so many words."""

    def read_word(text: str) -> str:
        if text not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return text

    return read_word
