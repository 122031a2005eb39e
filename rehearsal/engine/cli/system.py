"""docker version, info, inspect, and what the rehearsal knows of login."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.formats import print_inspected, render
from rehearsal.engine.cli.inspecting import container_document, image_document, network_document
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.daemon import registries
from rehearsal.engine.daemon.startup import info as configured_info
from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.version import (
    API_VERSION,
    ARCHITECTURE,
    BUILD,
    BUILD_TIME,
    GO_VERSION,
    MIN_API_VERSION,
    OS,
    VERSION,
)

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

_MEMORY = 8589402112
_TYPES = ("config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume")
_RELEASES = {
    17763: "Microsoft Windows Server Version 1809 (OS Build {0}.6893)",
    20348: "Microsoft Windows Server Version 21H2 (OS Build {0}.3207)",
    26100: "Microsoft Windows Server Version 24H2 (OS Build {0}.3476)",
}


def _client_version() -> dict[str, Any]:
    return {
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "DefaultAPIVersion": API_VERSION,
        "GitCommit": BUILD,
        "GoVersion": GO_VERSION,
        "Os": OS,
        "Arch": ARCHITECTURE,
        "BuildTime": BUILD_TIME,
        "Context": "default",
    }


def _server_version(engine: Engine) -> dict[str, Any]:
    kernel = f"10.0 {engine.host.build} ({engine.host.build}.1.amd64fre.fe_release.210507-1500)"
    details = {
        "ApiVersion": API_VERSION,
        "Arch": ARCHITECTURE,
        "BuildTime": BUILD_TIME,
        "Experimental": str(engine.configuration.switch("experimental")).lower(),
        "GitCommit": BUILD,
        "GoVersion": GO_VERSION,
        "KernelVersion": kernel,
        "MinAPIVersion": engine.configuration.text("min-api-version") or MIN_API_VERSION,
        "Os": OS,
    }
    return {
        "Platform": {"Name": "Docker Engine - Community"},
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": details["MinAPIVersion"],
        "Os": OS,
        "Arch": ARCHITECTURE,
        "Components": [{"Name": "Engine", "Version": VERSION, "Details": details}],
        "GitCommit": BUILD,
        "GoVersion": GO_VERSION,
        "KernelVersion": kernel,
        "BuildTime": BUILD_TIME,
    }


def _version(session: Session, given: Given) -> int:
    problem: CommandError | None = None
    server: dict[str, Any] | None = None
    try:
        server = _server_version(session.engine)
    except CommandError as error:
        problem = error
    template = given.text("format")
    if template:
        text = render(template, {"Client": _client_version(), "Server": server}, "command.versionInfo")
        session.print(text)
    else:
        _print_version(session, "Client", _client_version())
        if server is not None:
            session.print("\nServer: Docker Engine - Community")
            _print_version(session, " Engine", server)
    if problem is not None:
        raise problem
    return 0


def _print_version(session: Session, title: str, version: dict[str, Any]) -> None:
    session.print(f"{title}:")
    for label, key in (
        ("Version", "Version"),
        ("API version", "ApiVersion"),
        ("Go version", "GoVersion"),
        ("Git commit", "GitCommit"),
        ("Built", "BuildTime"),
    ):
        session.print(f" {label + ':':<18}{version[key]}")
    session.print(f" {'OS/Arch:':<18}{OS}/{ARCHITECTURE}")


def info_document(engine: Engine) -> dict[str, Any]:
    """Return what the daemon says of itself."""
    configuration, trust = engine.configuration, engine.started.trust
    known = configured_info(configuration, engine.started, engine.machine.environment)
    containers = engine.containers.everything()
    running = sum(container.state.running for container in containers)
    tagged = [image for image in engine.state.images.values() if image.tags]
    build = engine.host.build
    return {
        "ID": engine.state.engine_id,
        "Containers": len(containers),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": len(containers) - running,
        "Images": len(tagged),
        "Driver": "windowsfilter",
        "DriverStatus": [["Windows", ""]],
        "Plugins": {
            "Volume": ["local"],
            "Network": [
                "ics",
                "internal",
                "l2bridge",
                "l2tunnel",
                "nat",
                "null",
                "overlay",
                "private",
                "transparent",
            ],
            "Authorization": configuration.texts("authorization-plugins") or None,
            "Log": [
                "awslogs",
                "etwlogs",
                "fluentd",
                "gcplogs",
                "gelf",
                "json-file",
                "local",
                "splunk",
                "syslog",
            ],
        },
        "MemoryLimit": False,
        "SwapLimit": False,
        "CpuCfsPeriod": False,
        "CpuCfsQuota": False,
        "CPUShares": False,
        "CPUSet": False,
        "PidsLimit": False,
        "IPv4Forwarding": True,
        "Debug": known["Debug"],
        "NFd": -1,
        "OomKillDisable": False,
        "NGoroutines": 48,
        "SystemTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "LoggingDriver": known["LoggingDriver"],
        "CgroupDriver": "",
        "NEventsListener": 0,
        "KernelVersion": f"10.0 {build} ({build}.1.amd64fre.fe_release.210507-1500)",
        "OperatingSystem": _RELEASES.get(build, "Microsoft Windows Server (OS Build {0})").format(build),
        "OSVersion": f"10.0.{build}",
        "OSType": OS,
        "Architecture": "x86_64",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registry_config(trust),
        "NCPU": os.cpu_count() or 1,
        "MemTotal": _MEMORY,
        "GenericResources": known["GenericResources"] or None,
        "DockerRootDir": known["DockerRootDir"],
        "HttpProxy": known["HttpProxy"],
        "HttpsProxy": known["HttpsProxy"],
        "NoProxy": known["NoProxy"],
        "Name": engine.host.name,
        "Labels": known["Labels"],
        "ExperimentalBuild": known["ExperimentalBuild"],
        "ServerVersion": VERSION,
        "Runtimes": {},
        "DefaultRuntime": configuration.text("default-runtime"),
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": False,
        "Isolation": known["Isolation"],
        "InitBinary": "",
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "SecurityOptions": [],
        "ProductLicense": "Community Engine",
        "Warnings": None,
    }


def _registry_config(trust: registries.Trust) -> dict[str, Any]:
    hub = {"Name": "docker.io", "Mirrors": list(trust.mirrors), "Secure": True, "Official": True}
    own = {
        name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False}
        for name in trust.insecure_names
    }
    networks = sorted(str(network) for network in trust.insecure_networks)
    return {
        "InsecureRegistryCIDRs": networks,
        "IndexConfigs": {**own, "docker.io": hub},
        "Mirrors": list(trust.mirrors),
    }


def _info(session: Session, given: Given) -> int:
    client = {**_client_version(), "Debug": False, "Plugins": [], "Warnings": None}
    template = given.text("format")
    problem: CommandError | None = None
    document: dict[str, Any] = {}
    try:
        document = info_document(session.engine)
    except CommandError as error:
        problem = error
    if template:
        session.print(render(template, {**document, "ClientInfo": client}, "system.dockerInfo"))
    else:
        _print_info(session, document)
    if problem is not None:
        raise problem
    return 0


def _print_info(session: Session, document: dict[str, Any]) -> None:
    session.print(f"Client:\n Version:    {VERSION}\n Context:    default\n Debug Mode: false")
    if not document:
        return
    session.print("\nServer:")
    for label, key in (
        ("Containers", "Containers"),
        (" Running", "ContainersRunning"),
        (" Paused", "ContainersPaused"),
        (" Stopped", "ContainersStopped"),
        ("Images", "Images"),
        ("Server Version", "ServerVersion"),
        ("Storage Driver", "Driver"),
        ("Logging Driver", "LoggingDriver"),
        ("Default Isolation", "Isolation"),
        ("Kernel Version", "KernelVersion"),
        ("Operating System", "OperatingSystem"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
        ("CPUs", "NCPU"),
        ("Name", "Name"),
        ("ID", "ID"),
        ("Docker Root Dir", "DockerRootDir"),
    ):
        session.print(f" {label}: {document[key]}")
    session.print(f" Debug Mode: {str(document['Debug']).lower()}")
    if document["Labels"]:
        session.print(" Labels:")
        for label in document["Labels"]:
            session.print(f"  {label}")
    config = document["RegistryConfig"]
    session.print(" Insecure Registries:")
    for name, index in config["IndexConfigs"].items():
        if not index["Secure"]:
            session.print(f"  {name}")
    for network in config["InsecureRegistryCIDRs"]:
        session.print(f"  {network}")
    if config["Mirrors"]:
        session.print(" Registry Mirrors:")
        for mirror in config["Mirrors"]:
            session.print(f"  {mirror}")
    session.print(" Live Restore Enabled: false")


def _inspect(session: Session, given: Given) -> int:
    kind = given.text("type")
    if given.changed("type") and kind not in _TYPES:
        known = '", "'.join(_TYPES)
        problem = (
            f'type is empty: must be one of "{known}"'
            if not kind
            else f'unknown type: "{kind}": must be one of "{known}"'
        )
        raise CommandError(problem)
    documents, problems = [], []
    for reference in given.arguments:
        try:
            documents.append(_any_document(session.engine, reference, kind))
        except EngineError as error:
            problems.append(response_text(error))
        except LookupError:
            problems.append(f"error: no such object: {reference}")
    print_inspected(session, documents, given.text("format"))
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def _any_document(engine: Engine, reference: str, kind: str) -> dict[str, Any]:
    finders: dict[str, Callable[[], dict[str, Any]]] = {
        "container": lambda: container_document(engine, engine.containers.find(reference)),
        "image": lambda: image_document(engine.images.find(reference)),
        "network": lambda: network_document(engine, engine.networks.find(reference)),
    }
    if kind:
        if kind not in finders:
            raise LookupError(reference)
        return finders[kind]()
    for find in finders.values():
        try:
            return find()
        except NotFoundError:
            continue
        except EngineError as error:
            if "invalid reference format" not in str(error):
                raise
    raise LookupError(reference)


def commands() -> list[tuple[list[str], Command]]:
    """Return the commands with all their names."""
    template = (FlagSpec("format", shorthand="f"),)
    inspect_flags = (*template, FlagSpec("type"), FlagSpec("size", "switch", "s"))
    return [
        (["version"], Command("version", "[OPTIONS]", _version, template, 0, 0)),
        (["info", "system info"], Command("info", "[OPTIONS]", _info, template, 0, 0)),
        (["inspect"], Command("inspect", "[OPTIONS] NAME|ID [NAME|ID...]", _inspect, inspect_flags, 1)),
    ]
