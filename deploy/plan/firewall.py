"""The firewall: the published port is let in, and none of ours that is not published any more."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.state import FirewallRuleState
from deploy.steps import AddFirewallRule, RemoveFirewallRule, Step

PREFIX = "registry-lab-"
"""What the names of our rules begin with."""


def plan_firewall(port: int, found: Sequence[FirewallRuleState]) -> list[Step]:
    """Return the steps that leave exactly one rule of ours, for ``port``."""
    name = f"{PREFIX}{port}"
    right = [rule for rule in found if rule.name == name and _lets_in(rule, port)]
    removed = [
        RemoveFirewallRule(rule.name) for rule in found if rule.name.startswith(PREFIX) and rule not in right
    ]
    return [*removed, *([] if right else [AddFirewallRule(name, f"registry-lab {port}/tcp", port)])]


def _lets_in(rule: FirewallRuleState, port: int) -> bool:
    return (
        rule.enabled
        and rule.inbound
        and rule.allows
        and rule.protocol == "TCP"
        and rule.ports == (str(port),)
    )
