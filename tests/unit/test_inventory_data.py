"""What an inventory says, merged from all its layers and checked for all hosts at once."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.inventory import Inventory

from deploy.inventory_data import fleet_settings, merged, short_name
from deploy.settings import RolloutSettings, SettingsErrors


def inventory(
    hosts: dict[str, dict[str, Any]],
    everyone: dict[str, Any],
    override: dict[str, Any] | None = None,
    **groups: tuple[list[str], dict[str, Any]],
) -> Inventory:
    names = [(f"@psrp/{name}", data) for name, data in hosts.items()]
    in_groups = {
        name: ([f"@psrp/{host}" for host in members], data) for name, (members, data) in groups.items()
    }
    return Inventory((names, everyone), override_data=override, **in_groups)


def test_a_host_that_changes_one_option_keeps_the_others() -> None:
    hosts = {"pc-01": {"lab": {"engine": {"options": {"debug": True}}}}}
    everyone = {"lab": {"engine": {"options": {"group": "docker"}}, "registry": {"ip": "172.24.194.97"}}}

    (host,) = inventory(hosts, everyone)

    assert merged(host, "lab") == {
        "engine": {"options": {"group": "docker", "debug": True}},
        "registry": {"ip": "172.24.194.97"},
    }


def test_a_host_is_stronger_than_its_group_and_the_command_line_than_both() -> None:
    room = (["pc-01"], {"lab": {"engine": {"start_timeout": 2, "data_root": "D:\\room"}}})
    hosts = {"pc-01": {"lab": {"engine": {"start_timeout": 3, "delivery": "service-options"}}}}
    everyone = {"lab": {"engine": {"start_timeout": 1, "allow_restart": True}}}
    override = {"lab": {"engine": {"start_timeout": 4}}}

    (host,) = inventory(hosts, everyone, override, room=room)

    assert merged(host, "lab")["engine"] == {
        "start_timeout": 4,
        "delivery": "service-options",
        "data_root": "D:\\room",
        "allow_restart": True,
    }


def test_every_host_gets_its_settings() -> None:
    hosts = {"pc-01": {}, "pc-02": {"lab": {"registry": {"ip": "172.24.194.97"}}}}

    fleet = fleet_settings(inventory(hosts, {"rollout": {"canary": 2}}))

    assert [settings.registry.ip for settings in fleet.hosts.values()] == ["172.24.194.96", "172.24.194.97"]
    assert fleet.rollout == RolloutSettings(canary=2)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "pc-01": {"lab": {"registry": {"ip": "10.0.0.1", "port": 0}}},
        "pc-02": {"lab": {"engin": {}}},
    }

    with pytest.raises(SettingsErrors) as caught:
        fleet_settings(inventory(hosts, {"rollout": {"batch": "half"}}))

    text = str(caught.value)
    assert all(name in text for name in ("pc-01: registry.port", "pc-02: engin", "rollout: batch"))


def test_waves_are_one_matter_for_all_hosts() -> None:
    hosts: dict[str, dict[str, Any]] = {"pc-01": {}, "pc-02": {"rollout": {"canary": 5}}}

    with pytest.raises(SettingsErrors, match="pc-02: rollout: differs from that of pc-01"):
        fleet_settings(inventory(hosts, {"rollout": {"canary": 2}}))


def test_a_host_is_called_by_its_own_name() -> None:
    assert short_name("@psrp/pc-01") == "pc-01"


def test_a_host_is_named_once() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "pc-01": {"psrp_host": "10.20.0.11"},
        "10.20.0.11": {},
        "pc-02": {"psrp_host": "10.20.0.12", "psrp_port": 5985},
        "pc-03": {"psrp_host": "10.20.0.12", "psrp_port": 15985},
    }

    with pytest.raises(SettingsErrors) as caught:
        fleet_settings(inventory(hosts, {}))

    assert caught.value.lines == [
        "10.20.0.11: psrp_host: 10.20.0.11 is also the address of pc-01; name a host once"
    ]
