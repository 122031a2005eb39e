"""What happened on each host during a run: kept while it goes on, read by the summary and the reports.

Plain data without pyinfra. Times are seconds since the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["unchanged", "changed", "planned", "failed", "unreachable", "not begun"]


@dataclass(frozen=True)
class Change:
    """One thing that is to be done, or was: in a few words, with details such as the lines of a diff."""

    operation: str
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a host did not get there, and what a person can do about it."""

    operation: str
    cause: str
    remedy: str = ""


@dataclass
class HostRecord:
    """One host's part in a run."""

    name: str
    wave: int | None = None
    windows: str = ""
    engine: str = ""
    registry: tuple[str, ...] = ()
    proof: str = ""
    planned: list[Change] = field(default_factory=list)
    done: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: Failure | None = None
    reached: bool = True
    begun: bool = True
    started: float | None = None
    finished: float | None = None

    @property
    def status(self) -> Status:
        """How it ended, in one word for the table."""
        if not self.reached:
            return "unreachable"
        if not self.begun:
            return "not begun"
        if self.failure is not None:
            return "failed"
        if self.done:
            return "changed"
        return "planned" if self.planned else "unchanged"

    @property
    def seconds(self) -> float | None:
        """How long the host was worked on."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started

    def plan(self, change: Change) -> None:
        """Note what is to be done, once, however often it is asked for."""
        if change not in self.planned:
            self.planned.append(change)

    def fail(self, failure: Failure) -> None:
        """Note the failure that stopped the host; the first one is the cause of what follows."""
        if self.failure is None:
            self.failure = failure


@dataclass
class RunRecord:
    """A whole run. ``dry`` is a run that only looked."""

    dry: bool = False
    waves: list[tuple[str, ...]] = field(default_factory=list)
    hosts: dict[str, HostRecord] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    finished: float | None = None

    def host(self, name: str) -> HostRecord:
        """Return the record of a host, a new one if it has none."""
        return self.hosts.setdefault(name, HostRecord(name))

    @property
    def failed(self) -> list[str]:
        """Hosts that were begun and not finished."""
        return [name for name, record in self.hosts.items() if record.status == "failed"]

    def counts(self) -> dict[Status, int]:
        """Return how many hosts ended in which way, without those that none did."""
        found: dict[Status, int] = {}
        for record in self.hosts.values():
            found[record.status] = found.get(record.status, 0) + 1
        return found

    def as_plan(self) -> dict[str, Any]:
        """Return what is to be done, as plain data for JSON."""
        return {
            "waves": [list(wave) for wave in self.waves],
            "hosts": {
                record.name: {"wave": record.wave, "steps": _plain(record.planned)}
                for record in self.hosts.values()
            },
        }

    def as_result(self) -> dict[str, Any]:
        """Return what happened, as plain data for JSON."""
        return {
            "dry": self.dry,
            "started": self.started,
            "finished": self.finished,
            "counts": dict(self.counts()),
            "waves": [list(wave) for wave in self.waves],
            "hosts": [
                {**asdict(record), "status": record.status, "seconds": record.seconds}
                for record in self.hosts.values()
            ],
        }


def _plain(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [asdict(change) for change in changes]
