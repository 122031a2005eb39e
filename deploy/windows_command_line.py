r"""Windows command lines: one string that a program splits into arguments itself.

``join`` writes as Go's service manager does (``syscall.EscapeArg``), so the result is the very ImagePath
that ``dockerd --register-service`` stores; ``split`` reads as CommandLineToArgvW does (both recorded in
``service.json``).

A service's ImagePath has one more reader in between: the service manager expands ``%NAME%`` at every start,
and there is no way to escape a per cent sign. `expansions` finds what would be replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_EXPANSION = re.compile(r"%[^%]+%")


def join(arguments: Iterable[str]) -> str:
    """Return the command line that `split` reads back as ``arguments``."""
    return " ".join(escape(argument) for argument in arguments)


def escape(argument: str) -> str:
    r"""Return one argument as it stands in a command line.

    Only a blank or a tab calls for double quotes; a quote becomes ``\"`` with the backslashes before it
    doubled, as are the closing ones if a quote follows.
    """
    if not argument:
        return '""'
    escaped = re.sub(r'(\\*)"', lambda match: match[1] * 2 + '\\"', argument)
    if " " not in argument and "\t" not in argument:
        return escaped
    closing = len(escaped) - len(escaped.rstrip("\\"))
    return '"' + escaped + "\\" * closing + '"'


def split(command_line: str) -> list[str]:
    """Return the program and its arguments.

    The program's name is read by simpler rules than the rest: no backslash escapes anything in it.
    """
    program, rest = _program(command_line.lstrip(" \t"))
    return [program, *_arguments(rest)]


def expansions(text: str) -> list[str]:
    """Return every ``%NAME%`` that the service manager would replace when it starts the service."""
    return _EXPANSION.findall(text)


def _program(text: str) -> tuple[str, str]:
    quoted, at = False, 0
    for at, character in enumerate(text):  # noqa: B007 -- where it stopped is the answer
        if character == '"':
            quoted = not quoted
        elif character in " \t" and not quoted:
            break
    else:
        at = len(text)
    return text[:at].replace('"', ""), text[at:]


def _arguments(text: str) -> Iterator[str]:
    at = 0
    while True:
        while at < len(text) and text[at] in " \t":
            at += 1
        if at == len(text):
            return
        argument, at = _argument(text, at)
        yield argument


def _argument(text: str, at: int) -> tuple[str, int]:
    """Return the argument that begins at ``at``, and where the next may begin."""
    read: list[str] = []
    quoted = False
    while at < len(text) and (quoted or text[at] not in " \t"):
        end = at
        while end < len(text) and text[end] == "\\":
            end += 1
        slashes = end - at
        if end == len(text) or text[end] != '"':
            # Backslashes are themselves unless a quote follows.
            read.append("\\" * slashes if slashes else text[at])
            at = end if slashes else at + 1
            continue
        read.append("\\" * (slashes // 2))
        if slashes % 2:
            read.append('"')
        elif quoted and text[end + 1 : end + 2] == '"':
            # Two quotes inside quotes are one, and the quoting goes on.
            read.append('"')
            end += 1
        else:
            quoted = not quoted
        at = end + 1
    return "".join(read), at
