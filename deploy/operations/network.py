"""The nat network, looked at after the engine had its chance to make it."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.plan import plan_network
from deploy.settings import LabSettings


@operation("nat network")
def network(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Refuse to go on if the network has not the subnet that the registry's address needs."""
    if not acting.state.is_executing:
        return  # making it anew is part of the engine's one restart, and planned there
    yield from acting.carry_out(plan_network(wanted.network, acting.found.network(wanted.network.name)))
