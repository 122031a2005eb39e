"""What a cmdlet is: a name, a table of parameters, and a function over what was bound to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.host import Host
from rehearsal.shell.values import PsError, Record, ScriptHalt, Value

Kind = Literal["switch", "text", "texts", "number", "flag", "any", "items"]
"""How a value is converted. ``flag`` takes $true/$false or their names, ``items`` is a list of anything."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a cmdlet."""

    name: str
    kind: Kind = "text"
    position: int | None = None
    required: bool = False
    choices: Sequence[str] = ()
    aliases: Sequence[str] = ()
    remaining: bool = False
    """Whether it takes all positional arguments that are left."""
    pipeline: Literal["", "value", "property"] = ""
    """Whether it takes a pipeline element, or the element's property of its name."""


@dataclass
class Context:
    """What a cmdlet works on: the host, the stream to write to, and whether its client has given up."""

    host: Host
    records: list[Record]
    cancel: threading.Event
    command: str = ""
    error_action: str = "Continue"
    warning_action: str = "Continue"
    had_errors: bool = False

    def error(self, error: PsError) -> None:
        """Write an error record; with ``-ErrorAction Stop`` the pipeline ends here."""
        if self.error_action == "Stop":
            raise ScriptHalt(error)
        if self.error_action != "Ignore":
            self.had_errors = True
        if self.error_action == "Continue":
            self.records.append(Record("error", error))

    def warning(self, text: str) -> None:
        """Write a warning, if warnings are wanted."""
        if self.warning_action == "Continue":
            self.records.append(Record("warning", text))


@dataclass
class Bound:
    """Parameters with their values, by the parameter's own name; and the pipeline's elements, if there
    are any.
    """

    values: dict[str, Any] = field(default_factory=dict)
    input: Sequence[Value] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - the parameter's kind says what it is
        """Return a parameter's value, or None if it was not given."""
        return self.values.get(name)


Body = Callable[[Context, Bound], Iterable[Value]]


@dataclass(frozen=True)
class Cmdlet:
    """A cmdlet that a rehearsal host has."""

    name: str
    parameters: Sequence[Parameter]
    body: Body


CMDLETS: dict[str, Cmdlet] = {}
"""Every cmdlet by its name in lower case."""


def cmdlet(name: str, *parameters: Parameter) -> Callable[[Body], Body]:
    """Make a function the body of a cmdlet. It yields what goes into the output stream."""

    def register(body: Body) -> Body:
        CMDLETS[name.casefold()] = Cmdlet(name, parameters, body)
        return body

    return register
