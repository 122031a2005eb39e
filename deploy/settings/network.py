"""The nat network of a host: its subnet is pinned, so that an address in it can be."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, StrictStr, model_validator

from deploy.settings import checks
from deploy.settings.base import Settings
from deploy.settings.problems import Problem, Problems

IPv4 = Annotated[StrictStr, AfterValidator(checks.ipv4_address)]


class NetworkSettings(Settings):
    """The network that containers are on if they do not say."""

    name: Literal["nat"] = "nat"
    """Its name; the engine on Windows has one default network, and its name is fixed."""

    subnet: Annotated[StrictStr, AfterValidator(checks.ipv4_network)] = "172.24.192.0/20"
    """Addresses of containers. Delivered as ``fixed-cidr``, which counts when the network is made."""

    gateway: IPv4 | None = None
    """The host's address in it; Windows takes the first one unless this says another."""

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The subnet as a value to calculate with."""
        return ipaddress.IPv4Network(self.subnet)

    @property
    def gateway_address(self) -> ipaddress.IPv4Address:
        """The gateway that will be there: the one asked for, or the first address."""
        return ipaddress.IPv4Address(self.gateway) if self.gateway else self.network[1]

    @model_validator(mode="after")
    def _subnet_can_be_used(self) -> Self:
        if problems := list(self._problems()):
            raise Problems(problems)
        return self

    def _problems(self) -> Iterator[Problem]:
        network = self.network
        if network.prefixlen > 29:
            yield Problem("subnet", f"{network} has no room for containers; write /29 or wider")
            return
        if network.is_loopback or network.is_multicast or network.is_link_local or network.is_unspecified:
            yield Problem(
                "subnet", f"{network} cannot be given to containers; take one of the private networks"
            )
        elif not network.is_private:
            yield Problem(
                "subnet", f"{network} is a public network, which its hosts would then not reach any more"
            )
        if self.gateway and self.gateway_address != network[1]:
            yield Problem(
                "gateway",
                f"the engine gives the nat network its first address as gateway, {network[1]}; leave it out",
            )
