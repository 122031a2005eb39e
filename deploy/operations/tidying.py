"""What a proven rollout no longer needs, taken away: only now, since until now there might be a way back."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.places import REPLACED
from deploy.plan.replacement import named
from deploy.settings import LabSettings
from deploy.steps import RemoveContainer, Step


@operation("tidying")
def tidying(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Remove what was replaced, once what replaced it is proven."""
    if not acting.found.engine().answers:
        return  # the proof has said so, or will
    steps: list[Step] = []
    if named(acting.found.containers(), REPLACED) is not None:
        steps.append(RemoveContainer(REPLACED, f"{wanted.registry.name} is proven"))
    yield from acting.carry_out(steps)
