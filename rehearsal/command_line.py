"""Command lines of Windows: how Windows PowerShell 5.1 builds one, and how a program takes it apart again.

Between a pipeline and a program's argv there is one string on Windows. Windows PowerShell 5.1 does not escape
what it puts there, so arguments with quotes or a closing backslash do not arrive as they were written; and an
empty argument does not arrive at all. This module reproduces that, in place of handing a list over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_VARIABLE = re.compile(r"%([^%]+)%")


def build(program: str, arguments: Sequence[str]) -> str:
    """Return the command line that Windows PowerShell 5.1 makes (``NativeCommandParameterBinder``).

    An argument with white space is put in double quotes unless it begins with one; nothing is escaped.
    """
    return " ".join([f'"{program}"', *(quote(argument) for argument in arguments if argument)])


def quote(argument: str) -> str:
    """Return one argument as 5.1 puts it into the command line."""
    if not any(character.isspace() for character in argument) or argument.startswith('"'):
        return argument
    return f'"{argument}"'


def escape(argument: str) -> str:
    """Return one argument so that `split` gives it back: what Go's syscall.EscapeArg and the C runtime
    agree on.
    """
    if argument and not re.search(r'[\s"]', argument):
        return argument
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', argument)
    if argument and not re.search(r"[ \t]", argument):
        return escaped
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def split(line: str) -> list[str]:
    """Return argv as CommandLineToArgvW makes it: the first word by its own simpler rule."""
    first, rest = _program(line)
    return [first, *_arguments(rest)]


def _program(line: str) -> tuple[str, str]:
    if line.startswith('"'):
        end = line.find('"', 1)
        return (line[1:], "") if end < 0 else (line[1:end], line[end + 1 :])
    match = re.match(r"[^ \t]*", line)
    end = match.end() if match else 0
    return line[:end], line[end:]


def _arguments(text: str) -> list[str]:
    arguments: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position] in " \t":
            position += 1
        if position >= len(text):
            return arguments
        argument, position = _argument(text, position)
        arguments.append(argument)


def _argument(text: str, position: int) -> tuple[str, int]:
    result: list[str] = []
    quoted = False
    while position < len(text):
        slashes = re.compile(r"\\*").match(text, position)
        count = len(slashes[0]) if slashes else 0
        position += count
        following = text[position : position + 1]
        if following == '"':
            result.append("\\" * (count // 2))
            if count % 2:
                result.append('"')
            elif quoted and text[position + 1 : position + 2] == '"':
                # two quotes inside a quoted part are one quote, and the part ends (post-2008 rule of shell32)
                result.append('"')
                position += 1
                quoted = False
            else:
                quoted = not quoted
            position += 1
            continue
        result.append("\\" * count)
        if not following or (following in " \t" and not quoted):
            break
        result.append(following)
        position += 1
    return "".join(result), position


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``%NAME%`` by the environment's value; an unknown name stays as it is."""
    return _VARIABLE.sub(lambda match: environment.get(match[1].upper(), match[0]), text)
