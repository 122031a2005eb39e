"""Of the registry's images a host keeps the last few, and everything that is not ours."""

from __future__ import annotations

import dataclasses

import pytest

from deploy.places import REPLACED
from deploy.plan.old_images import images_of_ours, plan_old_images
from deploy.settings import ImageSettings
from deploy.state import ContainerState, ImageState

WANTED = ImageSettings()
REPOSITORY = WANTED.repository
TAGS = [f"{number:012x}" for number in range(1, 6)]
IMAGES = [
    ImageState(f"sha256:{tag}", (f"{REPOSITORY}:{tag}",), created=f"2026-11-0{day}T10:00:00Z")
    for day, tag in enumerate(TAGS, start=1)
]
NEWEST = TAGS[-1]


def removed(current: str = NEWEST, containers: tuple[ContainerState, ...] = (), **settings: int) -> list[str]:
    wanted = WANTED.model_copy(update=settings)
    plan = plan_old_images(wanted, current, IMAGES, containers)
    return [step.reference.rpartition(":")[2] for step in plan]


def test_the_current_one_and_the_one_before_are_kept() -> None:
    assert removed() == [TAGS[2], TAGS[1], TAGS[0]]


@pytest.mark.parametrize(("keep", "gone"), [(1, 4), (3, 2), (9, 0)])
def test_how_many_are_kept_is_a_setting(keep: int, gone: int) -> None:
    assert len(removed(keep=keep)) == gone


def test_an_old_one_that_is_current_again_is_kept() -> None:
    assert removed(TAGS[0]) == [TAGS[3], TAGS[2], TAGS[1]]


@pytest.mark.parametrize("by_name", [True, False], ids=["by name", "by id"])
def test_what_a_container_was_made_from_is_kept(by_name: bool) -> None:
    name, identifier = (IMAGES[0].tags[0], "") if by_name else ("mine:latest", IMAGES[0].id)
    container = dataclasses.replace(ContainerState("old", "c", name, running=False), image_id=identifier)

    assert removed(containers=(container,)) == [TAGS[2], TAGS[1]]


def test_the_one_that_served_before_is_kept_rather_than_a_newer_one_that_never_did() -> None:
    replaced = ContainerState(REPLACED, "c", IMAGES[1].tags[0], running=False)

    assert removed(containers=(replaced,)) == [TAGS[3], TAGS[2], TAGS[0]]


def test_what_is_not_ours_is_not_looked_at() -> None:
    foreign = {f"{REPOSITORY}:mine", f"other/registry:{TAGS[0]}", f"x/{REPOSITORY}:{TAGS[0]}", "a:b"}

    assert images_of_ours(WANTED, {*foreign, f"{REPOSITORY}:{TAGS[0]}"}) == [f"{REPOSITORY}:{TAGS[0]}"]
