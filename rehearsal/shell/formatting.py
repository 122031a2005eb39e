"""Objects as lines of text, as Out-Default and Out-String show them: up to four properties a table, more
a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rehearsal.shell.binding import text
from rehearsal.shell.values import PsObject, Value

TABLE_LIMIT = 4


def lines(values: Sequence[Value]) -> list[str]:
    """Return what a console would show for the objects of a pipeline."""
    shown: list[str] = []
    for is_object, group in groupby(values, key=lambda value: isinstance(value, PsObject)):
        if is_object:
            objects = [value for value in group if isinstance(value, PsObject)]
            shown += table(objects) if len(_columns(objects)) <= TABLE_LIMIT else as_list(objects)
        else:
            shown += [line for value in group if value is not None for line in _split(_cell(value, top=True))]
    return shown


def table(objects: Sequence[PsObject], columns: Sequence[str] = ()) -> list[str]:
    """Return a table as Format-Table does, as wide as it must be."""
    names = list(columns or _columns(objects))
    rows = [[_cell(item.get(name)) for name in names] for item in objects]
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    rules = ["-" * len(name) for name in names]
    body = [" ".join(map(str.ljust, row, widths)).rstrip() for row in [names, rules, *rows]]
    return ["", *body, "", ""]


def as_list(objects: Sequence[PsObject], columns: Sequence[str] = ()) -> list[str]:
    """Return ``Name : value`` lines as Format-List does."""
    shown = [""]
    for item in objects:
        names = list(columns or item.default_display or item.properties)
        width = max((len(name) for name in names), default=0)
        shown += ["", *(f"{name.ljust(width)} : {_cell(item.get(name))}" for name in names)]
    return [*shown, "", ""]


def _columns(objects: Sequence[PsObject]) -> list[str]:
    return list(objects[0].default_display or objects[0].properties)


def _cell(value: Value, *, top: bool = False) -> str:
    if isinstance(value, list) and not top:
        return "{" + ", ".join(text(item) for item in value) + "}"
    if isinstance(value, list):
        return "\n".join(text(item) for item in value)
    return text(value)


def _split(content: str) -> Iterator[str]:
    yield from content.replace("\r\n", "\n").split("\n")
