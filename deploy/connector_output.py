"""Tell success from failure, and text from objects, in what a pipeline left behind. Pure: no host, no pypsrp.

The exit code of a native program is not in the protocol; the epilogue of `deploy.connector_scripts` prints
it as the last output object. Standard error of a native program arrives as error records, and says nothing
about success: docker and dockerd write progress there. Every other error record is a failure, as of a
program that did not start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

NATIVE_ERROR_IDS: Final = frozenset({"NativeCommandError", "NativeCommandErrorMessage"})
"""FullyQualifiedErrorId of records that carry a native program's standard error."""

_LINE_END: Final = re.compile(r"\r\n|\n")


class ProtocolViolation(ValueError):
    """The host's answer is not what the epilogue prints."""


@dataclass(frozen=True)
class ErrorText:
    """One error record: its FullyQualifiedErrorId and what it says."""

    identifier: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What one command did. ``exit_code`` is 0 for a command without a native program."""

    completed: bool
    exit_code: int
    stdout: tuple[str, ...]
    errors: tuple[ErrorText, ...] = ()
    warnings: tuple[str, ...] = ()

    def succeeded(self, success_exit_codes: Collection[int] = (0,)) -> bool:
        """Whether the command did what it was for."""
        clean = all(error.identifier in NATIVE_ERROR_IDS for error in self.errors)
        return self.completed and clean and self.exit_code in success_exit_codes

    def stderr(self) -> list[str]:
        """Lines for people: warnings, then errors."""
        lines = [f"WARNING: {line}" for warning in self.warnings for line in text_lines(warning)]
        for error in self.errors:
            lines.extend(text_lines(error.text))
        return lines


def outcome(
    *, completed: bool, output: Sequence[object], errors: Sequence[ErrorText], warnings: Sequence[str] = ()
) -> Outcome:
    """Read a pipeline's output, whose last object is the epilogue's if it completed.

    Raise `ProtocolViolation` if that object is no exit code.
    """
    exit_code = 0
    objects = list(output)
    if completed:
        last = objects.pop() if objects else None
        try:
            exit_code = int(last or "0") if isinstance(last, str) else int("not text")
        except ValueError:
            msg = f"the last output of a command must be its exit code, not {last!r}"
            raise ProtocolViolation(msg) from None
    lines = tuple(line for item in objects for line in object_lines(item))
    return Outcome(completed, exit_code, lines, tuple(errors), tuple(warnings))


def object_lines(item: object) -> list[str]:
    """Return an output object as lines of text, near enough to what PowerShell would show."""
    if item is None:
        return []
    if isinstance(item, str):
        return text_lines(item)
    properties = {**getattr(item, "adapted_properties", {}), **getattr(item, "extended_properties", {})}
    text = getattr(item, "to_string", None)
    # An object without a text of its own says the name of its class.
    if properties and (text is None or text in getattr(item, "types", ())):
        return [f"{name}: {value}" for name, value in properties.items()]
    return text_lines(str(item))


def text_lines(text: str) -> list[str]:
    """Split at CR LF and LF only: `str.splitlines` would also cut JSON at U+2028 and at form feeds."""
    lines = _LINE_END.split(text)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines
