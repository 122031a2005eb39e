"""What a proven rollout no longer needs, taken away: only now, since until now there might be a way back."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.image import context_for
from deploy.operations.placing import take_away
from deploy.places import REPLACED
from deploy.plan.old_images import images_of_ours, plan_old_images
from deploy.plan.replacement import named
from deploy.settings import LabSettings
from deploy.state import ContainerState
from deploy.steps import RemoveContainer, RemoveImage, Step


@operation("tidying")
def tidying(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Remove what was replaced or is no longer wanted, once what came in its place is proven."""
    if not acting.found.engine().answers:
        return  # the proof has said so, or will
    containers = acting.found.containers()
    steps: list[Step] = []
    if named(containers, REPLACED) is not None:
        steps.append(RemoveContainer(REPLACED, f"{wanted.registry.name} is proven"))
    steps += _old_images(acting, wanted, containers)
    steps += take_away(acting, wanted)
    yield from acting.carry_out(steps)


def _old_images(
    acting: Acting, wanted: LabSettings, containers: Sequence[ContainerState]
) -> Sequence[RemoveImage]:
    ours = images_of_ours(wanted.image, acting.found.image_tags())
    if len(ours) <= wanted.image.keep:
        return ()
    fingerprint = context_for(acting, wanted).fingerprint
    return plan_old_images(wanted.image, fingerprint, acting.found.images(ours), containers)
