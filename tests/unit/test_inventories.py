"""The inventories that the project ships: they load, and their settings work."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from pyinfra.api.inventory import Inventory

from deploy.inventory_data import fleet_settings
from deploy.settings import RolloutSettings

INVENTORIES = Path(__file__).parent.parent.parent / "inventories"


def group_data(name: str) -> dict[str, object]:
    return {
        key: value
        for key, value in runpy.run_path(str(INVENTORIES / "group_data" / f"{name}.py")).items()
        if not key.startswith("_")
    }


@pytest.fixture
def classroom() -> Inventory:
    hosts, data = runpy.run_path(str(INVENTORIES / "classroom.py"))["classroom_hosts"]
    return Inventory((hosts, group_data("all")), classroom_hosts=(hosts, data))


def test_a_classroom_is_thirty_hosts(classroom: Inventory) -> None:
    assert [host.name for host in classroom][::29] == ["@psrp/10.20.0.11", "@psrp/10.20.0.40"]
    assert len(list(classroom)) == 30


def test_the_settings_of_a_classroom_work(classroom: Inventory) -> None:
    fleet = fleet_settings(classroom)

    assert len(fleet.hosts) == 30
    assert fleet.rollout == RolloutSettings(canary=1, batch="25%", max_failures=0)
    assert all(settings.engine.allow_restart is True for settings in fleet.hosts.values())


def test_no_engine_of_a_classroom_is_open_to_the_network(classroom: Inventory) -> None:
    fleet = fleet_settings(classroom)

    assert all(settings.engine_options()["hosts"] == ["npipe://"] for settings in fleet.hosts.values())


def test_a_classroom_may_be_a_list(tmp_path: Path) -> None:
    copy = tmp_path / "classroom.py"
    copy.write_text((INVENTORIES / "classroom.py").read_text())
    (tmp_path / "classroom.csv").write_text("host\npc-01\npc-02\n")

    hosts, _ = runpy.run_path(str(copy))["classroom_hosts"]

    assert [name for name, _ in hosts] == ["@psrp/pc-01", "@psrp/pc-02"]


def test_the_settings_of_the_lab_work() -> None:
    data = group_data("all")

    (settings,) = fleet_settings(Inventory((["@psrp/127.77.0.1"], data))).hosts.values()

    assert settings.registry.address == "172.24.194.96:5000"
    assert settings.engine_options()["insecure-registries"] == ["172.24.194.96:5000"]


def test_hosts_of_a_rehearsal_that_does_not_come_up_are_named_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Then pyinfra says of each that it is not reached, and why."""
    (tmp_path / "state").write_text("no directory")
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))

    hosts = runpy.run_path(str(INVENTORIES / "lab.py"))["lab_hosts"]

    assert [name for name, _ in hosts] == ["@psrp/127.77.0.1", "@psrp/127.77.0.2", "@psrp/127.77.0.3"]
    assert capfd.readouterr().err
