"""Run PowerShell on a host without a wire, and an engine that does as a test says."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from rehearsal.host import Host
from rehearsal.interfaces import ServiceFailure
from rehearsal.shell.runspace import Runspace
from rehearsal.shell.values import Invocation, Outcome


def run(host: Host, text: str) -> Outcome:
    """Run a script in a runspace of its own."""
    return Runspace(host).invoke(Invocation.of(text), threading.Event())


def output(host: Host, text: str) -> list[object]:
    """Run a script that must not fail; return its output."""
    outcome = run(host, text)
    assert outcome.failure is None, outcome.failure
    assert not outcome.errors, outcome.errors
    return outcome.output


def error_of(host: Host, text: str) -> tuple[str, str]:
    """Run a script that must fail once; return the error's identifier and text."""
    outcome = run(host, text)
    (error,) = [*outcome.errors, *([outcome.failure] if outcome.failure else [])]
    return error.error_id, error.message


@dataclass
class FakeEngine:
    """An engine that notes what it is told, and fails if it is told to."""

    calls: list[str] = field(default_factory=list)
    failure: ServiceFailure | None = None

    def start(self, arguments: Sequence[str]) -> int:
        """Start, or not."""
        self.calls.append(f"start {' '.join(arguments[1:])}")
        if self.failure is not None:
            raise self.failure
        return 4711

    def stop(self) -> None:
        """Stop."""
        self.calls.append("stop")

    def paramchange(self) -> None:
        """Reload."""
        self.calls.append("paramchange")
