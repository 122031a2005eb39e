"""Windows PowerShell 5.1 as far as the rollout needs it: how it reads a command, and what it would refuse.

The reader knows only the few forms that the rollout may send and stops at everything else; the rules of the
tokenizer that matter (four kinds of single quotes, what splits a bare word) are written down here a second
time, and not taken from what they judge. What there is to be called is in ``powershell-5.1.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "recorded" / "powershell-5.1.json").read_text("utf-8")
)
CMDLETS: dict[str, dict[str, Any]] = LIST["cmdlets"]
PROGRAMS: dict[str, dict[str, Any]] = LIST["programs"]
COMMON: dict[str, Any] = LIST["common_parameters"]

SINGLE = "'\u2018\u2019\u201a\u201b"
_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_PARAMETER = re.compile(r"-([A-Za-z]+)(?=[ :)]|$)")
_BARE = re.compile(r"[A-Za-z0-9_./:\\-]+")
_SPLIT = re.compile(r"-.*[.:]")
_NUMBER = re.compile(r"-?[0-9]+")
_INTEGERS = {"Int16", "Int32", "Int64", "UInt16", "UInt32", "UInt64"}
_TEXTS = {"String", "WildcardPattern", "Guid", "Uri"}
_ANYTHING = {"Object", "PSObject"}


class Unreadable(Exception):
    """The text is none of the forms that the rollout may send."""


@dataclass(frozen=True)
class Word:
    """A literal: what is written, and the text or number that it stands for."""

    written: str
    value: str | int

    @property
    def text(self) -> str:
        """What a program is given."""
        return self.written if isinstance(self.value, int) else self.value


Value = Word | tuple[Word, ...] | bool | tuple["Call", ...]
"""A literal, a list of them, what stands after a colon, or a pipeline in ``@( )``."""


@dataclass(frozen=True)
class Call:
    """One command of a pipeline: a cmdlet with its parameters by name, or a program with its arguments."""

    name: str
    parameters: tuple[tuple[str, Value | None], ...] = ()
    arguments: tuple[str, ...] = ()
    is_program: bool = False
    piped: bool = False

    def calls(self) -> Iterator[Call]:
        """This call, and those within it."""
        yield self
        for _, value in self.parameters:
            if isinstance(value, tuple):
                for each in value:
                    if isinstance(each, Call):
                        yield from each.calls()


def read(text: str) -> list[Call]:
    """Return the pipeline that ``text`` is, flat; ``throw`` is none. Raise `Unreadable` for anything else."""
    reader = _Reader(text)
    if text.startswith("throw "):
        reader.at = len("throw ")
        reader.quoted()
        calls: tuple[Call, ...] = ()
    else:
        calls = reader.pipeline()
    if reader.at != len(text):
        raise Unreadable(f"unexpected {text[reader.at :]!r} in {text!r}")
    return [each for call in calls for each in call.calls()]


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def pipeline(self) -> tuple[Call, ...]:
        calls = [self.call(piped=False)]
        while self.text.startswith(" | ", self.at):
            self.at += len(" | ")
            calls.append(self.call(piped=True))
        return tuple(calls)

    def call(self, *, piped: bool) -> Call:
        name = self.match(_NAME)
        if not _CMDLET.fullmatch(name):
            return Call(name, arguments=tuple(self.arguments()), is_program=True, piped=piped)
        return Call(name, tuple(self.parameters()), piped=piped)

    def parameters(self) -> Iterator[tuple[str, Value | None]]:
        while self.more():
            name = self.match(_PARAMETER)[1:]
            if self.text.startswith((":$false", ":$true"), self.at):
                word = self.match(re.compile(r":\$(?:false|true)"))
                yield name, word == ":$true"
            elif self.text.startswith(" ", self.at) and not self.text.startswith((" -", " | "), self.at):
                self.at += 1
                yield name, self.value()
            else:
                yield name, None

    def arguments(self) -> Iterator[str]:
        while self.more():
            yield self.word().text

    def value(self) -> Value:
        if self.text.startswith("@(", self.at):
            self.at += 2
            calls = self.pipeline()
            self.match(re.compile(r"\)"))
            return calls
        words = [self.word()]
        while self.text.startswith(",", self.at):
            self.at += 1
            words.append(self.word())
        return words[0] if len(words) == 1 else tuple(words)

    def more(self) -> bool:
        if self.text.startswith(" ", self.at) and not self.text.startswith(" | ", self.at):
            self.at += 1
            return True
        return False

    def word(self) -> Word:
        start = self.at
        if self.text[start : start + 1] in SINGLE and start < len(self.text):
            return Word("", self.quoted())
        written = self.match(_BARE)
        if _SPLIT.match(written):
            raise Unreadable(f"PowerShell would take {written!r} apart")
        return Word(written, int(written) if _NUMBER.fullmatch(written) else written)

    def quoted(self) -> str:
        if self.text[self.at : self.at + 1] not in SINGLE or self.at == len(self.text):
            raise Unreadable(f"no quoted text: {self.text[self.at :]!r}")
        read, at = "", self.at + 1
        while at < len(self.text):
            if self.text[at] in SINGLE:
                if self.text[at + 1 : at + 2] == "" or self.text[at + 1] not in SINGLE:
                    self.at = at + 1
                    return read
                at += 1
            read += self.text[at]
            at += 1
        raise Unreadable(f"the quote never ends: {self.text!r}")

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise Unreadable(f"unexpected {self.text[self.at :]!r} in {self.text!r}")
        self.at = found.end()
        return found[0]


def objections(call: Call) -> list[str]:
    """Return what Windows PowerShell 5.1, or the program, would not take of a call."""
    return [*(_of_program(call) if call.is_program else _of_cmdlet(call))]


def _of_cmdlet(call: Call) -> Iterator[str]:
    known = CMDLETS.get(call.name)
    if known is None:
        yield f"{call.name} is not on the list of cmdlets"
        return
    own = [name for name, _ in call.parameters if name not in COMMON["parameters"]]
    types = {**COMMON["parameters"], **known["parameters"]}
    choices = {**COMMON["choices"], **known.get("choices", {})}
    for name, value in call.parameters:
        if name not in types:
            yield f"{call.name} has no parameter -{name}"
        elif not takes(types[name], choices.get(name, ()), value):
            yield f"{call.name} -{name} takes {types[name]}, not {value}"
    if len(own) != len(set(own)):
        yield f"{call.name} has a parameter twice"
    if not any(set(own) <= set(names) for names in known["sets"]):
        yield f"no parameter set of {call.name} has all of {own}"


def takes(kind: str, choices: list[str] | tuple[str, ...], value: Value | None) -> bool:
    """Whether a parameter of the .NET type ``kind`` may be given ``value`` without a wrong conversion."""
    if kind == "switch":
        return value is None or isinstance(value, bool)
    base = kind.removesuffix("[]")
    if isinstance(value, bool):
        return base == "Boolean"
    if isinstance(value, tuple):
        words = [each for each in value if isinstance(each, Word)]
        if len(words) < len(value):
            return base in _ANYTHING
        listed = kind.endswith("[]") or base in _ANYTHING
        return listed and all(takes(base, choices, word) for word in words)
    if value is None:
        return False
    if base in _ANYTHING:
        return True
    if choices:
        return str(value.value).casefold() in {choice.casefold() for choice in choices}
    if base in _INTEGERS:
        return isinstance(value.value, int)
    return base in _TEXTS


def _of_program(call: Call) -> Iterator[str]:
    known = PROGRAMS.get(call.name)
    if known is None:
        yield f"{call.name} is not on the list of programs"
        return
    judge = {"sc.exe": _of_sc, "icacls.exe": _of_icacls}.get(call.name, _of_flags)
    yield from judge(call, known)


def _of_sc(call: Call, known: dict[str, Any]) -> Iterator[str]:
    verb, _, *rest = call.arguments
    words = known["forms"].get(verb)
    if words is None:
        yield f"sc.exe has no {verb}"
        return
    keys = rest[::2] if verb in {"config", "failure"} else rest
    for key in keys:
        if key not in words:
            yield f"sc.exe {verb} does not know {key}"
    for key, value in zip(rest[::2], rest[1::2], strict=False):
        if value not in known["choices"].get(key, [value]):
            yield f"sc.exe {verb} {key} does not take {value}"
    if not keys or (verb in {"config", "failure"} and len(rest) % 2):
        yield f"sc.exe {verb} lacks a value: {rest}"


def _of_icacls(call: Call, known: dict[str, Any]) -> Iterator[str]:
    options = [argument for argument in call.arguments if argument.startswith("/")]
    for option in options:
        if option not in known["forms"][""]:
            yield f"icacls.exe has no {option}"
    if call.arguments[0] in options or not options:
        yield "icacls.exe wants a path and what to do with it"


def _of_flags(call: Call, known: dict[str, Any]) -> Iterator[str]:
    forms: dict[str, dict[str, str]] = known["forms"]
    form = next(
        (" ".join(call.arguments[:n]) for n in (2, 1, 0) if " ".join(call.arguments[:n]) in forms), None
    )
    if form is None:
        yield f"{call.name} has no {' '.join(call.arguments[:2])}"
        return
    waiting = list(call.arguments[len(form.split()) :])
    while waiting and waiting[0].startswith("-"):
        flag, joined, _ = waiting.pop(0).partition("=")
        kind = forms[form].get(flag)
        if kind is None:
            yield f"{call.name} {form} has no {flag}"
        elif kind == "value" and not joined:
            if not waiting:
                yield f"{call.name} {form} {flag} lacks its value"
            else:
                waiting.pop(0)
