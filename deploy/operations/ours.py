"""The provisioner's own directory on a host, closed before anything comes into it."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.places import OURS
from deploy.plan.ours import USED, plan_our_directory


@operation("own directory")
def ours(acting: Acting) -> Commands:
    """Leave the directory to administrators."""
    found = acting.found.directory(OURS)
    present = acting.found.exist(USED) if found.exists else {}
    inside = {path: acting.found.directory(path) for path, there in present.items() if there}
    yield from acting.carry_out(plan_our_directory(found, inside))
