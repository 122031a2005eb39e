"""What an inventory says of its hosts, merged and checked before any of them is touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from deploy.certificates.files import authority_file_problems, own_certificate_problems
from deploy.secrets import SecretMissing, Secrets
from deploy.settings import LabSettings, RolloutSettings, SettingsErrors, deep_merge, validate, validate_all
from deploy.settings.problems import Problem


class Inventory(Protocol):
    """The part of pyinfra's inventory that holds data."""

    def get_data(self) -> dict[str, Any]:
        """Return what is said of all hosts."""
        ...

    def get_group_data(self, group: str) -> dict[str, Any]:
        """Return what is said of a group."""
        ...

    def get_host_data(self, hostname: str) -> dict[str, Any]:
        """Return what is said of a host."""
        ...

    def get_override_data(self) -> dict[str, Any]:
        """Return what the command line says."""
        ...


class Host(Protocol):
    """The part of pyinfra's host that says where its data is."""

    name: str
    groups: Iterable[str]
    inventory: Any


@dataclass(frozen=True)
class FleetSettings:
    """What is wanted of each host, by its name in the inventory, and in which order."""

    hosts: Mapping[str, LabSettings]
    rollout: RolloutSettings
    passwords: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """The passwords of each host's users, by the host's name in the inventory."""


def merged(host: Host, key: str) -> dict[str, Any]:
    """Return one setting of a host, deep-merged: all hosts, its groups in order, itself, the command line.

    pyinfra itself would take the uppermost layer alone, and a host that changes one option would lose all
    others.
    """
    inventory: Inventory = host.inventory
    layers = [
        inventory.get_data(),
        *(inventory.get_group_data(group) for group in host.groups),
        inventory.get_host_data(host.name),
        inventory.get_override_data(),
    ]
    return deep_merge(*(layer[key] for layer in layers if key in layer))


def fleet_settings(hosts: Iterable[Host], secrets: Secrets | None = None) -> FleetSettings:
    """Return the settings of all hosts; raise `SettingsErrors` with everything that is wrong with any."""
    secrets = secrets or Secrets(os.environ)
    every = list(hosts)
    problems: dict[str, tuple[Problem, ...]] = {}
    labs: dict[str, LabSettings] = {}
    try:
        labs = validate_all(
            {short_name(host.name): merged(host, "lab") for host in every},
            {short_name(host.name): _reached_at(host) for host in every},
        )
    except SettingsErrors as errors:
        problems.update(errors.problems)
    try:
        rollout = _rollout(every)
    except SettingsErrors as errors:
        problems.update(errors.problems)
        rollout = RolloutSettings()
    passwords: dict[str, dict[str, str]] = {}
    for host in every:
        name = short_name(host.name)
        if name in labs:
            passwords[host.name], missing = _passwords(labs[name], secrets)
            missing += own_certificate_problems(labs[name].registry, address_of(host))
            missing += authority_file_problems(labs[name])
            if missing:
                problems[name] = (*problems.get(name, ()), *missing)
    if problems:
        raise SettingsErrors(problems)
    return FleetSettings({host.name: labs[short_name(host.name)] for host in every}, rollout, passwords)


def _passwords(lab: LabSettings, secrets: Secrets) -> tuple[dict[str, str], list[Problem]]:
    """Return the passwords of a host's users, and what is wrong with those that are not to be had."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for user, source in lab.registry.users.items():
        try:
            found[user] = secrets.password(user, source)
        except SecretMissing as error:
            problems.append(Problem(f"registry.users.{user}", str(error)))
    return found, problems


def address_of(host: Host) -> str:
    """Return where a host is reached, by clients of its registry too."""
    inventory: Inventory = host.inventory
    given = inventory.get_host_data(host.name).get("psrp_host")
    return str(given) if given else short_name(host.name)


def _reached_at(host: Host) -> str:
    """Return what no two hosts share: the address, and the port where one is given beside it."""
    inventory: Inventory = host.inventory
    port = inventory.get_host_data(host.name).get("psrp_port")
    return f"{address_of(host)}:{port}" if port else address_of(host)


def short_name(name: str) -> str:
    """Return a host's name without the connector: ``@psrp/pc-01`` is pc-01."""
    return name.removeprefix("@psrp/")


def _rollout(hosts: list[Host]) -> RolloutSettings:
    given = [(host, merged(host, "rollout")) for host in hosts]
    for host, data in given[1:]:
        if data != given[0][1]:
            first = short_name(given[0][0].name)
            problem = Problem("rollout", f"differs from that of {first}; say it once, for all hosts")
            raise SettingsErrors({short_name(host.name): [problem]})
    return validate(RolloutSettings, given[0][1] if given else {}, "rollout")
