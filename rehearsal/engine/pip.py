"""``pip install`` in a build: from a directory of wheels in the image, for the image's Python."""

from __future__ import annotations

import ntpath
from collections.abc import Callable, Iterable

from rehearsal.engine.wheels import PipError, Wheel, read_wheel, resolve

SITE_PACKAGES = "Python/Lib/site-packages"
_OWN = "registry-app"
_PLAIN_SWITCHES = frozenset(
    {"--no-cache-dir", "--disable-pip-version-check", "--quiet", "-q", "--no-compile", "--upgrade", "-U"}
)


def pip_install(
    words: list[str], python: str, files: Iterable[tuple[str, bytes]], out: Callable[[str], None]
) -> dict[str, bytes]:
    """Return the files that ``pip install`` with these words adds to an image; raises `PipError`.

    ``python`` is the version of the image's Python, empty if it has none; ``files`` are those in the image.
    """
    folders, wanted, no_index = _pip_arguments(words)
    if not python:
        raise PipError(
            "'python' is not recognized as an internal or external command,\noperable program or batch file."
        )
    if not no_index:
        raise PipError("rehearsal: the build has no network; use pip install --no-index --find-links")
    chosen = resolve(wanted, _wheels(folders, files), ".".join(python.split(".")[:2]))
    for wheel in chosen:
        out(f"Processing {folders[0].lower()}\\{wheel.file_name}")
    out("Installing collected packages: " + ", ".join(wheel.name for wheel in reversed(chosen)))
    out("Successfully installed " + " ".join(sorted(f"{wheel.name}-{wheel.version}" for wheel in chosen)))
    return {name: content for wheel in chosen for name, content in _installed(wheel).items()}


def _wheels(folders: list[str], files: Iterable[tuple[str, bytes]]) -> list[Wheel]:
    inside = [ntpath.splitdrive(folder)[1].strip("\\/").replace("\\", "/").casefold() for folder in folders]
    found = []
    for path, content in files:
        folder, _, name = path.rpartition("/")
        if folder.casefold() in inside and name.endswith(".whl"):
            wheel = read_wheel(name, content)
            found += [wheel] if wheel else []
    return found


def _pip_arguments(words: list[str]) -> tuple[list[str], list[str], bool]:
    folders: list[str] = []
    wanted: list[str] = []
    no_index = False
    rest = list(words)
    while rest:
        word = rest.pop(0).strip("\"'")
        if word in ("--find-links", "-f"):
            folders.append(rest.pop(0).strip("\"'") if rest else "")
        elif word.startswith("--find-links="):
            folders.append(word.partition("=")[2])
        elif word == "--no-index":
            no_index = True
        elif word in _PLAIN_SWITCHES:
            continue
        elif word.startswith("-"):
            raise PipError(
                f"Usage:\n  pip install [options] <requirement specifier> ...\n\nno such option: {word}"
            )
        else:
            wanted.append(word)
    if not wanted:
        raise PipError('ERROR: You must give at least one requirement to install (see "pip help install")')
    return folders, wanted, no_index


def _installed(wheel: Wheel) -> dict[str, bytes]:
    """Return what a wheel leaves in site-packages.

    Code for Windows cannot run on this machine, so of the dependencies only their metadata is kept, and a
    container takes them from this machine's Python; the registry itself is kept whole.
    """
    files = wheel.files()
    own = wheel.name == _OWN
    kept = {name: content for name, content in files.items() if own or ".dist-info/" in name}
    return {
        f"{SITE_PACKAGES}/{name}": content
        for name, content in kept.items()
        if own or name.endswith("METADATA")
    }
