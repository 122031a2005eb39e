"""The command ``check-names``: what of a store would not survive a copy to a Windows disk.

It reads names only; any tree will do. Exit codes: 0 everything would, 1 something would not, 2 could not
look.
"""

import argparse
import errno
import json
import os
import posixpath
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from registry_app.storage import windows_names
from registry_app.storage.filesystem import FileSystem, for_this_platform

DESTINATION = "C:\\registry-data"
"""Where the store would be copied to, if nobody says."""


@dataclass(frozen=True, slots=True)
class Unstorable:
    """One name that would be lost, cut or merged. ``path`` is below the root."""

    kind: str
    path: str
    text: str


def check_names(fs: FileSystem, destination: str = DESTINATION) -> list[Unstorable]:
    """Return what below ``fs.root`` Windows could not hold at ``destination``, in the order of the paths.

    Raises `FileNotFoundError` if there is no such directory.
    """
    if fs.stat(fs.root) is None:
        raise FileNotFoundError(errno.ENOENT, "there is no such directory", fs.root)
    return list(_check_directory(fs, "", windows_names.units(destination)))


def _check_directory(fs: FileSystem, below: str, length: int) -> Iterator[Unstorable]:
    """Check the directory ``below``, whose path on the Windows disk has ``length`` characters."""
    names = sorted(fs.list(posixpath.join(fs.root, below)))
    yield from _collisions(below, names)
    for name in names:
        path = posixpath.join(below, name)
        if why := windows_names.why_not_storable(name):
            yield Unstorable("name", path, why)
        full = length + 1 + windows_names.units(name)
        found = fs.stat(posixpath.join(fs.root, path))
        if found is not None and found.is_dir:
            yield from _check_directory(fs, path, full)
        elif why := _too_long(full):
            yield Unstorable("long-path" if full <= windows_names.LONGEST_PATH else "path", path, why)


def _collisions(below: str, names: Iterable[str]) -> Iterator[Unstorable]:
    same: dict[str, list[str]] = {}
    for name in names:
        same.setdefault(windows_names.fold(name), []).append(name)
    for first, *others in same.values():
        for other in others:
            text = f"Windows takes it for {first!r}, which is in the same directory"
            yield Unstorable("case", posixpath.join(below, other), text)


def _too_long(length: int) -> str | None:
    if length > windows_names.LONGEST_PATH:
        return (
            f"the path would have {length} characters; no more than {windows_names.LONGEST_PATH} are possible"
        )
    if length > windows_names.LONGEST_SHORT_PATH:
        return (
            f"the path would have {length} characters: the registry can use it, and robocopy copies it; "
            f"Explorer and Windows PowerShell do not go beyond {windows_names.LONGEST_SHORT_PATH}"
        )
    return None


def main(arguments: Sequence[str]) -> int:
    """List the names that a Windows disk could not hold; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="registry_app check-names",
        description="List what of a store would not survive a copy to a Windows disk.",
        epilog="Exit code: 0 everything would, 1 something would not, 2 the directory could not be read. "
        "Paths that are only longer than 259 characters do not count: the registry can use them.",
    )
    parser.add_argument("directory", help="the root directory: what holds docker/registry/v2")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument(
        "--destination",
        default=DESTINATION,
        help="the directory on Windows, for the length of paths (%(default)s)",
    )
    options = parser.parse_args(arguments)
    fs = for_this_platform(os.path.abspath(options.directory))
    try:
        found = check_names(fs, options.destination)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.kind}: {one.path}\n    {one.text}")
    return int(any(one.kind != "long-path" for one in found))
