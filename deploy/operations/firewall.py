"""The firewall of the host."""

from __future__ import annotations

from deploy.operations.acting import Acting, Commands, operation
from deploy.plan import plan_firewall
from deploy.settings import LabSettings


@operation("firewall")
def firewall(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Let the published port of the registry in, and no port that was published before."""
    port = wanted.registry.published_port
    yield from acting.carry_out(plan_firewall(port, acting.found.firewall_rules()))
