"""The table at the end of a run: what a person wants to know of each host. Pure: text from a record."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from deploy.record import HostRecord, RunRecord, Status

COLOURS: dict[Status, str] = {
    "unchanged": "cyan",
    "changed": "green",
    "planned": "yellow",
    "failed": "red",
    "unreachable": "red",
    "not begun": "yellow",
}

_HEAD = ("host", "result", "Windows", "engine", "registry", "proof")


def summary_lines(run: RunRecord, width: int | None = None) -> list[str]:
    """Return the summary: the table, what changed, and what failed with cause and remedy."""
    width = width or shutil.get_terminal_size((120, 40)).columns
    records = list(run.hosts.values())
    lines = [*_table([_HEAD, *(_row(record) for record in records)]), ""]
    for alike in _alike(records, dry=run.dry):
        lines.extend(_changes(alike, width, dry=run.dry))
    for failed in _failed_alike(records):
        lines.extend(_failure(failed, width))
    lines.append(_totals(run))
    return lines


def _row(record: HostRecord) -> tuple[str, ...]:
    columns = (record.windows, record.engine, ", ".join(record.registry), record.proof)
    return (record.name, record.status, *(column or "-" for column in columns))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [
        lines[0].rstrip(),
        "  ".join("-" * width for width in widths),
        *(line.rstrip() for line in lines[1:]),
    ]


def _alike(records: Sequence[HostRecord], *, dry: bool) -> list[list[HostRecord]]:
    """Put hosts together of which there is the same to tell: a fleet is told once, not thirty times."""
    groups: dict[str, list[HostRecord]] = {}
    for record in records:
        groups.setdefault(repr((record.planned if dry else record.done, record.notes)), []).append(record)
    return list(groups.values())


def _changes(alike: Sequence[HostRecord], width: int, *, dry: bool) -> list[str]:
    record = alike[0]
    changes = record.planned if dry else record.done
    if not changes and not record.notes:
        return []
    heading = "to note" if not changes else "would change" if dry else "changed"
    names = ", ".join(record.name for record in alike)
    lines = _wrapped(f"{names} {heading}:", width, "")
    for change in changes:
        lines.extend(_wrapped(change.text, width, "  - "))
        if dry:
            lines.extend(f"      {detail}" for detail in change.details)
    for note in record.notes:
        lines.extend(_wrapped(note, width, "  ! "))
    return [*lines, ""]


def _failed_alike(records: Sequence[HostRecord]) -> list[list[HostRecord]]:
    groups: dict[object, list[HostRecord]] = {}
    for record in records:
        if record.failure is not None:
            groups.setdefault((record.status, record.failure), []).append(record)
    return list(groups.values())


def _failure(alike: Sequence[HostRecord], width: int) -> list[str]:
    failure = alike[0].failure
    if failure is None:
        return []
    where = f" in {failure.operation}" if failure.operation and alike[0].begun else ""
    names = ", ".join(record.name for record in alike)
    lines = _wrapped(f"{names} {alike[0].status}{where}:", width, "")
    lines += _wrapped(failure.cause, width, "  cause:  ")
    if failure.remedy:
        lines.extend(_wrapped(failure.remedy, width, "  remedy: "))
    return [*lines, ""]


def _wrapped(text: str, width: int, start: str) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        first = " " * len(start) if lines else start
        lines.extend(
            textwrap.wrap(
                line,
                max(width, 60),
                initial_indent=first,
                subsequent_indent=" " * len(start),
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return lines


def _totals(run: RunRecord) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in run.counts().items())
    seconds = f" in {run.finished - run.started:.0f} s" if run.finished is not None else ""
    return f"{len(run.hosts)} host{'s' if len(run.hosts) != 1 else ''}: {counts or 'none'}{seconds}"
