"""The engine's objects as they are kept: images, containers, docker networks. Plain data, JSON both ways."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Self

NEVER = "0001-01-01T00:00:00Z"
FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def now() -> str:
    """Return the time as the engine writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Record:
    """A dataclass that is kept as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the record that `to_json` wrote; names that are not known any more are left out."""
        known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: item for name, item in value.items() if name in known})


@dataclass
class Layer(Record):
    """One layer of an image. ``digest`` and ``size`` are the compressed blob's; ``urls`` a foreign one's."""

    digest: str
    diff_id: str
    size: int
    media_type: str = LAYER
    urls: list[str] = field(default_factory=list)

    @property
    def is_foreign(self) -> bool:
        """Whether registries do not keep this layer."""
        return self.media_type == FOREIGN_LAYER


@dataclass
class Image(Record):
    """An image; ``config`` is the whole configuration blob, whose digest is the image's id."""

    id: str
    config: dict[str, Any]
    layers: list[Layer]
    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    parent: str = ""
    """The image that a build step started from, if it has no name of its own."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `Record`."""
        return cls(**{**value, "layers": [Layer.from_json(layer) for layer in value["layers"]]})

    @property
    def size(self) -> int:
        """Bytes, as ``docker image ls`` shows them."""
        return sum(layer.size for layer in self.layers)


@dataclass
class ContainerState(Record):
    """What a container does now, or how it ended."""

    status: str = "created"
    exit_code: int = 0
    error: str = ""
    started: str = NEVER
    finished: str = NEVER
    pid: int = 0
    restarts: int = 0
    stopped_by_hand: bool = False
    health: str = ""
    failing_streak: int = 0

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.status == "running"


@dataclass
class Attachment(Record):
    """A container's place on its network: ``wanted_address`` by ``--ip``, ``address`` while it runs."""

    network: str
    wanted_address: str = ""
    address: str = ""
    last_address: str = ""
    endpoint_id: str = ""
    mac: str = ""


@dataclass
class Container(Record):
    """A container: what it was created with and what became of it."""

    id: str
    name: str
    image_id: str
    image: str
    created: str
    config: dict[str, Any]
    host_config: dict[str, Any]
    mounts: list[dict[str, Any]]
    attachment: Attachment
    path: str = ""
    arguments: list[str] = field(default_factory=list)
    state: ContainerState = field(default_factory=ContainerState)
    real_port: int = 0
    """The port on this machine that stands for the container's own; 0 while it does not run."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `Record`."""
        return cls(
            **{
                **value,
                "state": ContainerState.from_json(value["state"]),
                "attachment": Attachment.from_json(value["attachment"]),
            }
        )


@dataclass
class DockerNetwork(Record):
    """A network as docker knows it; ``hns_id`` names the one of Windows behind it."""

    id: str
    name: str
    driver: str
    created: str
    hns_id: str = ""
    subnet: str = ""
    gateway: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
