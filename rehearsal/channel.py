"""A command's output on its way to the client: bytes in order, taken in bites that fit an envelope."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

PIECE = 32_768
"""Bytes: the size in which Windows cuts what it sends."""


@dataclass(frozen=True)
class Job:
    """Work that may block. ``run`` is called away from the event loop, what it returns is called back on
    it.
    """

    run: Callable[[], Callable[[], None]]
    kind: str = "pipeline"


@dataclass(frozen=True)
class Bite:
    """What one Receive hands over. ``exit_code`` is set in the last one of a command that is done."""

    pieces: list[tuple[str, bytes]]
    exit_code: int | None


@dataclass
class Channel:
    """Output of one command, or of a runspace pool itself, that waits to be fetched."""

    pieces: deque[tuple[str, bytes] | None] = field(default_factory=deque)
    exit_code: int | None = None
    drained: bool = False
    on_change: Callable[[], None] | None = None
    """Called when there is something new to fetch; at most one Receive waits for that."""

    def put(self, stream: str, data: bytes) -> None:
        """Append output, cut into pieces."""
        self.pieces.extend((stream, data[start : start + PIECE]) for start in range(0, len(data), PIECE))
        self._notify()

    def split(self) -> None:
        """Let a Receive end here, though there is more: Windows often sends output and state apart."""
        if self.pieces:
            self.pieces.append(None)

    def finish(self, exit_code: int) -> None:
        """Nothing more will come."""
        self.exit_code = exit_code
        self._notify()

    @property
    def ready(self) -> bool:
        """Whether a Receive has something to answer."""
        return bool(self.pieces) or self.exit_code is not None

    def take(self, limit: int) -> Bite:
        """Return up to ``limit`` bytes, always at least one piece if there is one."""
        taken: list[tuple[str, bytes]] = []
        size = 0
        while self.pieces:
            piece = self.pieces[0]
            if piece is None:
                self.pieces.popleft()
                break
            if taken and size + len(piece[1]) > limit:
                break
            taken.append(piece)
            size += len(piece[1])
            self.pieces.popleft()
        self.drained = not self.pieces and self.exit_code is not None
        return Bite(taken, self.exit_code if self.drained else None)

    def _notify(self) -> None:
        if self.on_change is not None:
            self.on_change()


class Shell(Protocol):
    """A WS-Management shell: a runspace pool or a command prompt. Commands are named by the client or the
    shell.
    """

    def command(self, command_id: str, command_line: CommandLine) -> None:
        """Start a command."""
        ...

    def send(self, command_id: str | None, data: bytes) -> None:
        """Take input for a command, or for the shell itself."""
        ...

    def output(self, command_id: str | None) -> Channel:
        """Return where a command's output, or the shell's own, comes out; a `Fault` if there is none."""
        ...

    def signal(self, command_id: str, code: str) -> None:
        """Stop a command, or forget one that has ended."""
        ...

    def close(self) -> None:
        """End everything that still runs."""
        ...

    def next_job(self) -> Job | None:
        """Return the next piece of work, if the shell may start one now."""
        ...


@dataclass(frozen=True)
class CommandLine:
    """The body of a Command request: text and arguments."""

    command: str
    arguments: list[str]
