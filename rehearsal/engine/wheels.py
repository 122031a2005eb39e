"""What pip would say to ``install --no-index`` of some wheels, for the Python of a Windows image."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser

from packaging.markers import Environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version


class PipError(Exception):
    """pip ends with exit code 1 and this on stderr."""


@dataclass(frozen=True)
class Wheel:
    """A wheel file that was read: its name, version, content and what it needs."""

    file_name: str
    name: str
    version: Version
    tags: frozenset[Tag]
    requirements: tuple[Requirement, ...]
    requires_python: str
    content: bytes

    def files(self) -> dict[str, bytes]:
        """Return the files in the wheel."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return {item.filename: archive.read(item) for item in archive.infolist() if not item.is_dir()}


def read_wheel(file_name: str, content: bytes) -> Wheel | None:
    """Return a wheel, or None if the file's name is not that of one (pip passes over it)."""
    try:
        name, version, _, tags = parse_wheel_filename(file_name)
    except InvalidWheelFilename:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = next((n for n in archive.namelist() if n.endswith(".dist-info/METADATA")), None)
            metadata = HeaderParser().parsestr(archive.read(found).decode() if found else "")
    except zipfile.BadZipFile as error:
        raise PipError(f"ERROR: Wheel '{name}' located at {file_name} is invalid.") from error
    try:
        needs = tuple(Requirement(text) for text in metadata.get_all("Requires-Dist") or [])
    except InvalidRequirement as error:
        raise PipError(f"ERROR: {file_name}: {error}") from error
    return Wheel(file_name, name, version, tags, needs, str(metadata.get("Requires-Python") or ""), content)


def resolve(wanted: Iterable[str], wheels: Iterable[Wheel], python: str) -> list[Wheel]:
    """Return the wheels that pip would install for the requirements; raises `PipError`.

    ``python`` is the image's version, for example ``3.13``. The set is what one person put there for one
    purpose, so the newest wheel that fits each name is taken; there is no back-tracking.
    """
    version = (int(python.split(".", maxsplit=1)[0]), int(python.split(".")[1]))
    supported = {*cpython_tags(version, platforms=["win_amd64"])}
    supported |= {*compatible_tags(version, f"cp{version[0]}{version[1]}", ["win_amd64"])}
    everything = list(wheels)
    chosen: dict[str, Wheel] = {}
    queue = [(Requirement(text), "") for text in wanted]
    while queue:
        requirement, parent = queue.pop(0)
        name = canonicalize_name(requirement.name)
        if name in chosen:
            _check_chosen(chosen[name], requirement, parent)
            continue
        wheel = _best(requirement, parent, everything, supported, python)
        chosen[name] = wheel
        environment = _environment(python)
        needed = [need for need in wheel.requirements if _applies(need, requirement.extras, environment)]
        queue += [(need, f"{wheel.name}=={wheel.version}") for need in needed]
    return list(chosen.values())


def _applies(need: Requirement, extras: Iterable[str], environment: Mapping[str, str]) -> bool:
    if need.marker is None:
        return True
    return any(need.marker.evaluate({**environment, "extra": extra}) for extra in ["", *extras])


def _environment(python: str) -> Mapping[str, str]:
    environment: Environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.1",
        "os_name": "nt",
        "platform_machine": "AMD64",
        "platform_python_implementation": "CPython",
        "platform_release": "2022Server",
        "platform_system": "Windows",
        "platform_version": "10.0.20348",
        "python_full_version": f"{python}.1",
        "python_version": python,
        "sys_platform": "win32",
    }
    return {key: str(value) for key, value in environment.items()}


def _best(
    requirement: Requirement, parent: str, wheels: list[Wheel], supported: set[Tag], python: str
) -> Wheel:
    name = canonicalize_name(requirement.name)
    named = [wheel for wheel in wheels if canonicalize_name(wheel.name) == name]
    fitting = [
        wheel
        for wheel in named
        if wheel.tags & supported and SpecifierSet(wheel.requires_python).contains(f"{python}.1")
    ]
    usable = [wheel for wheel in fitting if requirement.specifier.contains(wheel.version, prereleases=True)]
    if usable:
        return max(usable, key=lambda wheel: wheel.version)
    source = f" (from {parent})" if parent else ""
    versions = ", ".join(str(wheel.version) for wheel in sorted(fitting, key=lambda wheel: wheel.version))
    text = (
        f"ERROR: Could not find a version that satisfies the requirement {requirement}{source} "
        f"(from versions: {versions or 'none'})\n"
        f"ERROR: No matching distribution found for {requirement}"
    )
    raise PipError(text)


def _check_chosen(wheel: Wheel, requirement: Requirement, parent: str) -> None:
    if not requirement.specifier.contains(wheel.version, prereleases=True):
        raise PipError(
            f"ERROR: Cannot install {requirement} (from {parent}) and {wheel.name}=={wheel.version} because "
            "these package versions have conflicting dependencies.\n"
            "ERROR: ResolutionImpossible: for help visit "
            "https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts"
        )
