"""Tell what a survey found, to a person or to a program."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from registry_app.check.findings import Finding, Severity, Survey
from registry_app.check.repair import Repaired

_ORDER = (Severity.UNREADABLE, Severity.DAMAGE, Severity.LEFTOVER, Severity.NOTE)


def as_text(survey: Survey, repaired: Sequence[Repaired], quarantine: str) -> str:
    """Return the report for a person."""
    return "\n".join(_lines(survey, {id(one.finding): one for one in repaired}, quarantine))


def as_json(survey: Survey, repaired: Sequence[Repaired], quarantine: str) -> str:
    """Return the report for a program; its keys are stable."""
    outcome = {id(one.finding): one for one in repaired}
    document = {
        "sound": is_sound(survey),
        "counts": asdict(survey.counts),
        "findings": [_finding(finding, outcome.get(id(finding))) for finding in _sorted(survey)],
        "quarantine": quarantine if repaired else None,
    }
    return json.dumps(document, indent=2)


def is_sound(survey: Survey) -> bool:
    """Return whether everything that was pushed is there and could be read."""
    return not survey.of(Severity.DAMAGE) and not survey.of(Severity.UNREADABLE)


def _sorted(survey: Survey) -> list[Finding]:
    return sorted(survey.findings, key=lambda finding: (_ORDER.index(finding.severity), finding.path))


def _finding(finding: Finding, repaired: Repaired | None) -> dict[str, str | None]:
    return {
        "severity": finding.severity.value,
        "kind": finding.kind,
        "path": finding.path,
        "text": finding.text,
        "remedy": None if finding.remedy is None else str(finding.remedy),
        "repair": None if repaired is None else repaired.error or "done",
    }


def _lines(survey: Survey, outcome: dict[int, Repaired], quarantine: str) -> Iterator[str]:
    for finding in _sorted(survey):
        yield f"{finding.severity.value}: {finding.kind}: {finding.path}"
        yield f"    {finding.text}"
        if (repaired := outcome.get(id(finding))) is not None:
            yield f"    not repaired: {repaired.error}" if repaired.error else f"    {finding.remedy}"
    if outcome:
        yield f"quarantine: {quarantine}"
    counts = survey.counts
    yield (
        f"{counts.repositories} repositories, {counts.tags} tags, {counts.manifests} manifests, "
        f"{counts.blobs} blobs of {counts.bytes} bytes in all, {counts.uploads} open uploads"
    )
    if counts.unreferenced:
        yield f"{counts.unreferenced} blobs of {counts.unreferenced_bytes} bytes belong to no repository"
    totals = ", ".join(f"{len(survey.of(severity))} {severity.value}" for severity in _ORDER)
    yield f"{'sound' if is_sound(survey) else 'NOT SOUND'}: {totals}"
