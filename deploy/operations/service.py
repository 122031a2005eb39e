"""The engine's service: when it starts, after what, and what happens after a crash."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.plan import plan_service
from deploy.settings import LabSettings


@operation("service")
def service(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Set what the service manager does with the engine; the engine itself keeps running."""
    found = acting.found.service()
    if not found.exists and not acting.state.is_executing:
        return  # the engine's options come first, and register it
    yield from acting.carry_out(plan_service(wanted.engine.service, found))
