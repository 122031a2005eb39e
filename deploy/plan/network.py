"""See whether the nat network has the subnet that the registry's address needs, or may have it on this host.

``fixed-cidr`` counts only when the engine makes the network. So a network with another subnet is taken away
while the engine is stopped, and the engine makes it anew at its next start; `plan_engine` does that as part
of the one restart it needs. `plan_network` looks at the result.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Sequence

from deploy.settings.network import NetworkSettings
from deploy.state import ContainerState, HnsNetworkState, NetworkState, RouteState
from deploy.steps import Refuse, Step

_NOT_UNICAST = (ipaddress.IPv4Network("224.0.0.0/4"), ipaddress.IPv4Network("240.0.0.0/4"))


def plan_network(wanted: NetworkSettings, found: NetworkState) -> list[Step]:
    """Return nothing if the network is as wanted, or why it is not, once the engine has made it."""
    if not found.exists:
        return [
            Refuse(
                f"the engine has no network {wanted.name}",
                "look at the host's networks (Get-HnsNetwork) and at the engine's event log",
            )
        ]
    if found.subnet != wanted.network:
        return [
            Refuse(
                f"the network {wanted.name} has the subnet {found.subnet}, not {wanted.network}, although the"
                " engine was told so when it made it",
                "stop the engine, remove the network by hand (Get-HnsNetwork, Remove-HnsNetwork), run again",
            )
        ]
    return []


def must_be_made_anew(
    wanted: NetworkSettings, found: NetworkState | None, hns: Sequence[HnsNetworkState]
) -> str | None:
    """Return why the engine must make the network anew, or None if it is as wanted.

    ``found`` is what the engine says, None while it does not answer; then the Host Network Service says it.
    """
    if found is not None and not found.exists:
        return f"the engine has no network {wanted.name}"
    if found is not None:
        subnet = str(found.subnet)
    else:
        subnets = [subnet for network in hns if network.name == wanted.name for subnet in network.subnets]
        if not subnets:
            return None  # the engine makes it at its start, with the subnet that it is told
        subnet = subnets[0]
    if subnet == str(wanted.network):
        return None
    return f"the network {wanted.name} has the subnet {subnet}, not {wanted.network}"


def obstacles(
    wanted: NetworkSettings,
    routes: Sequence[RouteState],
    containers: Sequence[ContainerState],
    ours: Collection[str],
) -> Iterator[Refuse]:
    """Yield what stands against making the network anew with the wanted subnet.

    ``ours`` names the registry's containers, which are replaced where the address does not fit.
    """
    for route in routes:
        if _is_in_the_way(route, wanted):
            yield Refuse(
                f"network.subnet {wanted.network} overlaps {route.destination}, which this host reaches"
                f" through {route.interface or route.next_hop}",
                "choose a subnet that no route of the host touches",
            )
    for container in containers:
        address = container.networks.get(wanted.name, "")
        if container.name not in ours and address and ipaddress.ip_address(address) not in wanted.network:
            yield Refuse(
                f"the container {container.name} has the pinned address {address}, which is not in"
                f" network.subnet {wanted.network}, so it could not start again",
                f"remove {container.name}, or choose a subnet that holds its address",
            )


def _is_in_the_way(route: RouteState, wanted: NetworkSettings) -> bool:
    # The network's own routes go away with it; a default route overlaps everything and hides nothing.
    if f"({wanted.name})" in route.interface or route.destination.prefixlen == 0:
        return False
    if any(route.destination.overlaps(block) for block in _NOT_UNICAST):
        return False
    return route.destination.overlaps(wanted.network)
