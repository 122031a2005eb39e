"""Hosts in the states that the plans are tried on: small builders, one for each thing that a host reports."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Sequence
from typing import Any, cast

from deploy.places import DAEMON_JSON, RUNNING_BEFORE, previous, staged
from deploy.plan import EngineFound, EnginePlan, differences
from deploy.plan.target import content_of, target_of
from deploy.settings import LabSettings, deep_merge
from deploy.state import (
    ContainerState,
    EngineState,
    FileState,
    HnsNetworkState,
    NetworkState,
    ServiceState,
)

PROGRAM = r'"C:\Program Files\docker\dockerd.exe"'
PLAIN = f"{PROGRAM} --run-service"
LAB_ARGUMENTS = "-G docker -H npipe:// -H 0.0.0.0:2375 --insecure-registry 172.24.194.96:5000"
LAB = {
    "engine": {
        "allow_tcp_without_tls": True,
        "options": {"group": "docker", "hosts": ["npipe://", "0.0.0.0:2375"]},
    }
}
SERVICE_OPTIONS = {"engine": {"delivery": "service-options"}}
RESTART = {"engine": {"allow_restart": True}}
SUBNET = ipaddress.IPv4Network("172.24.192.0/20")


def lab(*changes: dict[str, Any]) -> LabSettings:
    """The lab's settings, with changes laid over them."""
    return LabSettings.model_validate(deep_merge(LAB, *changes))


def service(command_line: str = PLAIN, *, running: bool = True) -> ServiceState:
    return ServiceState("docker", exists=True, running=running, start_mode="auto", command_line=command_line)


def nat(subnet: str = str(SUBNET)) -> NetworkState:
    return NetworkState("nat", exists=True, driver="nat", subnet=ipaddress.IPv4Network(subnet))


def hns(subnet: str = str(SUBNET)) -> HnsNetworkState:
    return HnsNetworkState("nat", "nat", "7a1b", (subnet,))


def container(
    name: str, *, running: bool = True, started: str = "2026-08-01", ip: str = ""
) -> ContainerState:
    return ContainerState(name, f"id-{name}", f"{name}:1", running, started=started, networks={"nat": ip})


def bare(**changes: object) -> EngineFound:
    """An engine as installed: no file, no options, the subnet that is wanted by chance."""
    found = EngineFound(
        service=service(),
        file=FileState(DAEMON_JSON, None),
        previous=FileState(previous(DAEMON_JSON), None),
        staged=FileState(staged(DAEMON_JSON), None),
        running_before=FileState(RUNNING_BEFORE, None),
        engine=EngineState(
            answers=True, version="29.7.0", data_root=r"C:\ProgramData\docker", isolation="process"
        ),
        network=nat(),
        hns=(hns(),),
    )
    return dataclasses.replace(found, **cast("dict[str, Any]", changes))


def converged(wanted: LabSettings, found: EngineFound | None = None, **changes: object) -> EngineFound:
    """The host after a run that gave it ``wanted``."""
    found = found or bare()
    target = target_of(wanted, found.service, found.file)
    done = dataclasses.replace(
        found,
        service=service(" ".join([PLAIN, *target.arguments])),
        file=FileState(target.path, target.text),
        previous=FileState(previous(target.path), found.file.text),
        engine=engine_with(dict(target.options), target.labels),
        network=nat(wanted.network.subnet),
        hns=(hns(wanted.network.subnet),),
    )
    assert not differences(target.options, target.labels, done.engine)
    return dataclasses.replace(done, **cast("dict[str, Any]", changes))


def engine_with(options: dict[str, Any], labels: Sequence[str]) -> EngineState:
    """An engine that runs with these options, as docker info tells it."""
    return EngineState(
        answers=True,
        version="29.7.0",
        labels=(*options.get("labels", ()), *labels),
        insecure_registries=frozenset(options.get("insecure-registries", ())),
        mirrors=tuple(f"{mirror.rstrip('/')}/" for mirror in options.get("registry-mirrors", ())),
        debug=options.get("debug", False),
        data_root=options.get("data-root", r"C:\ProgramData\docker"),
        isolation="process",
        log_driver=options.get("log-driver", "json-file"),
        proxies=options.get("proxies", {}),
    )


def with_file(found: EngineFound, **keys: object) -> EngineFound:
    """The host after somebody edited its file; a key given as None is taken out."""
    content = {**content_of(found.file), **keys}
    text = json.dumps({key: value for key, value in content.items() if value is not None})
    return dataclasses.replace(found, file=FileState(found.file.path, text))


def options(**given: object) -> dict[str, Any]:
    """Settings with these options of the engine."""
    return {"engine": {"options": {key.replace("_", "-"): value for key, value in given.items()}}}


def kinds(plan: EnginePlan) -> list[str]:
    """The steps of a plan, by name."""
    return [type(step).__name__ for step in plan.steps]


def content_after(plan: EnginePlan) -> dict[str, Any]:
    """What daemon.json will hold."""
    content = json.loads(plan.file_after)
    assert isinstance(content, dict)
    return content
