"""Docker's networks over those of the Host Network Service (moby ``daemon_windows.go``, libnetwork)."""

from __future__ import annotations

import ipaddress
import secrets

from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.hns import HostNetworks
from rehearsal.engine.records import Attachment, Container, DockerNetwork, now
from rehearsal.engine.state import State

NAT, NONE = "nat", "none"
_ADOPTED = frozenset({"nat", "transparent", "l2bridge", "l2tunnel", "overlay", "ics"})
_OWN_DRIVERS = frozenset({"nat", "transparent", "l2bridge", "overlay"})


class Networks:
    """What the engine knows of networks."""

    def __init__(self, state: State, host_networks: HostNetworks) -> None:
        self._state = state
        self._hns = host_networks

    def initialise(self, *, fixed_cidr: str, bridge_disabled: bool) -> None:
        """Adopt the host's networks at start, and make the nat network if there is none.

        ``fixed_cidr`` counts only for a network that is made now: one that exists keeps its subnet. Networks
        of type nat that docker made under another name are made again if the host has lost them.
        """
        with self._state.change():
            present = {network["ID"]: network for network in self._hns.networks()}
            for network in list(self._state.networks.values()):
                if network.driver == "null" or network.hns_id in present:
                    continue
                del self._state.networks[network.id]
                if network.driver == NAT and network.name != NAT:
                    self._make(network)
            self._ensure_none()
            known = {network.hns_id for network in self._state.networks.values()}
            for hns_id, found in present.items():
                if hns_id not in known and found["Type"].casefold() in _ADOPTED:
                    self._adopt(found)
            if not bridge_disabled and not self._named(NAT):
                self._make_default(fixed_cidr)

    def _make_default(self, subnet: str) -> None:
        try:
            self._make(DockerNetwork(_new_id(), NAT, NAT, now(), subnet=subnet))
        except EngineError as error:
            raise EngineError(f"error creating default network: {error}") from error

    def _ensure_none(self) -> None:
        if not self._named(NONE):
            network = DockerNetwork(_new_id(), NONE, "null", now())
            self._state.networks[network.id] = network

    def _adopt(self, found: dict[str, object]) -> None:
        kind = str(found["Type"]).lower()
        name = NAT if kind == NAT and not self._named(NAT) else str(found["Name"])
        network = DockerNetwork(_new_id(), name, kind, now())
        self._keep(network, found)

    def _make(self, network: DockerNetwork) -> None:
        found = self._hns.create_network(network.name, network.driver, network.subnet, network.gateway)
        self._keep(network, found)

    def _keep(self, network: DockerNetwork, found: dict[str, object]) -> None:
        network.hns_id = str(found["ID"])
        subnets = found["Subnets"]
        if isinstance(subnets, list) and subnets:
            network.subnet, network.gateway = subnets[0]["AddressPrefix"], subnets[0]["GatewayAddress"]
        self._state.networks[network.id] = network

    def _named(self, name: str) -> DockerNetwork | None:
        return next((n for n in self._state.networks.values() if n.name == name), None)

    def find(self, reference: str) -> DockerNetwork:
        """Return the network of a name or of (the beginning of) an id, or raise `NotFoundError`."""
        named = self._named(reference)
        if named is not None:
            return named
        matches = [n for n in self._state.networks.values() if reference and n.id.startswith(reference)]
        if len(matches) != 1:
            raise NotFoundError(f"network {reference} not found")
        return matches[0]

    def create(
        self, name: str, driver: str, *, subnet: str, gateway: str, labels: dict[str, str]
    ) -> DockerNetwork:
        """Create a network."""
        with self._state.change():
            if self._named(name):
                raise EngineError(f"network with name {name} already exists")
            if driver not in _OWN_DRIVERS:
                raise NotFoundError(
                    "could not resolve driver " + driver + f' in registry: plugin "{driver}" not found'
                )
            if subnet:
                try:
                    ipaddress.ip_network(subnet, strict=False)
                except ValueError as error:
                    raise EngineError(f"invalid subnet {subnet} : invalid CIDR address: {subnet}") from error
            network = DockerNetwork(
                _new_id(), name, driver, now(), subnet=subnet, gateway=gateway, labels=labels
            )
            self._make(network)
            return network

    def remove(self, reference: str) -> DockerNetwork:
        """Remove a network that no container uses."""
        with self._state.change():
            network = self.find(reference)
            if network.name in (NAT, NONE):
                raise EngineError(f"{network.name} is a pre-defined network and cannot be removed")
            if any(self.containers_of(network)):
                raise EngineError(
                    f"error while removing network: network {network.name} has active endpoints"
                )
            self._hns.remove_network(network.hns_id)
            del self._state.networks[network.id]
            return network

    def containers_of(self, network: DockerNetwork) -> list[Container]:
        """Return the running containers on a network."""
        return [
            container
            for container in self._state.containers.values()
            if container.state.running and container.attachment.network == network.name
        ]

    def check_address(self, name: str, address: str) -> None:
        """Raise `EngineError` if a network cannot have that address, as far as docker itself looks."""
        network = self.find(name)
        if network.driver == "null":
            raise EngineError(
                "invalid config for network none: invalid endpoint settings:\n"
                "user specified IP address is supported on user defined networks only"
            )
        try:
            inside = ipaddress.ip_address(address) in ipaddress.ip_network(network.subnet, strict=False)
        except ValueError:
            inside = False
        if not inside:
            raise EngineError(
                f"invalid config for network {name}: invalid endpoint settings:\n"
                f"no configured subnet contains IP address {address}"
            )

    def attach(self, container: Container, ports: list[tuple[int, int, str]]) -> None:
        """Give a container that starts its endpoint; raises `EngineError` with the words of HNS."""
        attachment = container.attachment
        network = self.find(attachment.network)
        if network.driver == "null":
            return
        try:
            endpoint = self._hns.create_endpoint(
                network.hns_id,
                address=attachment.wanted_address,
                preferred=attachment.last_address,
                ports=ports,
            )
        except EngineError as error:
            raise EngineError(
                f"failed to create endpoint {container.name} on network {network.name}: {error}"
            ) from error
        attachment.endpoint_id = endpoint["ID"]
        attachment.address = attachment.last_address = endpoint["IPAddress"]
        attachment.mac = endpoint["MacAddress"].replace("-", ":").lower()

    def detach(self, attachment: Attachment) -> None:
        """Give an endpoint back."""
        if attachment.endpoint_id:
            self._hns.remove_endpoint(attachment.endpoint_id, missing_ok=True)
        attachment.endpoint_id = attachment.address = attachment.mac = ""


def _new_id() -> str:
    return secrets.token_hex(32)
