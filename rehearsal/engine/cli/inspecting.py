"""The objects of the engine as its API shows them (API 1.52 and later, on Windows)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from rehearsal.engine.containers import describe_image
from rehearsal.engine.hns import HostNetworks
from rehearsal.engine.records import NEVER, Container, DockerNetwork, Image
from rehearsal.engine.runtime import published

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine


ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - shown, not bound


def container_document(engine: Engine, container: Container) -> dict[str, Any]:
    """Return what ``docker container inspect`` shows of one container."""
    state = container.state
    document: dict[str, Any] = {
        "Id": container.id,
        "Created": container.created,
        "Path": container.path,
        "Args": container.arguments,
        "State": {
            "Status": state.status,
            "Running": state.running,
            "Paused": False,
            "Restarting": state.status == "restarting",
            "OOMKilled": False,
            "Dead": False,
            "Pid": state.pid,
            "ExitCode": state.exit_code,
            "Error": state.error,
            "StartedAt": state.started,
            "FinishedAt": state.finished,
        }
        | (
            {"Health": {"Status": state.health, "FailingStreak": state.failing_streak, "Log": []}}
            if state.health
            else {}
        ),
        "Image": container.image_id,
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": f"{engine.data_root}\\containers\\{container.id}\\{container.id}-json.log",
        "Name": f"/{container.name}",
        "RestartCount": state.restarts,
        "Driver": "windowsfilter",
        "Platform": "windows",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": container.host_config,
        "GraphDriver": {
            "Data": {"dir": f"{engine.data_root}\\windowsfilter\\{container.id}"},
            "Name": "windowsfilter",
        },
        "Mounts": container.mounts,
        "Config": container.config,
        "NetworkSettings": {
            "SandboxID": container.attachment.endpoint_id.lower().replace("-", ""),
            "SandboxKey": container.attachment.endpoint_id.lower(),
            "Ports": _ports(container),
            "Networks": {container.attachment.network: _endpoint(engine, container)},
        },
    }
    return document


def _ports(container: Container) -> dict[str, Any]:
    if not container.state.running:
        return {}
    exposed: dict[str, Any] = dict.fromkeys(container.config.get("ExposedPorts") or {})
    for outside, inside, protocol in published(container):
        exposed[f"{inside}/{protocol}"] = [{"HostIp": ANY_ADDRESS, "HostPort": str(outside)}]
    return exposed


def _endpoint(engine: Engine, container: Container) -> dict[str, Any]:
    attachment = container.attachment
    network = next((n for n in engine.state.networks.values() if n.name == attachment.network), None)
    up = bool(attachment.address) and network is not None
    subnet = ipaddress.ip_network(network.subnet) if up and network is not None else None
    return {
        "IPAMConfig": {"IPv4Address": attachment.wanted_address} if attachment.wanted_address else None,
        "Links": None,
        "Aliases": None,
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": network.id if network is not None else "",
        "EndpointID": attachment.endpoint_id.lower().replace("-", ""),
        "Gateway": network.gateway if up and network is not None else "",
        "IPAddress": attachment.address,
        "MacAddress": attachment.mac,
        "IPPrefixLen": subnet.prefixlen if subnet is not None else 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": [container.name, container.id[:12]] if network is None or network.name != "nat" else None,
    }


def image_document(image: Image) -> dict[str, Any]:
    """Return what ``docker image inspect`` shows of one image."""
    config = image.config
    return {
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Comment": "",
        "Created": config.get("created", NEVER),
        "Author": "",
        "Config": config.get("config", {}),
        "Architecture": config.get("architecture", "amd64"),
        "Os": config.get("os", "windows"),
        "OsVersion": config.get("os.version", ""),
        "Size": image.size,
        "GraphDriver": {"Data": {"dir": ""}, "Name": "windowsfilter"},
        "RootFS": {"Type": "layers", "Layers": [layer.diff_id for layer in image.layers]},
        "Metadata": {"LastTagTime": config.get("created", NEVER)},
    }


def network_document(engine: Engine, network: DockerNetwork) -> dict[str, Any]:
    """Return what ``docker network inspect`` shows of one network."""
    prefix = network.subnet.rpartition("/")[2]
    members = {
        container.id: {
            "Name": container.name,
            "EndpointID": container.attachment.endpoint_id.lower().replace("-", ""),
            "MacAddress": container.attachment.mac,
            "IPv4Address": f"{container.attachment.address}/{prefix}",
            "IPv6Address": "",
        }
        for container in engine.networks.containers_of(network)
    }
    known = HostNetworks(engine.host).find(network.hns_id) if network.hns_id else None
    pools = [{"Subnet": network.subnet, "Gateway": network.gateway}] if network.subnet else []
    options = {"com.docker.network.windowsshim.hnsid": network.hns_id.lower()} if known is not None else {}
    if network.driver != "null":
        options["com.docker.network.windowsshim.networkname"] = network.name
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "windows" if network.driver != "null" else "default",
            "Options": None,
            "Config": pools or None,
        },
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Options": {**options, **network.options},
        "Labels": network.labels,
        "Containers": members,
        "Status": {"IPAM": {"Subnets": {}}},
    }


def shown_image(engine: Engine, container: Container) -> str:
    """Return a container's image as ``docker ps`` shows it."""
    return describe_image(container, engine.state.images.get(container.image_id))
