"""Mend what a survey found. Nothing is deleted: what cannot be mended is moved aside, with its path."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry_app.check.findings import Finding, Quarantine, Write
from registry_app.storage.filesystem import FileSystem

QUARANTINE = "_quarantine"
"""Directory below the root; a directory per repair lies in it, and in that the moved paths as they were."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one finding; ``error`` is empty if all went well."""

    finding: Finding
    error: str = ""


def repair(fs: FileSystem, findings: Iterable[Finding], name: str) -> list[Repaired]:
    """Apply the remedies; move what must go to the quarantine ``name``.

    Quarantine first, the highest directory first: what lies in a directory that was moved needs nothing more.
    """
    mended = [finding for finding in findings if finding.remedy is not None]
    mended.sort(key=lambda finding: (isinstance(finding.remedy, Write), finding.path))
    repaired: list[Repaired] = []
    moved: set[str] = set()
    for finding in mended:
        gone = _lies_in(finding.path, moved)
        result = Repaired(finding) if gone else _apply(fs, finding, f"{fs.root}/{QUARANTINE}/{name}")
        if isinstance(finding.remedy, Quarantine) and not result.error:
            moved.add(finding.path)
        repaired.append(result)
    return repaired


def _lies_in(path: str, directories: set[str]) -> bool:
    """Return whether ``path`` lies in one of ``directories``, at any depth."""
    while path := path.rpartition("/")[0]:
        if path in directories:
            return True
    return False


def _apply(fs: FileSystem, finding: Finding, quarantine: str) -> Repaired:
    remedy = finding.remedy
    try:
        if isinstance(remedy, Quarantine) and fs.stat(remedy.path) is not None:
            fs.replace(remedy.path, _free(fs, f"{quarantine}/{finding.path}"))
        elif isinstance(remedy, Write):
            fs.write_whole(remedy.path, remedy.content)
    except OSError as error:
        return Repaired(finding, error.strerror or str(error))
    return Repaired(finding)


def _free(fs: FileSystem, path: str) -> str:
    """Return ``path``, or something like it that is not taken."""
    number, free = 1, path
    while fs.stat(free) is not None:
        number, free = number + 1, f"{path}.{number}"
    return free
