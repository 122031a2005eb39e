"""The registry's image: its tag says what it was built from, so one that is there is not built again."""

from __future__ import annotations

from collections.abc import Collection

from deploy.places import BUILDS
from deploy.settings.image import ImageSettings
from deploy.steps import BuildImage, ExpandArchive, MakeDirectory, PutArchive, RemovePath, Step


def image_tag(settings: ImageSettings, fingerprint: str) -> str:
    """Return the full name of the image that was built from the context with this fingerprint."""
    return f"{settings.repository}:{fingerprint}"


def plan_image(wanted: ImageSettings, fingerprint: str, found: Collection[str]) -> list[Step]:
    """Return the steps that build the image, unless ``found`` (all tags of the host) has it.

    The context goes up as one archive, is unpacked into a directory of its own, and both go away again.
    """
    tag = image_tag(wanted, fingerprint)
    if tag in found:
        return []
    directory, archive = rf"{BUILDS}\{fingerprint}", rf"{BUILDS}\{fingerprint}.zip"
    return [
        MakeDirectory(BUILDS),
        PutArchive(archive, fingerprint),
        ExpandArchive(archive, directory),
        BuildImage(tag, directory),
        RemovePath(archive),
        RemovePath(directory),
    ]
