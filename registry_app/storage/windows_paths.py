"""Arithmetic on Windows paths. Pure: no disk, any platform."""

import ntpath


def extended(path: str) -> str:
    r"""Return an absolute path in the form that Win32 passes on as it is.

    >>> print(extended("C:/registry-data"))
    \\?\C:\registry-data
    """
    if path.startswith("\\\\?\\"):
        return path
    absolute = ntpath.normpath(path) if ntpath.isabs(path) else ntpath.abspath(path)
    if absolute.startswith("\\\\"):
        return "\\\\?\\UNC" + absolute[1:]
    return "\\\\?\\" + absolute


def parent(path: str) -> str:
    """Return the directory that ``path`` is in."""
    return path.rpartition("\\")[0]


def steps(root: str, below: str) -> list[tuple[str, str]]:
    """Return each name of ``below`` with the directory that it is in."""
    steps = []
    for name in below.strip("\\").split("\\"):
        steps.append((root, name))
        root = f"{root}\\{name}"
    return steps


def first_difference(wanted: str, found: str) -> str:
    """Return the first name of ``found`` that is spelled differently, comparing from the end of the paths."""
    pairs = zip(reversed(wanted.split("\\")), reversed(found.split("\\")), strict=False)
    different = [theirs for ours, theirs in pairs if ours != theirs and ours.casefold() == theirs.casefold()]
    return repr(different[-1]) if different else "another name"
