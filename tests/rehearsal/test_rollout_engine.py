"""The engine of a host in trouble, as a user sees it: lost containers, networks, the service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.stage import Stage, own_prefix

PINNED = "172.24.194.96"
CONFIG = "ProgramData/docker/config/daemon.json"
NANO = "mcr.microsoft.com/windows/nanoserver:ltsc2022"
RUN_WEB = f"docker run -d --name web {NANO} ping -t localhost"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A host with a container of its own."""
    directory = tmp_path_factory.mktemp("engine")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up()
    stage.do(1, f"docker pull {NANO}", RUN_WEB)
    yield stage
    stage.down()


def wanting(stage: Stage, **engine: object) -> Path:
    return stage.inventory("wanting", lab={"engine": engine})


def outcome(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = stage.outcome()[stage.address(1)]
    return found


def running(stage: Stage) -> set[str]:
    return set(stage.do(1, "docker container ls --format '{{.Names}}'").split())


def service(stage: Stage) -> dict[str, Any]:
    key = r"'HKLM:\SYSTEM\CurrentControlSet\Services\docker'"
    wanted = "'Start','DelayedAutostart','DependOnService','FailureActions','ImagePath'"
    question = (
        f"Get-ItemProperty -LiteralPath {key} | Select-Object -Property {wanted} | ConvertTo-Json -Compress"
    )
    found: dict[str, Any] = json.loads(stage.do(1, question))
    return found


def test_a_container_that_does_not_come_back_is_told_and_tried_again(proven: Stage) -> None:
    """Its directory is gone: after the restart it cannot start; what is in it is somebody else's."""
    folder = r"C:\web-data"
    run = f"docker run -d --name files -v {folder}:C:\\files {NANO} ping -t localhost"
    proven.do(1, f"New-Item -ItemType Directory -Path {folder} | Out-Null", run)
    (proven.drive(1) / "web-data").rmdir()
    wanted = wanting(proven, options={"log-level": "warn"})

    lost = proven.roll_out(wanted)

    failure = outcome(proven)["failure"]
    assert lost.code != 0
    assert "the engine runs as wanted, but these containers did not come back: files" in failure["cause"]
    assert failure["remedy"] == "see to them; the next run starts them again"
    assert running(proven) == {"registry", "web"}
    (proven.drive(1) / "web-data").mkdir()
    again = proven.roll_out(wanted)
    assert again.code == 0, again.text
    assert running(proven) == {"registry", "web", "files"}
    proven.do(1, "docker rm --force files")


def test_a_subnet_that_the_host_needs_itself_is_refused(proven: Stage) -> None:
    lab = {"network": {"subnet": "10.77.0.0/16"}, "registry": {"ip": "10.77.0.96"}}

    with proven.watched() as changes:
        result = proven.roll_out(proven.inventory("overlap", lab=lab))

    failure = outcome(proven)["failure"]
    assert result.code != 0
    assert "network.subnet 10.77.0.0/16 overlaps 10.77.0.0/16" in failure["cause"]
    assert "through Ethernet" in failure["cause"]
    assert failure["remedy"] == "choose a subnet that no route of the host touches"
    assert changes == {1: []}


def test_another_subnet_comes_by_one_restart_with_the_registry_at_its_new_address(proven: Stage) -> None:
    lab = {"network": {"subnet": "172.29.0.0/20"}, "registry": {"ip": "172.29.0.96"}}

    there = proven.roll_out(proven.inventory("subnet", lab=lab))
    network = json.loads(proven.do(1, "docker network inspect nat"))[0]
    back = proven.roll_out(proven.inventory("lab"))

    assert there.code == 0, there.text
    assert network["IPAM"]["Config"][0]["Subnet"] == "172.29.0.0/20"
    assert back.code == 0, back.text
    assert running(proven) == {"registry", "web"}


def test_a_stale_endpoint_is_cleaned_away(proven: Stage) -> None:
    """It was left by a crash, and holds the address that the registry needs (moby issue 47576)."""
    proven.do(1, "docker rm --force registry")
    path = proven.state / "hosts" / proven.address(1) / "engine" / "hns.json"
    state = json.loads(path.read_text())
    nat = next(network for network in state["networks"] if network["Name"] == "nat")
    stale = {"ID": str(uuid.uuid4()).upper(), "Name": "Ethernet", "VirtualNetwork": nat["ID"], "State": 3}
    stale |= {"VirtualNetworkName": "nat", "IPAddress": PINNED, "PrefixLength": 20, "Policies": []}
    state["endpoints"].append(stale)
    path.write_text(json.dumps(state))

    result = proven.roll_out(proven.inventory("lab"))

    texts = [done["text"] for done in outcome(proven)["done"]]
    assert result.code == 0, result.text
    assert f"remove the stale endpoint that still holds {PINNED}" in texts
    assert running(proven) == {"registry", "web"}


def test_a_new_data_root_is_refused_where_containers_would_stay_behind(proven: Stage) -> None:
    with proven.watched() as changes:
        result = proven.roll_out(wanting(proven, data_root=r"C:\docker-data"))

    failure = outcome(proven)["failure"]
    assert result.code != 0
    assert r"would stay behind in C:\ProgramData\docker: web" in failure["cause"]
    assert "docker save" in failure["remedy"]
    assert changes == {1: []}


def test_the_service_is_set_in_place_and_drift_is_repaired_without_a_restart(proven: Stage) -> None:
    settings = {"start_mode": "delayed-auto", "depends_on": ["hns"], "recovery": {"restart_after": [5, 30]}}
    wanted = wanting(proven, service=settings)
    before = service(proven)["ImagePath"]

    with proven.watched() as changes:
        result = proven.roll_out(wanted)
    found = service(proven)
    proven.do(1, "sc.exe config docker 'start=' demand", "sc.exe config docker 'depend=' /")
    repaired = proven.roll_out(wanted)

    assert result.code == 0, result.text
    assert (found["Start"], found["DelayedAutostart"], found["DependOnService"]) == (2, 1, ["hns"])
    assert found["ImagePath"] == before
    assert not [change for change in changes[1] if "stopped" in change or "unregistered" in change]
    assert repaired.code == 0, repaired.text
    assert {done["operation"] for done in outcome(proven)["done"]} == {"service"}
    assert service(proven) == found


def test_a_dry_run_shows_the_services_command_line_before_and_after(proven: Stage) -> None:
    dry = proven.pyinfra(wanting(proven, delivery="service-options"), "deploy.py", "--dry")

    assert dry.code == 0, dry.text
    assert r'- "C:\Program Files\docker\dockerd.exe" --run-service' in dry.text
    assert r'+ "C:\Program Files\docker\dockerd.exe" --run-service -G docker -H npipe://' in dry.text
    assert "containers that stop and start again: web, registry" in dry.text


def test_a_connection_that_ends_in_the_middle_is_told_with_what_to_do_and_the_next_run_goes_on(
    proven: Stage,
) -> None:
    wanted = wanting(proven, options={"log-level": "fatal"})
    seen = len(proven.journal(1))
    assert proven.pyinfra(wanted, "deploy.py", "--dry").code == 0
    questions = [entry["text"] for entry in proven.journal(1)[seen:]]
    # The change begins when the engine has been asked about, and the event log.
    first_step = next(at for at, text in enumerate(questions) if "Get-NetRoute" in text) + 3
    proven.fault(1, "drop-connection-at", str(first_step))

    lost = proven.roll_out(wanted)
    failure = outcome(proven)["failure"]
    healed = proven.roll_out(wanted)

    assert lost.code != 0
    assert "Traceback" not in lost.text
    assert failure["operation"] == "engine"
    assert failure["cause"].startswith("lost the session: ")
    assert f"{proven.address(1)}:5985" in failure["cause"]
    assert "Enable-PSRemoting" in failure["remedy"]
    assert healed.code == 0, healed.text
    assert running(proven) == {"registry", "web"}
