"""Facts: one read-only command each, and what its answer means. `deploy.found` puts them together.

Each can be asked by hand: ``pyinfra inventories/lab.py fact deploy.facts.Windows``. None means "the host
could not say", never "there is none": absence is a value of the types in `deploy.state`, and a fact always
prints something.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Generic, TypeVar

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from deploy import commands, places
from deploy.state import (
    ContainerState,
    DirectoryState,
    EngineState,
    EventState,
    FileState,
    HnsEndpointState,
    HnsNetworkState,
    ImageState,
    NetworkState,
    RouteState,
    Unreadable,
    WindowsState,
    image_tags,
    names,
    presence,
)
from deploy.state.reading import objects, one_object
from deploy.trust.commands import root_certificates

T = TypeVar("T")


class JsonFact(FactBase[T | None], Generic[T]):
    """A fact whose command prints JSON, which `read` understands."""

    abstract = True

    title: ClassVar[str] = ""
    """What is asked for, in words: "could not read <title>"."""

    success_exit_codes: ClassVar[Collection[int]] = (0,)
    """Exit codes after which the answer is believed."""

    subject: str | Sequence[str] = ""
    """What the question was about; pyinfra makes a fact anew for each question."""

    def read(self, text: str) -> T:
        """Return what the answer means; raise `Unreadable` if it means nothing."""
        raise NotImplementedError

    def process(self, output: list[str]) -> T | None:
        """Read the answer for pyinfra, which keeps a FactProcessError on its host, and nothing else."""
        try:
            return self.read("\n".join(output))
        except Unreadable as error:
            raise FactProcessError(str(error)) from error


class TextFact(JsonFact[str]):
    """A fact that is one half of an answer, and read with the other."""

    abstract = True

    def read(self, text: str) -> str:
        """Return the JSON text as it came."""
        return text


class Windows(JsonFact[WindowsState]):
    """Which Windows it is."""

    title = "the Windows version"

    def command(self) -> str:
        """Return the question."""
        return commands.windows_version()

    def read(self, text: str) -> WindowsState:
        """Read the answer."""
        return WindowsState.from_json(text)


class Service(TextFact):
    """What the service manager knows of a service; an empty list if there is none."""

    title = "the service"

    def command(self, service: str = places.SERVICE) -> str:
        """Return the question."""
        self.subject = service
        return commands.service(service)


class ServiceKey(TextFact):
    """A service's key of the registry, which must be there."""

    title = "the service's registry key"

    def command(self, service: str = places.SERVICE) -> str:
        """Return the question."""
        self.subject = service
        return commands.service_key(service)


class Presence(JsonFact[dict[str, bool]]):
    """Which of some paths exist."""

    title = "which files exist"

    def command(self, paths: Sequence[str]) -> str:
        """Return the question."""
        self.subject = paths
        return commands.paths_exist(paths)

    def read(self, text: str) -> dict[str, bool]:
        """Read the answer."""
        return presence(text, list(self.subject))


class TextFile(JsonFact[FileState]):
    """A text file that exists."""

    title = "the file"

    def command(self, path: str) -> str:
        """Return the question."""
        self.subject = path
        return commands.file_text(path)

    def read(self, text: str) -> FileState:
        """Read the answer."""
        return FileState.from_json(str(self.subject), text)


class Permissions(JsonFact[DirectoryState]):
    """A directory that exists, and who may do what in it."""

    title = "the directory's permissions"

    def command(self, path: str) -> str:
        """Return the question."""
        self.subject = path
        return commands.permissions(path)

    def read(self, text: str) -> DirectoryState:
        """Read the answer."""
        return DirectoryState.from_json(str(self.subject), text)


class FileHash(JsonFact[str]):
    """The SHA-256 of a file that exists: all that is asked of a file with secrets."""

    title = "the file's hash"

    def command(self, path: str) -> str:
        """Return the question."""
        self.subject = path
        return commands.file_hash(path)

    def read(self, text: str) -> str:
        """Read the answer."""
        return one_object(text, f"the hash of {self.subject}").text("Hash")


class RootCertificates(JsonFact[list[str]]):
    """The thumbprints of the authorities that the whole machine trusts."""

    title = "the root store"

    def command(self) -> str:
        """Return the question."""
        return root_certificates()

    def read(self, text: str) -> list[str]:
        """Read the answer."""
        return [found.text("Thumbprint") for found in objects(text, self.title)]


class FirewallRules(TextFact):
    """Our rules of the firewall."""

    title = "the firewall's rules"

    def command(self) -> str:
        """Return the question."""
        return commands.firewall_rules()


class FirewallPorts(TextFact):
    """The ports of our rules of the firewall."""

    title = "the firewall's ports"

    def command(self) -> str:
        """Return the question."""
        return commands.firewall_ports()


class Routes(JsonFact[list[RouteState]]):
    """The IPv4 routes."""

    title = "the routes"

    def command(self) -> str:
        """Return the question."""
        return commands.routes()

    def read(self, text: str) -> list[RouteState]:
        """Read the answer."""
        return RouteState.list_from_json(text)


class HnsNetworks(JsonFact[list[HnsNetworkState]]):
    """The networks of the Host Network Service."""

    title = "the HNS networks"

    def command(self) -> str:
        """Return the question."""
        return commands.hns_networks()

    def read(self, text: str) -> list[HnsNetworkState]:
        """Read the answer."""
        return HnsNetworkState.list_from_json(text)


class HnsEndpoints(JsonFact[list[HnsEndpointState]]):
    """The endpoints of the Host Network Service."""

    title = "the HNS endpoints"

    def command(self) -> str:
        """Return the question."""
        return commands.hns_endpoints()

    def read(self, text: str) -> list[HnsEndpointState]:
        """Read the answer."""
        return HnsEndpointState.list_from_json(text)


class EngineEvents(JsonFact[list[EventState]]):
    """The engine's last words in the event log, newest first."""

    title = "the event log"

    def command(self) -> str:
        """Return the question."""
        return commands.engine_events()

    def read(self, text: str) -> list[EventState]:
        """Read the answer."""
        return EventState.list_from_json(text)


class Engine(JsonFact[EngineState]):
    """The engine as it runs, or that it does not answer."""

    title = "the engine"

    # docker info prints its JSON and exits with 1 when the engine does not answer.
    success_exit_codes = (0, 1)

    def command(self) -> str:
        """Return the question."""
        return commands.engine_info()

    def read(self, text: str) -> EngineState:
        """Read the answer."""
        return EngineState.from_json(text)


class ContainerNames(JsonFact[list[str]]):
    """The names of all containers."""

    title = "the containers"

    def command(self) -> str:
        """Return the question."""
        return commands.container_list()

    def read(self, text: str) -> list[str]:
        """Read the answer."""
        return names(text, self.title, "Names")


class Containers(JsonFact[list[ContainerState]]):
    """Containers that exist."""

    title = "the containers"

    def command(self, containers: Sequence[str]) -> str:
        """Return the question."""
        self.subject = containers
        return commands.container_details(containers)

    def read(self, text: str) -> list[ContainerState]:
        """Read the answer."""
        return ContainerState.list_from_json(text)


class NetworkNames(JsonFact[list[str]]):
    """The names of all networks of the engine."""

    title = "the networks"

    def command(self) -> str:
        """Return the question."""
        return commands.network_list()

    def read(self, text: str) -> list[str]:
        """Read the answer."""
        return names(text, self.title)


class Network(JsonFact[NetworkState]):
    """A network of the engine that exists."""

    title = "the network"

    def command(self, network: str) -> str:
        """Return the question."""
        self.subject = network
        return commands.network_details(network)

    def read(self, text: str) -> NetworkState:
        """Read the answer."""
        return NetworkState.from_json(text)


class ImageTags(JsonFact[list[str]]):
    """Every ``repository:tag`` that the engine has."""

    title = "the images"

    def command(self) -> str:
        """Return the question."""
        return commands.image_list()

    def read(self, text: str) -> list[str]:
        """Read the answer."""
        return sorted(image_tags(text))


class Images(JsonFact[list[ImageState]]):
    """Images that exist."""

    title = "the images"

    def command(self, references: Sequence[str]) -> str:
        """Return the question."""
        self.subject = references
        return commands.image_details(references)

    def read(self, text: str) -> list[ImageState]:
        """Read the answer."""
        return ImageState.list_from_json(text)


class Pullable(JsonFact[bool]):
    """Whether an image that is here can be pulled again by its digest; that changes nothing."""

    title = "whether the image can be pulled"

    # docker exits with 1 when the registry cannot be reached, is not trusted, or lacks the image.
    success_exit_codes = (0, 1)

    def command(self, reference: str) -> str:
        """Return the question."""
        self.subject = reference
        return commands.pull(reference)

    def read(self, text: str) -> bool:
        """Read the answer: the engine repeats the digest that the registry gave it."""
        return f"Digest: {str(self.subject).partition('@')[2]}" in text


class RegistryAnswers(JsonFact[bool]):
    """Whether a registry answers at its address, seen from the host: it is there, or wants a log-in first."""

    title = "whether the registry answers"

    # curl's own exit codes for "no connection" of any kind.
    success_exit_codes = (0, 6, 7, 28, 35, 52, 56)

    def command(self, url: str) -> str:
        """Return the question."""
        self.subject = url
        return commands.web_head(url)

    def read(self, text: str) -> bool:
        """Read the answer: the status line of HTTP."""
        status = text.split()[1:2]
        return text.startswith("HTTP/") and status in (["200"], ["401"])
