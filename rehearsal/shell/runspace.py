"""A runspace: runs what a client sends, one invocation at a time, and keeps the host's journal of it."""

from __future__ import annotations

import logging
import threading

from rehearsal import library
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult
from rehearsal.shell import prompt
from rehearsal.shell.execution import Execution, Memory
from rehearsal.shell.values import Invocation, Outcome, PsError, RemoteCommand, ScriptHalt

log = logging.getLogger(__name__)


class Runspace:
    """One runspace on one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._memory = Memory()

    def invoke(self, invocation: Invocation, cancel: threading.Event) -> Outcome:
        """Run an invocation to its end; what goes wrong is in the outcome."""
        execution = Execution(self._host, self._memory, cancel)
        failure = None
        try:
            for statement in invocation.statements:
                execution.pipeline(statement, invocation.input)
        except ScriptHalt as halt:
            failure = halt.error
        except PsError as error:
            failure = error
        except Exception as error:
            log.exception("%s: a command could not be run", self._host.address)
            failure = PsError(f"The rehearsal failed: {error!r}; see its log", "RehearsalDefect")
        outcome = Outcome(execution.records, failure, cancel.is_set(), execution.last_failed)
        self._write_journal(invocation, execution.exit_code, outcome)
        return outcome

    def run_command_line(self, line: str, cancel: threading.Event) -> NativeResult:
        """Run a line of the command prompt (WinRS), PowerShell started from there among it."""
        try:
            return prompt.run(
                self._host, line, lambda script: self.invoke(Invocation.of(script), cancel), self._memory
            )
        except Exception as error:
            log.exception("%s: a command line could not be run", self._host.address)
            return NativeResult(1, b"", f"The rehearsal failed: {error!r}; see its log\r\n".encode())

    def _write_journal(self, invocation: Invocation, exit_code: int | None, outcome: Outcome) -> None:
        commands = [command for statement in invocation.statements for command in statement]
        shown = [_shown(command) for command in commands if command.text not in library.SILENT]
        if shown:
            failed = outcome.failure is not None or bool(outcome.errors)
            name = library.name_of(commands[0])
            self._host.journal.write(name or " | ".join(shown), exit_code, failed=failed)


def _shown(command: RemoteCommand) -> str:
    if command.is_script:
        return command.text
    return " ".join([command.text, *(f"-{name} {value}" for name, value in command.parameters)])
