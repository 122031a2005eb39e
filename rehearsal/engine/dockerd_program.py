"""dockerd.exe as a command: validate, register and unregister the service, version, help."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from rehearsal.engine.daemon import program, startup
from rehearsal.engine.host_machine import HostMachine
from rehearsal.interfaces import HostApi, NativeResult, WindowsError

_EVENT_SOURCES = "SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application"
_RECOVERY = ((1, 15000), (1, 15000), (0, 0))
_RESET_SECONDS = 86400


_HOME = "C:\\Users\\Administrator\\Documents"


def run(host: HostApi, arguments: list[str], _input: bytes = b"", *, directory: str = _HOME) -> NativeResult:
    """Run dockerd with ``arguments``, the program's full path first, in a working directory."""
    machine = HostMachine(host, directory)
    try:
        invocation = program.read(arguments[1:], machine)
    except program.Refused as refused:
        return NativeResult(refused.exit_code, _lines(refused.warnings), _lines([str(refused)]))
    if invocation.configuration is None:
        return NativeResult(0, f"{program.answer(invocation)}\n".encode())
    out = _lines(invocation.warnings)
    if invocation.asks("validate"):
        return NativeResult(0, out, b"configuration OK\n")
    name = str(invocation.flags.flags["service-name"].value.value)
    try:
        if invocation.asks("unregister-service"):
            _check_alone(invocation)
            _unregister(host, name)
            return NativeResult(0, out)
        if invocation.asks("register-service"):
            _register(host, name, arguments)
            return NativeResult(0, out + _lines(_requirements(machine)))
    except _RefusedError as error:
        return NativeResult(1, out, _lines([str(error)]))
    except WindowsError as error:
        return NativeResult(1, out, _lines([error.message]))
    text = (
        "rehearsal: dockerd runs on a rehearsal host only as the service docker: use Start-Service docker\n"
    )
    return NativeResult(1, out, text.encode())


class _RefusedError(Exception):
    pass


def _check_alone(invocation: program.Invocation) -> None:
    if invocation.asks("register-service"):
        raise _RefusedError("--register-service and --unregister-service cannot be used together")


def _lines(texts: Sequence[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def _requirements(machine: HostMachine) -> list[str]:
    problem = startup.check_system(machine)
    if not problem:
        return []
    message = f"Windows service registration was successful but system requirements were not met: {problem}"
    return [program.log_line(message)]


def _register(host: HostApi, name: str, arguments: Sequence[str]) -> None:
    kept = [word for word in arguments[1:] if word not in ("--register-service", "--unregister-service")]
    executable = arguments[0]
    host.services.create(
        name,
        {
            "DisplayName": "Docker Engine",
            "ErrorControl": 1,
            "FailureActions": _failure_actions(),
            "ImagePath": " ".join(quote_argument(word) for word in (executable, "--run-service", *kept)),
            "ObjectName": "LocalSystem",
            "Start": 2,
            "Type": 16,
        },
    )
    source = f"{_EVENT_SOURCES}\\{name}"
    if host.hive.get(f"HKLM\\{source}") is not None:
        # what ``sc delete`` leaves behind: the service is made all the same
        raise _RefusedError(f"{source} registry key already exists")
    host.hive.set(f"HKLM\\{source}", {"CustomSource": 1, "EventMessageFile": executable, "TypesSupported": 7})


def _failure_actions() -> bytes:
    head = struct.pack("<5I", _RESET_SECONDS, 0, 0, len(_RECOVERY), 0x14)
    return head + b"".join(struct.pack("<2I", *action) for action in _RECOVERY)


def _unregister(host: HostApi, name: str) -> None:
    host.services.status(name)
    host.hive.delete(f"HKLM\\{_EVENT_SOURCES}\\{name}")
    host.services.delete(name)


def quote_argument(text: str) -> str:
    """Return an argument as Go puts it into a command line (syscall.EscapeArg)."""
    if not text:
        return '""'
    blank = " " in text or "\t" in text
    if not blank and '"' not in text:
        return text
    quoted = ""
    backslashes = 0
    for char in text:
        if char == "\\":
            backslashes += 1
            continue
        quoted += "\\" * (backslashes * 2 + 1 if char == '"' else backslashes) + char
        backslashes = 0
    quoted += "\\" * (backslashes * 2 if blank else backslashes)
    return f'"{quoted}"' if blank else quoted
