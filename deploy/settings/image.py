"""The registry's image: what it is called and what it stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from deploy.settings.base import Settings

PYTHON = "3.13"
"""The Python of the image; the wheels of the build context are for it."""

_REPOSITORY = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(rf"{_REPOSITORY.pattern}(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?")
_RELEASE = re.compile(r"ltsc(?:2016|2019|2022|2025)|1809")


@dataclass(frozen=True)
class WindowsRelease:
    """A release of Windows Server, as far as images are concerned."""

    build: int
    name: str
    base: str | None
    """The official Python image for it, or None if there is none."""


RELEASES = {
    release.build: release
    for release in (
        WindowsRelease(14393, "Windows Server 2016", None),
        WindowsRelease(17763, "Windows Server 2019", None),
        WindowsRelease(20348, "Windows Server 2022", f"python:{PYTHON}-windowsservercore-ltsc2022"),
        WindowsRelease(26100, "Windows Server 2025", f"python:{PYTHON}-windowsservercore-ltsc2025"),
    )
}
"""Releases by build (version-compatibility and base-image-lifecycle pages of Microsoft's container docs)."""

_BUILD_OF_TAG = {"ltsc2016": 14393, "ltsc2019": 17763, "1809": 17763, "ltsc2022": 20348, "ltsc2025": 26100}
OLDEST_ENGINE_BUILD = 17763


def a_repository(value: str) -> str:
    """Refuse what is no repository name."""
    if not _REPOSITORY.fullmatch(value):
        raise ValueError(f"{value!r} is no repository; write small letters, as in 'registry-lab/registry'")
    return value


def a_reference(value: str) -> str:
    """Refuse what is no image reference."""
    if not _REFERENCE.fullmatch(value):
        raise ValueError(f"{value!r} is no image; write it as 'repository:tag'")
    return value


def a_tag(value: str) -> str:
    """Refuse what is no tag."""
    if not re.fullmatch(_TAG, value):
        raise ValueError(f"{value!r} is no tag; write letters, digits, '.', '_' and '-'")
    return value


class ImageSettings(Settings):
    """The image that the registry runs from. Its tag is the fingerprint of what it was built from."""

    base: Annotated[StrictStr, AfterValidator(a_reference)] | None = None
    """What it is built on; None takes the official Python image for the host's Windows build."""

    repository: Annotated[StrictStr, AfterValidator(a_repository)] = "registry-lab/registry"
    """Its name without the tag."""

    keep: Annotated[StrictInt, Field(ge=1)] = 2
    """How many of these images a host keeps after a proven rollout: the current one, and those before it."""


def base_image(settings: ImageSettings, build: int) -> str:
    """Return the image to build on for a host of this Windows build; raise `ValueError` if there is none."""
    release = RELEASES.get(build)
    name = f"{release.name} (build {build})" if release else f"Windows build {build}"
    if build < OLDEST_ENGINE_BUILD:
        raise ValueError(
            f"{name} is not supported by Docker Engine any more; use Windows Server 2019 or later"
        )
    if settings.base is None:
        if release is None or release.base is None:
            raise ValueError(f"there is no official Python image for {name}; name one as image.base")
        return release.base
    needed = base_build(settings.base)
    if needed is not None and needed > build:
        fitting = f"; write {release.base!r}" if release and release.base else ""
        raise ValueError(f"{settings.base} needs build {needed}, which {name} cannot run{fitting}")
    return settings.base


def base_build(image: str) -> int | None:
    """Return the Windows build that an image's tag speaks of, or None if it does not."""
    found = _RELEASE.search(image.rpartition(":")[2])
    return _BUILD_OF_TAG[found[0]] if found else None
