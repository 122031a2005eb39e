"""What a host says of its engine: the running daemon, networks, images, containers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from deploy.state.reading import Object, Reported, Unreadable, as_docker_wrote, lines, objects, one_object

ALWAYS_INSECURE = frozenset({"127.0.0.0/8", "::1/128"})
"""What every engine talks to without TLS, whatever its options say."""


@dataclass(frozen=True)
class EngineState(Reported):
    """The engine as it runs; ``answers`` is False if nothing answered on its pipe."""

    answers: bool
    version: str = ""
    os_version: str = ""
    labels: tuple[str, ...] = ()
    insecure_registries: frozenset[str] = frozenset()
    mirrors: tuple[str, ...] = ()
    debug: bool = False
    experimental: bool = False
    data_root: str = ""
    isolation: str = ""
    log_driver: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict)
    containerd: str = ""
    errors: tuple[str, ...] = ()
    """What the client said when the engine did not answer."""

    @classmethod
    def from_json(cls, info: str) -> Self:
        """Read ``docker info``: of an engine that does not answer, the client says no more than who it is."""
        found = one_object(as_docker_wrote(info), "docker info")
        errors = found.texts("ServerErrors")
        if errors or (found.raw("ClientInfo") and not found.text("ServerVersion", "")):
            return cls(answers=False, errors=errors)
        registries = found.inner("RegistryConfig")
        return cls(
            answers=True,
            version=found.text("ServerVersion"),
            os_version=found.text("OSVersion", ""),
            labels=found.texts("Labels"),
            insecure_registries=_insecure(registries),
            mirrors=registries.texts("Mirrors"),
            debug=found.flag("Debug", default=False),
            experimental=found.flag("ExperimentalBuild", default=False),
            data_root=found.text("DockerRootDir", ""),
            isolation=found.text("Isolation", ""),
            log_driver=found.text("LoggingDriver", ""),
            proxies=_proxies(found),
            containerd=found.inner("Containerd").text("Address", ""),
        )

    @classmethod
    def silent(cls, *errors: str) -> Self:
        """Return the state of an engine that did not answer, with what was said instead."""
        return cls(answers=False, errors=errors)

    def label(self, key: str) -> str | None:
        """Return the value of an engine label, or None."""
        found = [label.partition("=")[2] for label in self.labels if label.partition("=")[0] == key]
        return found[0] if found else None


def _insecure(registries: Object) -> frozenset[str]:
    named = {
        name
        for name, index in registries.inner("IndexConfigs").items()
        if not Object.of(index, "docker info, IndexConfigs").flag("Secure", default=True)
    }
    networks = {str(network) for network in registries.many("InsecureRegistryCIDRs")}
    return frozenset((named | networks) - ALWAYS_INSECURE)


def _proxies(info: Object) -> dict[str, str]:
    names = {"HttpProxy": "http-proxy", "HttpsProxy": "https-proxy", "NoProxy": "no-proxy"}
    return {key: value for name, key in names.items() if (value := info.text(name, ""))}


@dataclass(frozen=True)
class NetworkState(Reported):
    """A network of the engine; ``exists`` is False if there is none of that name."""

    name: str
    exists: bool
    driver: str = ""
    subnet: ipaddress.IPv4Network | None = None
    gateway: str = ""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read ``docker network inspect`` of one network."""
        found = one_object(text, "docker network inspect")
        pools = [Object.of(pool, "the network's subnet") for pool in found.inner("IPAM").many("Config")]
        subnet = pools[0].text("Subnet", "") if pools else ""
        try:
            network = ipaddress.IPv4Network(subnet, strict=False) if subnet else None
        except ValueError:
            raise Unreadable("docker network inspect", text, f"{subnet!r} is no subnet") from None
        return cls(
            name=found.text("Name"),
            exists=True,
            driver=found.text("Driver", ""),
            subnet=network,
            gateway=pools[0].text("Gateway", "") if pools else "",
        )

    @classmethod
    def absent(cls, name: str) -> Self:
        """Return the state of a network that is not there."""
        return cls(name, exists=False)


@dataclass(frozen=True)
class HnsNetworkState(Reported):
    """A network as Windows' Host Network Service knows it."""

    name: str
    kind: str
    id: str
    subnets: tuple[str, ...]

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read Get-HnsNetwork."""
        return [
            cls(
                name=network.text("Name", ""),
                kind=network.text("Type", ""),
                id=network.text("ID"),
                subnets=tuple(
                    Object.of(subnet, "an HNS subnet").text("AddressPrefix", "")
                    for subnet in network.many("Subnets")
                ),
            )
            for network in objects(text, "the HNS networks")
        ]


@dataclass(frozen=True)
class HnsEndpointState(Reported):
    """One container's end of an HNS network; it can outlive its container."""

    id: str
    name: str
    ip: str
    network: str

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read Get-HnsEndpoint."""
        return [
            cls(
                id=endpoint.text("ID"),
                name=endpoint.text("Name", ""),
                ip=endpoint.text("IPAddress", ""),
                network=endpoint.text("VirtualNetworkName", ""),
            )
            for endpoint in objects(text, "the HNS endpoints")
        ]


@dataclass(frozen=True)
class ImageState(Reported):
    """An image that the engine has."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    os_version: str = ""
    digests: tuple[str, ...] = ()
    created: str = ""
    """When it was built, as the engine writes it; texts of one form, so they sort by time."""

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read ``docker image inspect`` of one or more images."""
        return [
            cls(
                id=image.text("Id"),
                tags=image.texts("RepoTags"),
                labels=image.inner("Config").mapping("Labels"),
                os_version=image.text("OsVersion", ""),
                digests=image.texts("RepoDigests"),
                created=image.text("Created", ""),
            )
            for image in objects(text, "docker image inspect")
        ]


def image_tags(text: str) -> frozenset[str]:
    """Read ``docker image ls``: every ``repository:tag`` there is."""
    return frozenset(
        f"{image.text('Repository')}:{image.text('Tag')}"
        for image in lines(text, "docker image ls")
        if image.text("Tag") != "<none>"
    )


def names(text: str, what: str, key: str = "Name") -> list[str]:
    """Read the names out of a list command of docker (``Names`` for containers)."""
    return [each.text(key).partition(",")[0] for each in lines(text, what)]
