"""A command prompt over WS-Management (WinRS), as pywinrm uses it: command lines in, bytes and an exit
code out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rehearsal.channel import Channel, CommandLine, Job
from rehearsal.interfaces import NativeResult
from rehearsal.wsman import Fault

Execute = Callable[[str, threading.Event], NativeResult]
"""Run a command line to its end, or until the event is set."""

CONTROL_C_EXIT = 0xC000013A
"""STATUS_CONTROL_C_EXIT: what a process that was told to stop leaves as its exit code."""


@dataclass
class CommandInProgress:
    """A command line and where its output goes."""

    line: str
    channel: Channel = field(default_factory=Channel)
    cancel: threading.Event = field(default_factory=threading.Event)


class CommandShell:
    """One WinRS shell. Its commands may run side by side, each is a process of its own."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._commands: dict[str, CommandInProgress] = {}
        self._ready: deque[CommandInProgress] = deque()

    def command(self, command_id: str, command_line: CommandLine) -> None:
        """Start a command line; arguments are appended as they are."""
        line = " ".join([command_line.command, *command_line.arguments])
        command = self._commands[command_id.upper()] = CommandInProgress(line)
        self._ready.append(command)

    def send(self, command_id: str | None, data: bytes) -> None:
        """Take the end of standard input; programs of a rehearsal host read none over WinRS."""
        if data:
            raise Fault.malformed(f"command {command_id} of a rehearsal host reads no standard input")

    def output(self, command_id: str | None) -> Channel:
        """Return a command's channel; a command prompt has no output of its own."""
        command = self._commands.get((command_id or "").upper())
        if command is None or command.channel.drained:
            raise Fault.no_such_command(command_id or "(none)")
        return command.channel

    def signal(self, command_id: str, code: str) -> None:
        """Stop a command that runs, and forget it if the signal says so."""
        command = self._commands.get(command_id.upper())
        if command is None:
            return
        if command.channel.exit_code is None:
            command.cancel.set()
            command.channel.finish(CONTROL_C_EXIT)
        if code.lower().endswith("/terminate"):
            del self._commands[command_id.upper()]

    def close(self) -> None:
        """End everything that still runs."""
        for command in self._commands.values():
            command.cancel.set()
        self._ready.clear()

    def next_job(self) -> Job | None:
        """Return the next command to run."""
        if not self._ready:
            return None
        command = self._ready.popleft()

        def run() -> Callable[[], None]:
            result = self._execute(command.line, command.cancel)
            return lambda: _finish(command, result)

        return Job(run, kind="process")


def _finish(command: CommandInProgress, result: NativeResult) -> None:
    if command.cancel.is_set():
        return
    if result.stdout:
        command.channel.put("stdout", result.stdout)
    if result.stderr:
        command.channel.put("stderr", result.stderr)
    command.channel.finish(result.exit_code)
