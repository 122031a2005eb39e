"""Spell PowerShell: the one module that knows how a value is quoted and how a command is put together.

What it emits is deliberately little: cmdlets with named parameters and literal values, native programs with
literal arguments, and pipelines of those. Every command is one that a person could type. Where Windows
PowerShell 5.1 (what every Windows Server has) has traps of its own, as with arguments of native programs, 5.1
is obeyed; later versions read the same text alike when ``$PSNativeCommandArgumentPassing`` is ``Legacy``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Value = str | int | bool | Sequence[str]
"""What a parameter may be given: text, a number, a switch (``True`` or ``False``), or a list of texts."""

# PowerShell takes all four for a single quote, also inside a string that began with another of them.
_SINGLE_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
_PARAMETER = re.compile(r"[A-Za-z]+")
_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BARE_ARGUMENT = re.compile(r"[A-Za-z0-9_./:\\-]+")
# A bare `-x.y` or `-x:y` looks like a parameter to PowerShell, which splits it in two.
_SPLIT_WHEN_BARE = re.compile(r"-.*[.:]")
# System.Char.IsWhiteSpace: what makes 5.1 put an argument of a native program in double quotes.
_DOTNET_BLANK = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def quote(text: str) -> str:
    """Return the single-quoted literal for ``text``, in which nothing but the quotes themselves is special.

    Raise `ValueError` for a NUL, which no Windows command line can hold.
    """
    if "\0" in text:
        msg = f"a NUL character cannot be sent in a command: {text!r}"
        raise ValueError(msg)
    return "'" + _SINGLE_QUOTES.sub(lambda match: match[0] * 2, text) + "'"


def cmdlet(name: str, **parameters: Value) -> str:
    """Return a call of the cmdlet ``name``: ``cmdlet("New-Item", Path="x", Force=True)``.

    ``True`` gives the bare switch, ``False`` gives ``-Switch:$false``; the order of ``parameters`` is kept.
    """
    if not _CMDLET.fullmatch(name):
        msg = f"not the name of a cmdlet: {name!r}"
        raise ValueError(msg)
    return " ".join([name, *(_parameter(key, value) for key, value in parameters.items())])


def native(program: str, *arguments: str | int) -> str:
    """Return a call of a native program, whose ``arguments`` reach it exactly as they are given here."""
    call = program if _PROGRAM.fullmatch(program) else f"& {quote(program)}"
    return " ".join([call, *(_native_argument(str(argument)) for argument in arguments)])


def pipeline(*commands: str) -> str:
    """Return the commands as one pipeline."""
    return " | ".join(commands)


def json_list(command: str, *, depth: int | None = None) -> str:
    """Return a command that prints the output of ``command`` as one line of JSON, always a list.

    As the value of ``-InputObject`` the list keeps its brackets with one member, and prints ``[]`` with none,
    which a pipe into ConvertTo-Json would not do in 5.1 (there is no ``-AsArray``).
    """
    depth_of = "" if depth is None else f" -Depth {depth}"
    return f"ConvertTo-Json -Compress{depth_of} -InputObject @({command})"


def failure(message: str) -> str:
    """Return the command that fails with ``message``: how one host, and only that, is given up."""
    return f"throw {quote(message)}"


def _parameter(name: str, value: Value) -> str:
    if not _PARAMETER.fullmatch(name):
        msg = f"not the name of a parameter: {name!r}"
        raise ValueError(msg)
    if value is True:
        return f"-{name}"
    if value is False:
        return f"-{name}:$false"
    return f"-{name} {_literal(value)}"


def _literal(value: str | int | Sequence[str]) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else quote(value)
    if not value:
        msg = "an empty list cannot be given to a parameter"
        raise ValueError(msg)
    return ",".join(quote(member) for member in value)


def _native_argument(text: str) -> str:
    passed = _as_51_must_get_it(text)
    bare = _BARE_ARGUMENT.fullmatch(passed) and not _SPLIT_WHEN_BARE.match(passed)
    return passed if bare else quote(passed)


def _as_51_must_get_it(text: str) -> str:
    r"""Return what 5.1 must be given so that its command line reads back as ``text``.

    5.1 puts an argument with blanks in double quotes but escapes nothing inside, doubles no closing
    backslash, and drops an empty argument (recorded: ``raw-ps51-quotes``). So a quote is given as ``\"``,
    with the backslashes before it doubled, as CommandLineToArgvW reads them.
    """
    if not text:
        return '""'
    escaped = re.sub(r'(\\*)"', lambda match: match[1] * 2 + '\\"', text)
    if _DOTNET_BLANK.search(escaped):
        closing = len(escaped) - len(escaped.rstrip("\\"))
        escaped += "\\" * closing
    return escaped
