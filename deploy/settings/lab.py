"""Everything that is wanted of one host, and the rules between its parts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, Self

from pydantic import StrictInt, model_validator

from deploy.settings.access import AuthoritySettings, TrustSettings
from deploy.settings.base import Settings
from deploy.settings.engine import EngineSettings
from deploy.settings.image import ImageSettings, base_image
from deploy.settings.network import NetworkSettings
from deploy.settings.problems import Problem, Problems
from deploy.settings.registry import ProofSettings, RegistrySettings


class LabSettings(Settings):
    """One host: engine, network, image, registry, and the proof that they work together."""

    windows_build: StrictInt | None = None
    """The host's Windows build, if it is known beforehand; the host itself is asked in any case."""

    engine: EngineSettings = EngineSettings()
    network: NetworkSettings = NetworkSettings()
    image: ImageSettings = ImageSettings()
    registry: RegistrySettings = RegistrySettings()
    trust: TrustSettings = TrustSettings()
    authority: AuthoritySettings = AuthoritySettings()
    proof: ProofSettings = ProofSettings()

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if problems := list(lab_problems(dict(self))):
            raise Problems(problems)
        return self

    def engine_options(self) -> dict[str, Any]:
        """Return the engine's options as plain data, with what network and registry add to them."""
        options = self.engine.wanted_options()
        options["fixed-cidr"] = self.network.subnet
        if self.registry.is_insecure:
            given = list(options.get("insecure-registries", []))
            added = [address for address in self.registry.addresses if not covered(address, given)]
            options["insecure-registries"] = given + added
        return options

    def warnings(self) -> list[str]:
        """Return what is allowed but worth a word."""
        return self.engine.warnings()


def covered(address: str, entries: list[str]) -> bool:
    """Say whether ``insecure-registries`` already reaches ``host:port``: by that very text, or by a network.

    A name is covered by no network here: the engine would look it up, and its answer is not ours to foresee.
    """
    if address in entries:
        return True
    try:
        ip = ipaddress.ip_address(address.rpartition(":")[0])
        return any(ip in ipaddress.ip_network(entry, strict=False) for entry in entries if "/" in entry)
    except ValueError:
        return False


Parts = dict[str, Any]
"""The parts of a host's settings by name; a part that is itself wrong is not there."""


def lab_problems(parts: Parts) -> Iterator[Problem]:
    """Yield everything that is wrong between those ``parts`` that are there."""
    for needs, rule in _RULES:
        if all(need in parts for need in needs):
            yield from rule(parts)


def _address_is_free(parts: Parts) -> Iterator[Problem]:
    network: NetworkSettings = parts["network"]
    registry: RegistrySettings = parts["registry"]
    address, subnet = ipaddress.IPv4Address(registry.ip), network.network
    example = f"write one like {subnet[min(100, subnet.num_addresses - 2)]}"
    if address not in subnet:
        yield Problem(
            "registry.ip", f"{address} is not in network.subnet {subnet}; {example}, or change the subnet"
        )
    elif address == subnet.network_address:
        yield Problem("registry.ip", f"{address} is the address of the network itself; {example}")
    elif address == subnet.broadcast_address:
        yield Problem("registry.ip", f"{address} is the broadcast address of {subnet}; {example}")
    elif address == network.gateway_address:
        yield Problem("registry.ip", f"{address} is the gateway of {subnet}; {example}")


def _subnet_is_given_once(parts: Parts) -> Iterator[Problem]:
    engine: EngineSettings = parts["engine"]
    if engine.options.fixed_cidr or "fixed-cidr" in engine.extra:
        yield Problem("engine.options.fixed-cidr", "is what network.subnet is for; write it there only")
    if engine.options.bridge == "none":
        yield Problem(
            "engine.options.bridge", "'none' makes no nat network, but the registry has its address in it"
        )


def _registry_is_reached(parts: Parts) -> Iterator[Problem]:
    engine: EngineSettings = parts["engine"]
    registry: RegistrySettings = parts["registry"]
    entries = list(engine.options.insecure_registries or ())
    if registry.ip in entries:
        yield Problem(
            "engine.options.insecure-registries",
            f"'{registry.ip}' does not cover port {registry.port}; leave it out",
        )
    for address in registry.addresses:
        if not registry.is_insecure and covered(address, entries):
            yield Problem(
                "engine.options.insecure-registries",
                f"covers {address}, whose certificate would then not be looked at: leave it out, it has TLS",
            )


def _logins_are_users(parts: Parts) -> Iterator[Problem]:
    trust: TrustSettings = parts["trust"]
    registry: RegistrySettings = parts["registry"]
    if registry.users and not trust.logins:
        yield Problem(
            "trust.logins",
            "nobody on this host is logged in, so no proof can push: write [{'user': …}] with one who may",
        )
    for number, login in enumerate(trust.logins):
        if login.user not in registry.users:
            yield Problem(f"trust.logins.{number}.user", f"{login.user!r} is none of registry.users")


def _base_fits_the_build(parts: Parts) -> Iterator[Problem]:
    build: int | None = parts["windows_build"]
    if build is None:
        return
    try:
        base_image(parts["image"], build)
    except ValueError as error:
        yield Problem("image.base", str(error))


_RULES: tuple[tuple[tuple[str, ...], Callable[[Parts], Iterator[Problem]]], ...] = (
    (("network", "registry"), _address_is_free),
    (("engine",), _subnet_is_given_once),
    (("engine", "registry"), _registry_is_reached),
    (("trust", "registry"), _logins_are_users),
    (("image", "windows_build"), _base_fits_the_build),
)
