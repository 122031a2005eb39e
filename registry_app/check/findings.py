"""What can be wrong with a store, and what would mend it. Pure: no disk."""

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    DAMAGE = "damage"
    """Something that was pushed cannot be pulled, or is not what its name says."""
    LEFTOVER = "leftover"
    """Something unfinished that no client sees and that only takes space."""
    NOTE = "note"
    """Worth knowing; nothing is wrong."""
    UNREADABLE = "unreadable"
    """The disk refused: what is there is not known."""


@dataclass(frozen=True, slots=True)
class Write:
    """Give the file at ``path`` this content: what it must be follows from what else is there."""

    path: str
    content: bytes

    def __str__(self) -> str:
        return "written anew"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Move the file or directory at ``path`` out of the store."""

    path: str

    def __str__(self) -> str:
        return "moved to quarantine"


Remedy = Write | Quarantine


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``kind`` is for programs, ``text`` for people, ``path`` is below the root."""

    severity: Severity
    kind: str
    path: str
    text: str
    remedy: Remedy | None = None


@dataclass
class Counts:
    """How much was looked at."""

    blobs: int = 0
    bytes: int = 0
    repositories: int = 0
    manifests: int = 0
    tags: int = 0
    uploads: int = 0
    unreferenced: int = 0
    """Blobs that no repository holds; garbage collection removes them."""
    unreferenced_bytes: int = 0


@dataclass
class Survey:
    """All that one look at a store has shown."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def add(self, severity: Severity, kind: str, path: str, text: str, remedy: Remedy | None = None) -> None:
        """Note one finding."""
        self.findings.append(Finding(severity, kind, path, text, remedy))

    def of(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [finding for finding in self.findings if finding.severity is severity]
