"""The registry's container: compared field by field, replaced only if it differs. Data and address stay."""

from __future__ import annotations

import ntpath
from collections.abc import Iterator, Sequence

from deploy import rendering
from deploy.places import (
    AUDIT,
    CONTAINER_AUDIT,
    CONTAINER_AUTHENTICATION,
    CONTAINER_CERTIFICATES,
    CONTAINER_DATA,
    HTPASSWD,
    REPLACED,
    RULES,
)
from deploy.plan.replacement import make_room, named, stale_endpoints
from deploy.settings.engine_rules import LABEL_PREFIX
from deploy.settings.lab import LabSettings
from deploy.settings.registry import RegistrySettings
from deploy.state import ContainerState, HnsEndpointState
from deploy.steps import (
    AwaitContainer,
    Refuse,
    RunContainer,
    StartContainer,
    Step,
)

ENVIRONMENT_LABEL = f"{LABEL_PREFIX}environment"
"""Stands for the variables asked for: inspect shows them mixed with those of the image."""


def container_wanted(settings: LabSettings, image: str) -> RunContainer:
    """Return the container that the settings stand for, run from ``image``."""
    registry = settings.registry
    environment = _environment(registry)
    volumes = {registry.data_directory: CONTAINER_DATA}
    if registry.tls:
        volumes[registry.tls.directory] = CONTAINER_CERTIFICATES
    if registry.users:
        volumes[registry.users_directory] = CONTAINER_AUTHENTICATION
    if registry.audit_directory:
        volumes[registry.audit_directory] = CONTAINER_AUDIT
    return RunContainer(
        name=registry.name,
        image=image,
        network=settings.network.name,
        ip=registry.ip,
        restart=registry.restart,
        ports={registry.published_port: registry.port},
        volumes=volumes,
        environment=environment,
        labels={ENVIRONMENT_LABEL: rendering.fingerprint(environment)},
    )


def _environment(registry: RegistrySettings) -> dict[str, str]:
    variables = {"REGISTRY_HTTP_ADDR": f":{registry.port}"}
    if registry.tls:
        variables["REGISTRY_HTTP_TLS_CERTIFICATE"] = rf"{CONTAINER_CERTIFICATES}\{registry.tls.certificate}"
        variables["REGISTRY_HTTP_TLS_KEY"] = rf"{CONTAINER_CERTIFICATES}\{registry.tls.key}"
    if registry.users:
        variables["REGISTRY_AUTH_HTPASSWD_PATH"] = rf"{CONTAINER_AUTHENTICATION}\{HTPASSWD}"
    if registry.rules is not None:
        variables["REGISTRY_AUTH_RULES_PATH"] = rf"{CONTAINER_AUTHENTICATION}\{RULES}"
    if registry.audit_directory:
        variables["REGISTRY_AUDIT_PATH"] = rf"{CONTAINER_AUDIT}\{AUDIT}"
    return {**variables, **registry.environment}


def plan_container(
    wanted: RunContainer, found: Sequence[ContainerState], endpoints: Sequence[HnsEndpointState] = ()
) -> list[Step]:
    """Return the steps that lead from ``found`` (all containers of the host) to ``wanted``.

    A container that differs is put aside, not removed: see `deploy.plan.replacement`.
    """
    if refusals := list(_taken(wanted, found)):
        return [*refusals]
    current, aside = named(found, wanted.name), named(found, REPLACED)
    stale = stale_endpoints(wanted.ip, found, endpoints)
    differing = differences(wanted, current) if current is not None else []
    if current is not None and not differing:
        if current.running:
            return []
        room = make_room(None, aside, "")
        return [*room, *stale, StartContainer(wanted.name), AwaitContainer(wanted.name)]
    return [*make_room(current, aside, "; ".join(differing)), *stale, wanted, AwaitContainer(wanted.name)]


def differences(wanted: RunContainer, found: ContainerState) -> list[str]:
    """Return what is otherwise in a container, field by field, in words."""
    compared: list[tuple[str, object, object]] = [
        ("image", found.image, wanted.image),
        ("restart policy", found.restart, wanted.restart),
        ("address", found.networks.get(wanted.network), wanted.ip),
        ("networks", sorted(found.networks), [wanted.network]),
        ("ports", _found_ports(found), _wanted_ports(wanted)),
        ("directories", _found_mounts(found), _wanted_mounts(wanted)),
    ]
    differing = [f"{name} was {was}, shall be {shall}" for name, was, shall in compared if was != shall]
    # Values of variables may be secrets: only that they differ is said.
    asked = {f"{name}={value}" for name, value in wanted.environment.items()}
    if (
        not asked <= set(found.environment)
        or found.labels.get(ENVIRONMENT_LABEL) != wanted.labels[ENVIRONMENT_LABEL]
    ):
        differing.append("environment differs")
    return differing


def _found_ports(found: ContainerState) -> list[tuple[str, str]]:
    return sorted((host, port) for port, hosts in found.ports.items() for host in hosts)


def _wanted_ports(wanted: RunContainer) -> list[tuple[str, str]]:
    return sorted((str(host), f"{port}/tcp") for host, port in wanted.ports.items())


def _found_mounts(found: ContainerState) -> list[tuple[str, str]]:
    # Windows folds the case of both, and docker writes the target in small letters.
    return sorted((mount.source.lower(), mount.target.lower()) for mount in found.mounts if mount.writable)


def _wanted_mounts(wanted: RunContainer) -> list[tuple[str, str]]:
    # The engine cleans the path it is given: slashes the Windows way, and none at the end.
    return sorted(
        (ntpath.normpath(source).lower(), target.lower()) for source, target in wanted.volumes.items()
    )


def _taken(wanted: RunContainer, found: Sequence[ContainerState]) -> Iterator[Refuse]:
    for other in found:
        if other.name in {wanted.name, REPLACED}:
            continue
        held = {other.networks.get(wanted.network), other.addresses.get(wanted.network)}
        if wanted.ip in held:
            yield Refuse(
                f"the container {other.name} has the address {wanted.ip}",
                f"remove {other.name}, or give registry.ip another address",
            )
        published = {int(port) for ports in other.ports.values() for port in ports if port.isdigit()}
        for port in published & set(wanted.ports):
            if other.running:
                yield Refuse(
                    f"the container {other.name} is published at port {port}",
                    f"stop {other.name}, or give registry.published_port another port",
                )
