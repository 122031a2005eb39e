"""Write what a run planned and did: two JSON files for programs, one HTML page for people."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.record import RunRecord

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def write_reports(run: RunRecord, directory: str) -> list[str]:
    """Write ``plan.json``, ``result.json`` and ``report.html`` into ``directory``; return their paths.

    A dry run has no result. Each file is replaced whole, so that whoever reads one reads one run.
    """
    os.makedirs(directory, exist_ok=True)
    contents = {"plan.json": _json(run.as_plan()), "report.html": render_report(run)}
    if not run.dry:
        contents["result.json"] = _json(run.as_result())
    return [_write(os.path.join(directory, name), text) for name, text in sorted(contents.items())]


def render_report(run: RunRecord) -> str:
    """Return the report as one HTML page that needs nothing else."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock
    return environment.get_template("report.html.j2").render(run=run, result=run.as_result())


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _write(path: str, text: str) -> str:
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(part, path)
    return path


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
