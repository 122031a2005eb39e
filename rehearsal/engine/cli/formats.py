"""``--format`` and tables of docker's list commands (cli ``command/formatter``)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rehearsal.engine.cli.session import CommandError, Session
from rehearsal.engine.golang.template import Template, TemplateError
from rehearsal.engine.golang.template_functions import to_json

Row = Mapping[str, Any]
_GAP = 3
_SIZES = ("B", "kB", "MB", "GB", "TB")


def render(template: str, data: object, type_name: str = "", *, exit_code: int = 64) -> str:
    """Return what a template makes of data; raises `CommandError` in docker's words, and what came close."""
    text = "{{json .}}" if template == "json" else template
    try:
        parsed = Template(_unescaped(text))
    except TemplateError as error:
        raise CommandError(f"template parsing error: {error}{_hint(error)}", exit_code) from error
    try:
        return parsed.execute(data, type_name=type_name)
    except TemplateError as error:
        raise CommandError(f"template parsing error: {error}{_hint(error)}", 1) from error


def _hint(error: TemplateError) -> str:
    words = str(error).replace('"', " ").replace(">", " ").split()
    close = [
        name for word in words for name in difflib.get_close_matches(word.strip(".<"), error.close, 3, 0.7)
    ]
    names = list(dict.fromkeys(close)) or list(error.close)[:30]
    return f"\nrehearsal: known here: {', '.join(names)}" if names else ""


def _unescaped(text: str) -> str:
    return text.replace("\\t", "\t").replace("\\n", "\n")


def print_rows(
    session: Session,
    rows: Sequence[Row],
    template: str,
    columns: Mapping[str, str],
    *,
    type_name: str,
    quiet_key: str = "",
) -> None:
    """Print rows: as a table, by a template, as JSON lines, or only one field of each (``quiet_key``)."""
    if template.startswith("table"):
        _print_template_table(session, rows, template.removeprefix("table").strip(), columns, type_name)
    elif template:
        for row in rows:
            session.print(render(template, dict(row), type_name))
    elif quiet_key:
        for row in rows:
            session.print(str(row[quiet_key]))
    else:
        _print_table(session, list(columns.values()), [[str(row[name]) for name in columns] for row in rows])


def _print_template_table(
    session: Session, rows: Sequence[Row], template: str, columns: Mapping[str, str], type_name: str
) -> None:
    if not template:
        _print_table(session, list(columns.values()), [[str(row[name]) for name in columns] for row in rows])
        return
    known = {name: columns.get(name, name.upper()) for row in rows[:1] for name in row} or dict(columns)
    header = render(template, known, type_name).split("\t")
    _print_table(session, header, [render(template, dict(row), type_name).split("\t") for row in rows])


def _print_table(session: Session, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[index]) for line in [header, *rows]) for index in range(len(header))]
    for line in [header, *rows]:
        cells = [cell.ljust(width + _GAP) for cell, width in zip(line, widths, strict=False)]
        session.print("".join(cells).rstrip() if line is header else "".join([*cells[:-1], line[-1]]))


def print_inspected(session: Session, objects: Sequence[Mapping[str, Any]], template: str) -> None:
    """Print what ``inspect`` found: indented JSON, or one line an object by a template."""
    if not template:
        session.out.append(indented(list(objects)) + "\n")
        return
    if template == "json":
        session.print(to_json(list(objects)))
        return
    for item in objects:
        session.print(render(template, dict(item)))
    if not objects:
        session.print()


def indented(value: object) -> str:
    """Return JSON as docker indents it."""
    return json.dumps(value, indent=4, ensure_ascii=False)


def human_size(count: float) -> str:
    """Return bytes with three digits and a decimal unit (units.HumanSizeWithPrecision)."""
    unit = 0
    while count >= 1000 and unit < len(_SIZES) - 1:
        count /= 1000
        unit += 1
    return f"{float(f'{count:.3g}'):g}{_SIZES[unit]}"


def ago(time: str) -> str:
    """Return how long ago a time is, in words (units.HumanDuration)."""
    then = datetime.fromisoformat(time)
    return duration((datetime.now(UTC) - then).total_seconds())


def duration(seconds: float) -> str:
    """Return a duration in words."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes, hours = whole // 60, round(whole / 3600)
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for limit, divisor, name in (
        (48, 1, "hours"),
        (24 * 14, 24, "days"),
        (24 * 60, 168, "weeks"),
        (24 * 365 * 2, 720, "months"),
    ):
        if hours < limit:
            return f"{hours // divisor} {name}"
    return f"{whole // (3600 * 24 * 365)} years"


def clock(time: str) -> str:
    """Return a time as Go prints one: ``2026-01-13 10:00:00 +0000 UTC``."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
