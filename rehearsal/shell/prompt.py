"""A line of the command prompt, as WinRS clients send it: a program, or PowerShell with a script of its
own.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from rehearsal import command_line
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult
from rehearsal.shell import formatting, natives
from rehearsal.shell.execution import Memory
from rehearsal.shell.values import Outcome, PsError

POWERSHELL = ("powershell", "powershell.exe")
_TAKES_VALUE = ("-executionpolicy", "-ex", "-ep", "-version", "-outputformat", "-inputformat", "-windowstyle")
_ENCODED = ("-encodedcommand", "-enc", "-ec", "-e", "-en")


def run(host: Host, line: str, invoke: Callable[[str], Outcome], memory: Memory) -> NativeResult:
    """Run one line; what cmd.exe does not find ends with its own message and exit code 1."""
    words = command_line.split(line.strip())
    program = words[0].casefold()
    if program.rpartition("\\")[2] in POWERSHELL:
        return _powershell(words[1:], invoke, memory)
    if program == "echo":
        return NativeResult(0, f"{line.strip()[5:]}\r\n".encode(natives.OEM, "replace"))
    if program == "ver":
        return NativeResult(0, f"\r\nMicrosoft Windows [Version 10.0.{host.build}.1]\r\n".encode())
    found = natives.find(host, words[0])
    if found is None:
        text = (
            f"'{words[0]}' is not recognized as an internal or external command,\r\n"
            "operable program or batch file.\r\n"
        )
        return NativeResult(1, b"", text.encode(natives.OEM, "replace"))
    path, native = found
    return native(host, [path, *words[1:]], b"")


def _powershell(words: Sequence[str], invoke: Callable[[str], Outcome], memory: Memory) -> NativeResult:
    script = _script(list(words))
    if script is None:
        return NativeResult(
            64, b"", b"Windows PowerShell of a rehearsal host runs -Command or -EncodedCommand only.\r\n"
        )
    memory.last_exit_code = None
    outcome = invoke(script)
    shown = formatting.lines(outcome.output)
    stdout = "".join(f"{line}\r\n" for line in shown).encode(natives.OEM, "replace")
    errors = [*outcome.errors, *([outcome.failure] if outcome.failure else [])]
    failed = outcome.failure is not None or bool(memory.last_exit_code) or outcome.last_failed
    return NativeResult(int(failed), stdout, _clixml(errors) if errors else b"")


def _script(words: list[str]) -> str | None:
    while words:
        word = words.pop(0).casefold().replace("/", "-", 1)
        if word in _ENCODED:
            try:
                return base64.b64decode(words[0], validate=True).decode("utf-16-le")
            except (IndexError, binascii.Error, UnicodeDecodeError):
                return None
        if word in {"-command", "-c"}:
            return " ".join(words)
        if word in _TAKES_VALUE:
            words[:1] = []
        elif not word.startswith("-"):
            return " ".join([word, *words])
    return None


def _clixml(errors: Sequence[PsError]) -> bytes:
    """Return errors as powershell.exe writes them when nobody looks at its console."""
    lines = [line for error in errors for line in _shown(error)]
    nodes = "".join(f'<S S="Error">{escape(_encode(line))}_x000D__x000A_</S>' for line in lines)
    xml = f'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">{nodes}</Objs>'
    return f"#< CLIXML\r\n{xml}".encode()


def _shown(error: PsError) -> list[str]:
    reason = error.exception.rpartition(".")[2]
    category = f"{error.category}: ({error.target}:String) [{error.activity}], {reason}"
    return [
        *error.message.splitlines(),
        f"    + CategoryInfo          : {category}",
        f"    + FullyQualifiedErrorId : {error.error_id}",
    ]


def _encode(line: str) -> str:
    return re.sub(r"[\x00-\x1f]", lambda match: f"_x{ord(match[0]):04X}_", line)
