"""Windows' own programs that a simulated host has. The engine's are in `rehearsal.engine.natives`."""

from __future__ import annotations

from rehearsal.interfaces import HostApi, Native, NativeResult


def hostname(host: HostApi, _: list[str], __: bytes) -> NativeResult:
    """Print the computer's name."""
    return NativeResult(0, f"{host.name}\r\n".encode())


def whoami(host: HostApi, _: list[str], __: bytes) -> NativeResult:
    """Print the account."""
    return NativeResult(0, f"{host.name}\\administrator\r\n".lower().encode())


PROGRAMS: dict[str, Native] = {
    "hostname.exe": hostname,
    "whoami.exe": whoami,
}
"""Programs in System32 by file name."""
