"""Look at the host before anything is done to it: the right Windows, and an engine to work with."""

from __future__ import annotations

from deploy import places
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.plan import plan_host
from deploy.settings import LabSettings


@operation("host")
def host(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Refuse a host that cannot be what is wanted; change nothing."""
    windows = acting.found.windows()
    acting.record.windows = f"{windows.product} ({windows.build}.{windows.revision})"
    for warning in wanted.warnings():
        if warning not in acting.record.notes:
            acting.record.notes.append(warning)
    if not acting.found.service().exists and not _has_dockerd(acting):
        raise StepFailed("there is no Docker Engine on this host", "install it, then run again")
    yield from acting.carry_out(plan_host(wanted, windows))


def _has_dockerd(acting: Acting) -> bool:
    return acting.found.exist([places.DOCKERD])[places.DOCKERD]
