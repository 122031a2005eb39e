"""Native programs in a pipeline: how they are found, what they are given, and what becomes of their
output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rehearsal import command_line
from rehearsal.engine.natives import NATIVES
from rehearsal.host import ENGINE_DIRECTORY, Host
from rehearsal.interfaces import NativeResult
from rehearsal.programs import PROGRAMS, Program
from rehearsal.shell.values import PsError, Record, Value

OEM = "cp437"
"""The code page in which Windows PowerShell 5.1 reads what a program prints: not the UTF-8 that docker
writes.
"""

SYSTEM = r"C:\Windows\System32"


def find(host: Host, name: str) -> tuple[str, Program] | None:
    """Return a program's full path and what stands for it, or None if Windows would not find it."""
    base = name.replace("/", "\\").rpartition("\\")[2].casefold()
    known = {
        **dict.fromkeys(PROGRAMS, SYSTEM),
        "docker.exe": ENGINE_DIRECTORY,
        "dockerd.exe": ENGINE_DIRECTORY,
    }
    program = next((found for found in known if base in {found, found.rpartition(".")[0]}), None)
    if program is None:
        return None
    path = name if "\\" in name.replace("/", "\\") else f"{known[program]}\\{program}"
    if program in PROGRAMS:
        return path, PROGRAMS[program]
    if not path.casefold().endswith(".exe"):
        path = f"{path}.exe"
    return (path, NATIVES[program.removesuffix(".exe")]) if host.files.exists(path) else None


def names() -> list[str]:
    """Return the names of all programs."""
    return [*PROGRAMS, "docker.exe", "dockerd.exe"]


def run(
    host: Host, path: str, native: Program, arguments: Sequence[str], given: Sequence[Value]
) -> NativeResult:
    """Run a program; its arguments take the way over a command line that they take on Windows."""
    line = command_line.build(path, arguments)
    stdin = "".join(f"{value}\r\n" for value in given).encode(OEM, "replace")
    return native(host, command_line.split(line), stdin)


def output(result: NativeResult) -> list[Value]:
    """Return standard output as a pipeline gets it: a string a line."""
    return list(_lines(result.stdout))


def error_records(program: str, result: NativeResult) -> Iterator[Record]:
    """Return standard error as records: a line each, the first with another identifier than the rest."""
    for number, line in enumerate(_lines(result.stderr)):
        error_id = "NativeCommandErrorMessage" if number else "NativeCommandError"
        exception = "System.Management.Automation.RemoteException"
        yield Record(
            "error", PsError(line, error_id, "NotSpecified", exception, target=line, activity=program)
        )


def _lines(data: bytes) -> Iterator[str]:
    text = data.decode(OEM).replace("\r\n", "\n")
    if text:
        yield from text.removesuffix("\n").split("\n")
