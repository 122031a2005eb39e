"""The Host Network Service of a host: networks, subnets, endpoints, addresses. It outlives the engine."""

from __future__ import annotations

import ipaddress
import os
import threading
import uuid
from collections.abc import Iterable
from typing import Any

from rehearsal import store
from rehearsal.engine.errors import EngineError
from rehearsal.interfaces import HostApi, WindowsError

ELEMENT_NOT_FOUND = 1168
_DEFAULT_PREFIX = 20
_locks: dict[str, threading.RLock] = {}
_locks_guard = threading.Lock()


class HnsError(EngineError):
    """The Host Network Service refused a call; docker passes its words on."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(f"hnsCall failed in Win32: {text} ({code:#x})")


def default_subnet(number: int) -> str:
    """Return the subnet that HNS chooses by itself; it differs from host to host."""
    return f"172.{20 + number % 8}.{number * 16 % 192}.0/{_DEFAULT_PREFIX}"


class HostNetworks:
    """The service's state on one host, kept in a file."""

    def __init__(self, host: HostApi) -> None:
        self._host = host
        self._path = os.path.join(host.directory, "engine", "hns.json")
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with _locks_guard:
            self._lock = _locks.setdefault(self._path, threading.RLock())

    def networks(self) -> list[dict[str, Any]]:
        """Return the networks as ``Get-HnsNetwork`` shows them."""
        return list(self._load()["networks"])

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the endpoints as ``Get-HnsEndpoint`` shows them."""
        return list(self._load()["endpoints"])

    def find(self, name_or_id: str) -> dict[str, Any] | None:
        """Return a network by its name or id."""
        wanted = name_or_id.casefold()
        found = (n for n in self.networks() if wanted in (n["Name"].casefold(), n["ID"].casefold()))
        return next(found, None)

    def create_network(self, name: str, kind: str, subnet: str = "", gateway: str = "") -> dict[str, Any]:
        """Create a network; without a subnet the service chooses one. Raises `HnsError`."""
        with self._lock:
            state = self._load()
            chosen = ipaddress.ip_network(subnet or default_subnet(self._host.number), strict=False)
            for other in state["networks"]:
                if other["Type"].casefold() == "nat" == kind.casefold():
                    taken = [ipaddress.ip_network(item["AddressPrefix"]) for item in other["Subnets"]]
                    if any(chosen.version == net.version and chosen.overlaps(net) for net in taken):
                        raise HnsError("The object already exists.", 0x1392)
            network = {
                "ID": str(uuid.uuid4()).upper(),
                "Name": name,
                "Type": kind,
                "Subnets": [{"AddressPrefix": str(chosen), "GatewayAddress": gateway or str(chosen[1])}],
                "State": 1,
                "ManagementIP": self._host.address,
            }
            state["networks"].append(network)
            store.save(self._path, state)
            return network

    def remove_network(self, network_id: str) -> None:
        """Remove a network with its endpoints."""
        with self._lock:
            state = self._load()
            kept = [network for network in state["networks"] if network["ID"] != network_id]
            if len(kept) == len(state["networks"]):
                raise WindowsError(ELEMENT_NOT_FOUND, "Element not found.", network_id)
            state["networks"] = kept
            state["endpoints"] = [e for e in state["endpoints"] if e["VirtualNetwork"] != network_id]
            store.save(self._path, state)

    def create_endpoint(
        self, network_id: str, *, address: str, preferred: str, ports: Iterable[tuple[int, int, str]]
    ) -> dict[str, Any]:
        """Create an endpoint; raises `HnsError`.

        ``address`` is asked for and given or refused, ``preferred`` is given if it is free. ``ports`` are
        (external, internal, protocol).
        """
        with self._lock:
            state = self._load()
            network = next((item for item in state["networks"] if item["ID"] == network_id), None)
            if network is None:
                raise HnsError("Element not found.", 0x490)
            wanted = list(ports)
            _check_ports(state["endpoints"], wanted)
            given = _address(network, state["endpoints"], address, preferred)
            subnet = network["Subnets"][0]
            endpoint = {
                "ID": str(uuid.uuid4()).upper(),
                "Name": "Ethernet",
                "VirtualNetwork": network_id,
                "VirtualNetworkName": network["Name"],
                "IPAddress": given,
                "PrefixLength": ipaddress.ip_network(subnet["AddressPrefix"]).prefixlen,
                "GatewayAddress": subnet["GatewayAddress"],
                "MacAddress": _mac(given),
                "State": 3,
                "Policies": [
                    {"Type": "NAT", "ExternalPort": out, "InternalPort": inside, "Protocol": protocol}
                    for out, inside, protocol in wanted
                ],
            }
            state["endpoints"].append(endpoint)
            store.save(self._path, state)
            return endpoint

    def remove_endpoint(self, endpoint_id: str, *, missing_ok: bool = False) -> None:
        """Remove an endpoint."""
        with self._lock:
            state = self._load()
            kept = [endpoint for endpoint in state["endpoints"] if endpoint["ID"] != endpoint_id]
            if len(kept) == len(state["endpoints"]):
                if missing_ok:
                    return
                raise WindowsError(ELEMENT_NOT_FOUND, "Element not found.", endpoint_id)
            state["endpoints"] = kept
            store.save(self._path, state)

    def _load(self) -> dict[str, Any]:
        with self._lock:
            return store.load(self._path) or {"networks": [], "endpoints": []}


def _check_ports(endpoints: list[dict[str, Any]], wanted: list[tuple[int, int, str]]) -> None:
    taken = {
        (policy["ExternalPort"], policy["Protocol"])
        for endpoint in endpoints
        for policy in endpoint["Policies"]
    }
    if any((out, protocol) in taken for out, _, protocol in wanted):
        raise HnsError("The specified port already exists.", 0x803B0013)


def _address(network: dict[str, Any], endpoints: list[dict[str, Any]], address: str, preferred: str) -> str:
    subnet = network["Subnets"][0]
    prefix = ipaddress.ip_network(subnet["AddressPrefix"])
    taken = {endpoint["IPAddress"] for endpoint in endpoints if endpoint["VirtualNetwork"] == network["ID"]}
    reserved = {subnet["GatewayAddress"], str(prefix.network_address), str(prefix.broadcast_address)}
    if address:
        if ipaddress.ip_address(address) not in prefix:
            raise HnsError(
                "The IP address is either invalid or not part of any configured subnet(s).", 0x803B001E
            )
        if address in taken | reserved:
            raise HnsError("The specified address provided is invalid or reserved.", 0x803B002F)
        return address
    if preferred and preferred not in taken | reserved and ipaddress.ip_address(preferred) in prefix:
        return preferred
    offset = sum(network["ID"].encode()) % 200 + 2
    count = prefix.num_addresses
    for step in range(count):
        candidate = str(prefix[(offset + step * 37) % count])
        if candidate not in taken | reserved:
            return candidate
    raise HnsError("The address pool is exhausted.", 0x803B0009)


def _mac(address: str) -> str:
    octets = ipaddress.ip_address(address).packed[-4:]
    return "-".join(["00", "15", *(f"{octet:02X}" for octet in octets)])


def networks(host: HostApi) -> list[dict[str, Any]]:
    """Return the host's networks as ``Get-HnsNetwork`` shows them."""
    return HostNetworks(host).networks()


def endpoints(host: HostApi) -> list[dict[str, Any]]:
    """Return the host's endpoints as ``Get-HnsEndpoint`` shows them."""
    return HostNetworks(host).endpoints()


def remove_network(host: HostApi, network_id: str) -> None:
    """Remove a network; `WindowsError` 1168 if there is none of that id."""
    HostNetworks(host).remove_network(network_id)


def remove_endpoint(host: HostApi, endpoint_id: str) -> None:
    """Remove an endpoint; `WindowsError` 1168 if there is none of that id."""
    HostNetworks(host).remove_endpoint(endpoint_id)
