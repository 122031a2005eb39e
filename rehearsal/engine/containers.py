"""Containers of one engine: creation, look-up, removal (moby ``daemon/create.go``, ``delete.go``)."""

from __future__ import annotations

import ntpath
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from typing import Any

from rehearsal.engine.blobs import layer_files
from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.filesystem import unpack
from rehearsal.engine.images import Images, short_id
from rehearsal.engine.networks import NAT, Networks
from rehearsal.engine.records import Attachment, Container, Image, now
from rehearsal.engine.runtime import Runtime
from rehearsal.engine.state import State

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_ADJECTIVES = ("brave", "calm", "eager", "gifted", "happy", "keen", "lucid", "noble", "quiet", "vivid")
_SURNAMES = (
    "curie",
    "euler",
    "gauss",
    "hopper",
    "kepler",
    "lovelace",
    "noether",
    "pascal",
    "turing",
    "wiles",
)


@dataclass
class Wanted:
    """What ``docker create`` asks for; None where the image decides."""

    image: str
    name: str = ""
    command: list[str] | None = None
    entrypoint: list[str] | None = None
    environment: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    ports: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    binds: list[str] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)
    network: str = NAT
    address: str = ""
    restart: tuple[str, int] = ("no", 0)
    auto_remove: bool = False
    hostname: str = ""
    working_directory: str = ""
    user: str = ""
    isolation: str = ""
    memory: int = 0
    cpus: float = 0.0
    healthcheck: dict[str, Any] | None = None
    stop_timeout: int | None = None
    interactive: bool = False
    tty: bool = False
    log_driver: str = ""
    log_options: dict[str, str] = field(default_factory=dict)


class Containers:
    """What the engine knows of containers."""

    def __init__(self, state: State, images: Images, networks: Networks, runtime: Runtime) -> None:
        self._state = state
        self._images = images
        self._networks = networks
        self._runtime = runtime

    def find(self, reference: str) -> Container:
        """Return the container of a name or of (the beginning of) an id, or raise `NotFoundError`."""
        name = reference.removeprefix("/")
        everything = list(self._state.containers.values())
        exact = next((c for c in everything if reference == c.id or name == c.name), None)
        if exact is not None:
            return exact
        matches = [c for c in everything if reference and c.id.startswith(reference)]
        if len(matches) > 1:
            raise EngineError(f"Multiple IDs found with provided prefix: {reference}")
        if not matches:
            raise NotFoundError(f"No such container: {reference}")
        return matches[0]

    def everything(self) -> list[Container]:
        """Return all containers, the newest first."""
        return sorted(self._state.containers.values(), key=lambda c: c.created, reverse=True)

    def create(self, wanted: Wanted, default_log_driver: str, default_isolation: str) -> Container:
        """Create a container."""
        image = self._images.find(wanted.image)
        with self._state.change():
            name = self._name(wanted.name)
            self._networks.find(wanted.network)
            if wanted.address:
                self._networks.check_address(wanted.network, wanted.address)
            identifier = secrets.token_hex(32)
            config = _config(wanted, image, identifier)
            command = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
            if not command:
                raise EngineError("no command specified")
            container = Container(
                id=identifier,
                name=name,
                image_id=image.id,
                image=wanted.image,
                created=now(),
                config=config,
                host_config=_host_config(wanted, default_log_driver, default_isolation),
                mounts=_mounts(wanted),
                attachment=Attachment(wanted.network, wanted.address),
                path=command[0],
                arguments=command[1:],
            )
            root = self._runtime.files(container).root
            blobs = self._state.blobs
            unpack(root, (layer_files(blobs.read(layer.digest)) for layer in image.layers))
            self._state.containers[identifier] = container
            return container

    def _name(self, wanted: str) -> str:
        if not wanted:
            return self._invented_name()
        if _NAME.fullmatch(wanted) is None:
            raise EngineError(
                f"Invalid container name ({wanted}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        name = wanted.removeprefix("/")
        other = next((c for c in self._state.containers.values() if c.name == name), None)
        if other is not None:
            raise EngineError(
                f'Conflict. The container name "/{name}" is already in use by container "{other.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        return name

    def _invented_name(self) -> str:
        taken = {container.name for container in self._state.containers.values()}
        while True:
            name = f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_SURNAMES)}"
            if name not in taken:
                return name
            if len(taken) >= len(_ADJECTIVES) * len(_SURNAMES):
                return f"{name}{secrets.randbelow(1000)}"

    def remove(self, container: Container, *, force: bool) -> None:
        """Remove a container; one that runs only by force."""
        if container.state.status in ("running", "restarting"):
            if not force:
                raise EngineError(
                    f'cannot remove container "{container.name}": container is running: '
                    "stop the container before removing or force remove"
                )
            self._runtime.kill(container)
        with self._state.change():
            self._state.containers.pop(container.id, None)
        shutil.rmtree(os.path.join(self._state.directory, "containers", container.id), ignore_errors=True)

    def rename(self, container: Container, name: str) -> None:
        """Give a container another name."""
        with self._state.change():
            if name.removeprefix("/") == container.name:
                raise EngineError("Renaming a container with the same name as its current name")
            try:
                container.name = self._name(name)
            except EngineError as error:
                raise EngineError(f"Error when allocating new name: {error}") from error

    def set_restart_policy(self, container: Container, policy: tuple[str, int]) -> None:
        """Change a container's restart policy, all that can be changed on Windows (moby
        ``container_windows.go``).
        """
        with self._state.change():
            if container.host_config["AutoRemove"] and policy[0] != "no":
                raise EngineError(
                    f"Cannot update container {container.id}: "
                    "Restart policy cannot be updated because AutoRemove is enabled for the container"
                )
            container.host_config["RestartPolicy"] = {"Name": policy[0], "MaximumRetryCount": policy[1]}


def _config(wanted: Wanted, image: Image, identifier: str) -> dict[str, Any]:
    given = image.config.get("config", {})
    environment = dict(item.partition("=")[::2] for item in given.get("Env") or [])
    environment |= dict(item.partition("=")[::2] for item in wanted.environment)
    entrypoint = given.get("Entrypoint") if wanted.entrypoint is None else wanted.entrypoint
    command = wanted.command if wanted.command is not None else given.get("Cmd")
    if wanted.entrypoint is not None and wanted.command is None:
        command = None  # another entrypoint drops the image's command
    exposed = {**(given.get("ExposedPorts") or {}), **{port: {} for port in wanted.ports}}
    config: dict[str, Any] = {
        "Hostname": wanted.hostname or identifier[:12],
        "Domainname": "",
        "User": wanted.user or given.get("User", ""),
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": wanted.tty,
        "OpenStdin": wanted.interactive,
        "StdinOnce": wanted.interactive,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Cmd": command,
        "Healthcheck": wanted.healthcheck or given.get("Healthcheck"),
        "Image": wanted.image,
        "Volumes": None,
        "WorkingDir": wanted.working_directory or given.get("WorkingDir", ""),
        "Entrypoint": entrypoint or None,
        "Labels": {**(given.get("Labels") or {}), **wanted.labels},
        "ExposedPorts": exposed or None,
        "StopTimeout": wanted.stop_timeout,
    }
    optional = ("Healthcheck", "ExposedPorts", "StopTimeout")
    return {name: value for name, value in config.items() if name not in optional or value is not None}


def _host_config(wanted: Wanted, log_driver: str, isolation: str) -> dict[str, Any]:
    return {
        "Binds": wanted.binds or None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": wanted.log_driver or log_driver, "Config": wanted.log_options},
        "NetworkMode": wanted.network,
        "PortBindings": wanted.ports,
        "RestartPolicy": {"Name": wanted.restart[0], "MaximumRetryCount": wanted.restart[1]},
        "AutoRemove": wanted.auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": None,
        "ConsoleSize": [0, 0],
        "Dns": None,
        "DnsOptions": [],
        "DnsSearch": [],
        "ExtraHosts": None,
        "Links": None,
        "Privileged": False,
        "PublishAllPorts": False,
        "ReadonlyRootfs": False,
        "SecurityOpt": None,
        "ShmSize": 0,
        "Isolation": wanted.isolation or isolation,
        "CpuShares": 0,
        "Memory": wanted.memory,
        "NanoCpus": int(wanted.cpus * 1e9),
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
        "MaskedPaths": None,
        "ReadonlyPaths": None,
    } | ({"Mounts": wanted.mounts} if wanted.mounts else {})


def _mounts(wanted: Wanted) -> list[dict[str, Any]]:
    mounts = []
    for bind in wanted.binds:
        source, target, mode = split_bind(bind)
        mounts.append(_mount(source, target, mode))
    mounts += [
        _mount(mount["Source"], mount["Target"], "ro" if mount.get("ReadOnly") else "")
        for mount in wanted.mounts
    ]
    targets = [mount["Destination"].casefold() for mount in mounts]
    repeated = next((mount for mount in mounts if targets.count(mount["Destination"].casefold()) > 1), None)
    if repeated is not None:
        raise EngineError(f"Duplicate mount point: {repeated['Destination']}")
    return mounts


def _mount(source: str, target: str, mode: str) -> dict[str, Any]:
    normal = ntpath.normpath(target)
    if normal.casefold() in ("c:\\", "c:"):
        raise EngineError(
            f'invalid volume specification: "{source}:{target}": '
            "invalid mount config: destination path cannot be `c:` or `c:\\`"
        )
    return {
        "Type": "bind",
        "Source": ntpath.normpath(source),
        "Destination": normal.lower(),
        "Mode": mode,
        "RW": mode.lower() != "ro",
        "Propagation": "",
    }


_BIND = re.compile(
    r"(?P<source>[A-Za-z]:[\\/][^:*?\"<>|\r\n]*):(?P<target>[A-Za-z]:[\\/][^:*?\"<>|\r\n]*)(?::(?P<mode>rw|ro))?",
    re.IGNORECASE,
)


_NAMED_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+:[A-Za-z]:[\\/]")


def split_bind(bind: str) -> tuple[str, str, str]:
    """Return source, target and mode of ``-v``; both paths are absolute Windows paths."""
    match = _BIND.fullmatch(bind)
    if match is None and _NAMED_VOLUME.match(bind):
        raise EngineError(
            f"rehearsal: named volumes are not known on a rehearsal host, only directories: {bind}"
        )
    if match is None:
        raise EngineError(f"invalid volume specification: '{bind}'")
    return match.group("source"), match.group("target"), (match.group("mode") or "").lower()


def describe_image(container: Container, image: Image | None) -> str:
    """Return the image's name as ``docker ps`` shows it: the id once the name is another image's."""
    if image is None or container.image in image.tags or f"{container.image}:latest" in image.tags:
        return container.image
    return container.image if container.image.startswith("sha256:") else short_id(container.image_id)
