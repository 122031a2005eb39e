"""What is found on one host: facts put together, and kept until something changes.

pyinfra 3.10 asks the host anew for every fact, and every operation asks twice. Here an answer is kept;
whoever changes the host calls `Found.forget`. Nothing here runs a command itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

from deploy import facts, places
from deploy.facts import JsonFact
from deploy.state import (
    ContainerState,
    DirectoryState,
    EngineState,
    EventState,
    FileState,
    FirewallRuleState,
    HnsEndpointState,
    HnsNetworkState,
    ImageState,
    NetworkState,
    RouteState,
    ServiceState,
    Unreadable,
    WindowsState,
)

T = TypeVar("T")


class CouldNotRead(Exception):
    """The host could not say what was asked."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"could not read {what}: {why}")


class Ask(Protocol):
    """Asks the host, or raises `CouldNotRead`."""

    def __call__(self, fact: type[JsonFact[T]], **arguments: object) -> T:
        """Return the fact's value."""
        ...


class Found:
    """Everything that plans ask about a host. Every method raises `CouldNotRead` if the host cannot say."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._kept: dict[tuple[object, ...], Any] = {}

    def forget(self) -> None:
        """Something has changed: ask anew from now on."""
        self._kept.clear()

    def windows(self) -> WindowsState:
        """Return which Windows it is."""
        return self._once(facts.Windows)

    def service(self, name: str = places.SERVICE) -> ServiceState:
        """Return a service, registered or not."""
        reported = self._once(facts.Service, service=name)
        registered = reported.strip() != "[]"
        key = self._once(facts.ServiceKey, service=name) if registered else None
        return self._read(f"the service {name}", lambda: ServiceState.from_json(name, reported, key))

    def exist(self, paths: Sequence[str]) -> dict[str, bool]:
        """Return which paths exist."""
        return self._once(facts.Presence, paths=tuple(paths))

    def file(self, path: str) -> FileState:
        """Return a text file, there or not."""
        if not self.exist([path])[path]:
            return FileState(path, None)
        return self._once(facts.TextFile, path=path)

    def hash(self, path: str) -> str | None:
        """Return the SHA-256 of a file, in hexadecimal digits; None if there is no file."""
        return self._once(facts.FileHash, path=path) if self.exist([path])[path] else None

    def root_certificates(self) -> frozenset[str]:
        """Return the thumbprints of the authorities that the whole machine trusts."""
        thumbprints = self._once(facts.RootCertificates)
        return frozenset(thumbprints)

    def directory(self, path: str) -> DirectoryState:
        """Return a directory, there or not."""
        if not self.exist([path])[path]:
            return DirectoryState(path, None)
        return self._once(facts.Permissions, path=path)

    def firewall_rules(self) -> list[FirewallRuleState]:
        """Return our rules of the firewall."""
        rules, ports = self._once(facts.FirewallRules), self._once(facts.FirewallPorts)
        return self._read("the firewall's rules", lambda: FirewallRuleState.list_from_json(rules, ports))

    def routes(self) -> list[RouteState]:
        """Return the IPv4 routes."""
        return self._once(facts.Routes)

    def hns_networks(self) -> list[HnsNetworkState]:
        """Return the networks of the Host Network Service."""
        return self._once(facts.HnsNetworks)

    def hns_endpoints(self) -> list[HnsEndpointState]:
        """Return the endpoints of the Host Network Service."""
        return self._once(facts.HnsEndpoints)

    def events(self) -> list[EventState]:
        """Return the engine's last words; Windows calls it an error if there are none."""
        return self._once(facts.EngineEvents)

    def engine(self) -> EngineState:
        """Return the engine, answering or not."""
        return self._once(facts.Engine)

    def containers(self) -> list[ContainerState]:
        """Return all containers."""
        names = self._once(facts.ContainerNames)
        return self._once(facts.Containers, containers=tuple(names)) if names else []

    def network(self, name: str) -> NetworkState:
        """Return a network of the engine, there or not."""
        if name not in self._once(facts.NetworkNames):
            return NetworkState.absent(name)
        return self._once(facts.Network, network=name)

    def image_tags(self) -> frozenset[str]:
        """Return every ``repository:tag`` that the engine has."""
        tags = self._once(facts.ImageTags)
        return frozenset(tags)

    def image(self, reference: str) -> ImageState | None:
        """Return the image with this ``repository:tag``, or None if the engine has none."""
        if reference not in self.image_tags():
            return None
        found = self.images([reference])
        return found[0] if found else None

    def images(self, references: Sequence[str]) -> list[ImageState]:
        """Return images that the engine has; two names of one image give it twice."""
        return self._once(facts.Images, references=tuple(references)) if references else []

    def pullable(self, reference: str) -> bool:
        """Return whether ``repository@digest``, which is here, can be pulled from its registry."""
        return self._once(facts.Pullable, reference=reference)

    def registry_answers(self, url: str) -> bool:
        """Return whether a registry answers at this address."""
        return self._once(facts.RegistryAnswers, url=url)

    def _once(self, fact: type[JsonFact[T]], **arguments: object) -> T:
        key = (fact, *sorted(arguments.items()))
        if key not in self._kept:
            self._kept[key] = self._ask(fact, **arguments)
        return cast("T", self._kept[key])

    @staticmethod
    def _read(what: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except Unreadable as error:
            raise CouldNotRead(what, str(error)) from error
