"""What a host says of one container, as far as a container can differ from what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from deploy.state.reading import Object, Reported, as_docker_wrote, objects


@dataclass(frozen=True)
class MountState(Reported):
    """A directory of the host in a container."""

    source: str
    target: str
    writable: bool


@dataclass(frozen=True)
class ContainerState(Reported):
    """A container, running or not."""

    name: str
    id: str
    image: str
    """The image as it was named when the container was made."""

    running: bool
    image_id: str = ""
    exit_code: int = 0
    started: str = ""
    """When it was last started, as the engine writes it; texts of one form, so they sort by time."""

    health: str = ""
    restarts: int = 0
    """How often the engine started it again since it was last started by hand."""

    restart: str = ""
    """The restart policy as docker's flag spells it: ``on-failure:3``."""

    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ports of the host by port of the container, ``5000/tcp``."""

    mounts: tuple[MountState, ...] = ()
    networks: Mapping[str, str] = field(default_factory=dict)
    """The address asked for in each network; an empty text if none was."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """The address it has in each network while it runs."""

    environment: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether it runs, and is healthy if it says how it is."""
        return self.running and self.health in {"", "none", "healthy"}

    @classmethod
    def list_from_json(cls, text: str) -> list[Self]:
        """Read ``docker container inspect`` of one or more containers."""
        found = objects(as_docker_wrote(text), "docker container inspect")
        return [cls._from(container) for container in found]

    @classmethod
    def _from(cls, found: Object) -> Self:
        state, config, host = found.inner("State"), found.inner("Config"), found.inner("HostConfig")
        networks = {
            name: Object.of(settings, f"network {name}")
            for name, settings in found.inner("NetworkSettings").inner("Networks").items()
        }
        return cls(
            name=found.text("Name").removeprefix("/"),
            id=found.text("Id"),
            image=config.text("Image", ""),
            running=state.flag("Running", default=False),
            image_id=found.text("Image", ""),
            exit_code=state.number("ExitCode", 0),
            started=state.text("StartedAt", ""),
            health=state.inner("Health").text("Status", ""),
            restarts=found.number("RestartCount", 0),
            restart=_restart(host.inner("RestartPolicy")),
            ports=_ports(host.inner("PortBindings")),
            mounts=tuple(_mount(Object.of(mount, "a mount")) for mount in found.many("Mounts")),
            networks={
                name: each.inner("IPAMConfig").text("IPv4Address", "") for name, each in networks.items()
            },
            addresses={name: each.text("IPAddress", "") for name, each in networks.items()},
            environment=config.texts("Env"),
            labels=config.mapping("Labels"),
        )


def _restart(policy: Object) -> str:
    name, retries = policy.text("Name", "") or "no", policy.number("MaximumRetryCount", 0)
    return f"{name}:{retries}" if retries else name


def _ports(bindings: Object) -> dict[str, tuple[str, ...]]:
    return {
        port: tuple(Object.of(binding, f"port {port}").text("HostPort", "") for binding in hosts or [])
        for port, hosts in bindings.items()
    }


def _mount(mount: Object) -> MountState:
    return MountState(mount.text("Source", ""), mount.text("Destination", ""), mount.flag("RW", default=True))
