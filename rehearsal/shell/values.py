"""What travels through a pipeline, and what a pipeline leaves behind. Plain values; nothing here knows a
host.

Text, whole numbers, booleans, ``None``, bytes, dates and lists are Python's own. Objects of .NET classes
are `PsObject`, values of .NET enumerations `PsEnum`, and text that carries extra properties is `NotedText`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Value = object
"""Anything that can be an element of a pipeline."""


@dataclass(frozen=True)
class PsEnum:
    """A value of an enumeration: PowerShell prints its name, Windows PowerShell 5.1 writes its number as
    JSON.
    """

    name: str
    number: int

    def __str__(self) -> str:
        return self.name


class NotedText(str):
    """Text with properties attached, as ``Get-Content`` emits it; ConvertTo-Json 5.1 makes an object of
    it.
    """

    __slots__ = ("notes",)

    notes: Mapping[str, Value]

    def __new__(cls, text: str, notes: Mapping[str, Value]) -> NotedText:
        """Attach ``notes`` to ``text``."""
        self = super().__new__(cls, text)
        self.notes = notes
        return self


@dataclass
class PsObject:
    """An object with properties, in order. ``text`` is what ``ToString()`` gives."""

    type_name: str
    properties: dict[str, Value]
    text: str = ""
    default_display: Sequence[str] = ()
    handle: object = None
    """What the object stands for on the host; only cmdlets of the same family look at it."""

    def get(self, name: str) -> Value:
        """Return a property's value by its name in any case, or None: PowerShell knows no missing
        property.
        """
        wanted = name.casefold()
        return next((value for key, value in self.properties.items() if key.casefold() == wanted), None)

    def has(self, name: str) -> bool:
        """Whether there is such a property."""
        wanted = name.casefold()
        return any(key.casefold() == wanted for key in self.properties)


CUSTOM = "System.Management.Automation.PSCustomObject"
"""The type name of what ``Select-Object -Property`` makes."""


@dataclass(eq=False)
class PsError(Exception):
    """An error record. Written, it goes to the error stream; raised, it ends its statement, and the next
    runs.
    """

    message: str
    error_id: str
    category: str = "NotSpecified"
    exception: str = "System.Management.Automation.RuntimeException"
    target: str = ""
    activity: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return self.message


class ScriptHalt(Exception):  # a control flow, not an error by itself
    """An error that ends the whole script: ``throw``, ``-ErrorAction Stop``, text that does not parse."""

    def __init__(self, error: PsError) -> None:
        super().__init__(error.message)
        self.error = error


Stream = Literal["output", "error", "warning"]


@dataclass(frozen=True)
class Record:
    """One thing that a pipeline wrote, and the stream it wrote it to."""

    stream: Stream
    value: Value


@dataclass
class Outcome:
    """What a pipeline left behind: its records in the order written, and the error that ended it, if one
    did.
    """

    records: list[Record] = field(default_factory=list)
    failure: PsError | None = None
    stopped: bool = False
    last_failed: bool = False
    """Whether the last statement failed: what PowerShell's ``$?`` would say."""

    @property
    def output(self) -> list[Value]:
        """The objects in the output stream."""
        return [record.value for record in self.records if record.stream == "output"]

    @property
    def errors(self) -> list[PsError]:
        """The records in the error stream."""
        return [record.value for record in self.records if isinstance(record.value, PsError)]


@dataclass(frozen=True)
class RemoteCommand:
    """One command of a pipeline as it came over the wire: script text, or a cmdlet's name with its
    parameters.
    """

    text: str
    is_script: bool
    parameters: Sequence[tuple[str | None, Value]] = ()


@dataclass(frozen=True)
class Invocation:
    """What a client asked a runspace to run: statements, each a pipeline of commands, and the pipeline
    input.
    """

    statements: Sequence[Sequence[RemoteCommand]]
    input: Sequence[Value] = ()

    @classmethod
    def of(cls, text: str) -> Invocation:
        """One statement of one script."""
        return cls([[RemoteCommand(text, is_script=True)]])
