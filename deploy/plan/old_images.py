"""Images of the registry that a host no longer needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from deploy.places import REPLACED
from deploy.plan.image import image_tag
from deploy.settings.image import ImageSettings
from deploy.state import ContainerState, ImageState
from deploy.steps import RemoveImage

_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


def images_of_ours(wanted: ImageSettings, tags: Collection[str]) -> list[str]:
    """Return which of a host's images were built by us: in our repository, tagged with a fingerprint.

    Whatever else somebody keeps in that repository is theirs.
    """
    named = (tag.rpartition(":") for tag in sorted(tags))
    return [
        f"{repository}:{tag}"
        for repository, _, tag in named
        if repository == wanted.repository and _FINGERPRINT.fullmatch(tag)
    ]


def plan_old_images(
    wanted: ImageSettings, fingerprint: str, found: Sequence[ImageState], containers: Sequence[ContainerState]
) -> list[RemoveImage]:
    """Return the steps that remove images of ours beyond those to keep.

    ``found`` are those of ours. Kept are the current one and, up to the number in the settings, the one that
    served before it, then the newest. What another container was made from stays, whether it runs or not.
    """
    replaced = {name for each in containers if each.name == REPLACED for name in _images_of(each)}
    used = {name for each in containers if each.name != REPLACED for name in _images_of(each)}
    ordered = sorted(found, key=lambda image: image.created, reverse=True)
    ordered.sort(key=lambda image: not replaced & {image.id, *image.tags})
    others = [
        (tag, image.id)
        for image in ordered
        for tag in images_of_ours(wanted, image.tags)
        if tag != image_tag(wanted, fingerprint)
    ]
    return [RemoveImage(tag) for tag, image_id in others[wanted.keep - 1 :] if not used & {tag, image_id}]


def _images_of(container: ContainerState) -> set[str]:
    return {container.image, container.image_id}
