r"""tree.com: the directory structure of a path, as the lab shows it for ``C:\registry-data``."""

from __future__ import annotations

from collections.abc import Iterator

from rehearsal.host import Host
from rehearsal.interfaces import NativeResult, WindowsError

CODE_PAGE = "cp437"


def tree(host: Host, argv: list[str], _: bytes) -> NativeResult:
    """Draw directories, with ``/F`` also files."""
    switches = {word.casefold() for word in argv[1:] if word.startswith("/")}
    paths = [word for word in argv[1:] if not word.startswith("/")]
    if switches - {"/f", "/a"} or len(paths) > 1:
        return NativeResult(1, f"Too many parameters - {' '.join(argv[1:])}\r\n".encode(CODE_PAGE, "replace"))
    path = paths[0] if paths else "C:\\"
    path = path if len(path) > 2 else f"{path}\\"
    lines = [
        "Folder PATH listing for volume Windows",
        f"Volume serial number is {_serial(host)}",
        path.upper(),
    ]
    if not host.files.is_directory(path):
        lines += [f"Invalid path - {path[2:].upper()}", "No subfolders exist ", ""]
        return NativeResult(1, _encoded(lines))
    drawn = list(_below(host, path, "", files="/f" in switches, ascii_only="/a" in switches))
    return NativeResult(0, _encoded([*lines, *(drawn or ["No subfolders exist ", ""])]))


def _below(host: Host, path: str, margin: str, *, files: bool, ascii_only: bool) -> Iterator[str]:
    try:
        entries = host.files.list(path)
    except WindowsError:
        return
    bar, tee, corner = ("|", "+---", "\\---") if ascii_only else ("│", "├───", "└───")
    directories = [entry for entry in entries if entry.is_directory]
    if files:
        beside = f"{bar}   " if directories else "    "
        yield from (f"{margin}{beside}{entry.name}" for entry in entries if not entry.is_directory)
    for number, entry in enumerate(directories, 1):
        last = number == len(directories)
        yield f"{margin}{corner if last else tee}{entry.name}"
        below = f"{path.rstrip(chr(92))}\\{entry.name}"
        yield from _below(
            host, below, f"{margin}{' ' if last else bar}   ", files=files, ascii_only=ascii_only
        )


def _serial(host: Host) -> str:
    return f"A456-{0x8000 + host.number:04X}"


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode(CODE_PAGE, "replace")
