"""Windows' own programs that a simulated host has. The engine's are in `rehearsal.engine.natives`."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.host import Host
from rehearsal.interfaces import NativeResult
from rehearsal.programs.curl import curl
from rehearsal.programs.icacls import icacls
from rehearsal.programs.sc import sc
from rehearsal.programs.tree import tree

Program = Callable[[Host, list[str], bytes], NativeResult]


def hostname(host: Host, _: list[str], __: bytes) -> NativeResult:
    """Print the computer's name."""
    return NativeResult(0, f"{host.name}\r\n".encode())


def whoami(host: Host, _: list[str], __: bytes) -> NativeResult:
    """Print the account."""
    return NativeResult(0, f"{host.name}\\administrator\r\n".lower().encode())


PROGRAMS: dict[str, Program] = {
    "curl.exe": curl,
    "hostname.exe": hostname,
    "icacls.exe": icacls,
    "sc.exe": sc,
    "tree.com": tree,
    "whoami.exe": whoami,
}
"""Programs in System32 by file name."""
