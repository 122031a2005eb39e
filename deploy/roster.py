"""Name many hosts at once, for inventories: by a range of names or addresses, or from a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from deploy.settings import deep_merge

InventoryHost = tuple[str, dict[str, Any]]
"""A host as pyinfra's inventories name it: name and data."""

_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_COLUMNS: Final = ("host", "user", "port", "windows_build")


def from_range(pattern: str) -> list[InventoryHost]:
    """Return the hosts that ``pattern`` names: ``pc-[01-30].class.lan`` or ``10.20.0.[11-40]``.

    Leading zeros are kept; a name without brackets is one host. Raise `ValueError` for a range that runs
    backwards.
    """
    return [(f"@psrp/{name}", {}) for name in _names(pattern)]


def from_csv(path: str | Path) -> list[InventoryHost]:
    """Return the hosts of a CSV file with the columns ``host`` and, as wanted, user, port and windows_build.

    Lines that begin with ``#`` and empty lines are passed over. Raise `ValueError` naming the line for what
    makes no sense.
    """
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    rows = csv.DictReader((line for _, line in numbered), skipinitialspace=True)
    unknown = set(rows.fieldnames or ()) - set(_COLUMNS)
    if "host" not in (rows.fieldnames or ()) or unknown:
        raise ValueError(
            f"{path}: the first line names the columns: host, and of {_COLUMNS[1:]} those needed"
        )
    hosts = []
    for (number, _), row in zip(numbered[1:], rows, strict=True):
        try:
            hosts.append(_host(row))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    return hosts


def _host(row: dict[str, str | None]) -> InventoryHost:
    name = (row["host"] or "").strip()
    if not name:
        raise ValueError("there is no host in the column host")
    data: dict[str, Any] = {}
    if user := (row.get("user") or "").strip():
        data["psrp_user"] = user
    if port := (row.get("port") or "").strip():
        data["psrp_port"] = int(port)
    if build := (row.get("windows_build") or "").strip():
        data = deep_merge(data, {"lab": {"windows_build": int(build)}})
    return f"@psrp/{name}", data


def _names(pattern: str) -> Iterator[str]:
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    first, last = match[1], match[2]
    if int(first) > int(last):
        raise ValueError(f"{match[0]} runs backwards; write [{last}-{first}]")
    for number in range(int(first), int(last) + 1):
        name = f"{pattern[: match.start()]}{number:0{len(first)}}{pattern[match.end() :]}"
        yield from _names(name)
