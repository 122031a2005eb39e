"""A container's file system: Windows paths to files on this machine, mounts first."""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Iterable, Mapping, Sequence

_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]")


class ContainerFiles:
    """Where a container's paths really are. ``mounts`` maps targets in the container to real directories."""

    def __init__(self, root: str, mounts: Mapping[str, str]) -> None:
        self.root = root
        self._mounts = sorted(mounts.items(), key=lambda item: -len(item[0]))

    def real(self, path: str) -> str:
        """Return the real path of a Windows path, absolute or relative to the drive's root."""
        full = ntpath.normpath(ntpath.join("C:\\", path))
        for target, directory in self._mounts:
            base = ntpath.normpath(target)
            if full.casefold() == base.casefold():
                return directory
            if full.casefold().startswith(base.casefold().rstrip("\\") + "\\"):
                return below(directory, full[len(base) :].strip("\\").split("\\"))
        rest = ntpath.splitdrive(full)[1].strip("\\")
        return below(self.root, rest.split("\\") if rest else [])

    def translate(self, value: str) -> str:
        """Return an environment value with a Windows path in it made real; any other value as it is."""
        return self.real(value) if _ABSOLUTE.match(value) else value


def below(directory: str, names: Sequence[str]) -> str:
    """Return a path below ``directory``, names matched without regard to case where they exist."""
    for name in names:
        directory = os.path.join(directory, _spelling(directory, name))
    return directory


def _spelling(directory: str, name: str) -> str:
    if os.path.lexists(os.path.join(directory, name)):
        return name
    try:
        present = os.listdir(directory)
    except OSError:
        return name
    return next((other for other in present if other.casefold() == name.casefold()), name)


def unpack(root: str, layers: Iterable[Mapping[str, bytes]]) -> None:
    """Write the files of layers below ``root``, later layers over earlier ones."""
    os.makedirs(root, exist_ok=True)
    for files in layers:
        for name, content in files.items():
            path = below(root, name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
