"""Dockerfiles: directives, comments, continued lines, and the instructions that our images use."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field

_DIRECTIVE = re.compile(r"#\s*(escape|syntax|check)\s*=\s*(.*?)\s*$", re.IGNORECASE)
KNOWN = frozenset(
    {
        "FROM",
        "LABEL",
        "ENV",
        "WORKDIR",
        "COPY",
        "RUN",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
        "ARG",
        "SHELL",
        "USER",
        "STOPSIGNAL",
    }
)
ALL = KNOWN | {"ADD", "VOLUME", "ONBUILD", "MAINTAINER"}


class DockerfileError(ValueError):
    """The Dockerfile cannot be read; the message is the builder's."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, its flags (``--from=…``), the rest, and where it stands."""

    name: str
    flags: dict[str, str] = field(default_factory=dict)
    text: str = ""
    line: int = 0

    @property
    def original(self) -> str:
        """The instruction as the builder shows it."""
        flags = "".join(f"--{name}={value} " for name, value in self.flags.items())
        return f"{self.name} {flags}{self.text}".rstrip()

    def exec_form(self) -> list[str] | None:
        """Return the words of a JSON form; None for a shell form."""
        if not self.text.startswith("["):
            return None
        try:
            words = json.loads(self.text)
        except ValueError:
            return None
        return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None

    def pairs(self) -> dict[str, str]:
        """Return the ``name=value`` pairs of LABEL and ENV; raises `DockerfileError`."""
        words = _words(self.text)
        if "=" not in words[0]:
            if len(words) < 2:
                raise DockerfileError(
                    f"dockerfile parse error on line {self.line}: {self.name} must have two arguments"
                )
            name, _, value = self.text.partition(" ")
            return {name: value.strip()}
        pairs = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise DockerfileError(
                    f'dockerfile parse error on line {self.line}: Syntax error - can\'t find = in "{word}". '
                    "Must be of the form: name=value"
                )
            pairs[name] = value
        return pairs


def parse(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile, or raise `DockerfileError`."""
    lines = text.removeprefix("\ufeff").splitlines()
    escape = "\\"
    start = 0
    for index, line in enumerate(lines):
        match = _DIRECTIVE.match(line)
        if match is None:
            start = index
            break
        if match.group(1).lower() == "escape":
            escape = match.group(2)
            if escape not in ("\\", "`"):
                raise DockerfileError(f"invalid escape token '{escape}' does not match ` or \\")
        start = index + 1
    instructions = [_instruction(whole, number) for whole, number in _joined(lines, start, escape)]
    if not instructions:
        raise DockerfileError("the Dockerfile (Dockerfile) cannot be empty")
    return instructions


def _joined(lines: list[str], start: int, escape: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    parts: list[str] = []
    begun = 0
    for number, line in enumerate(lines[start:], start + 1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and parts):
            continue
        if not stripped:
            continue
        begun = begun if parts else number
        if stripped.endswith(escape):
            parts.append(stripped[: -len(escape)].rstrip())
            continue
        found.append((" ".join([*parts, stripped]), begun))
        parts = []
    if parts:
        found.append((" ".join(parts), begun))
    return found


def _instruction(text: str, number: int) -> Instruction:
    name, _, rest = text.partition(" ")
    name = name.upper()
    if name not in ALL:
        raise DockerfileError(f"dockerfile parse error on line {number}: unknown instruction: {name}")
    if name not in KNOWN:
        raise DockerfileError(
            f"dockerfile parse error on line {number}: the rehearsal's builder does not know {name}; "
            f"it knows {', '.join(sorted(KNOWN))}"
        )
    flags: dict[str, str] = {}
    rest = rest.strip()
    while rest.startswith("--") and name in ("COPY", "HEALTHCHECK", "FROM", "RUN"):
        word, _, rest = rest.partition(" ")
        flag, _, value = word[2:].partition("=")
        flags[flag] = value
        rest = rest.strip()
    if not rest:
        raise DockerfileError(
            f"dockerfile parse error on line {number}: {name} requires at least one argument"
        )
    return Instruction(name, flags, rest, number)


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""  # a backslash is a path separator here
    try:
        return list(lexer)
    except ValueError as error:
        raise DockerfileError(
            f"unexpected end of statement while looking for matching quote: {error}"
        ) from error
