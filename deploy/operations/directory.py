"""The data directory of the registry."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.plan import plan_directory
from deploy.settings import LabSettings


@operation("data directory")
def directory(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Make the data directory, open to the container's user. What is in it is never touched."""
    path = wanted.registry.data_directory
    yield from acting.carry_out(plan_directory(path, acting.found.directory(path)))
