"""Engine options for a fleet: twelve rehearsal hosts in mixed states, changed without losing a container."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.killed import killed_at
from tests.rehearsal.stage import Result, Stage, own_prefix

HOSTS = 12
KEYS, STOPPED, WEB, OPTIONS = 2, 3, 5, 6
EVERY = range(1, HOSTS + 1)
MOVED = [number for number in EVERY if number != WEB]
DAEMON_JSON = "ProgramData/docker/config/daemon.json"
RUN_WEB = "docker run -d --name web mcr.microsoft.com/windows/nanoserver:ltsc2022 ping -t localhost"
WAVES = {"canary": 1, "batch": "50%", "max_failures": 0}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Twelve hosts: one with a container of its own, with keys, with a stopped engine, with options."""
    directory = tmp_path_factory.mktemp("fleet")
    stage = Stage(directory, own_prefix(directory), HOSTS)
    stage.up("--build", "20348", "--build", "20348", "--build", "20348", "--build", "26100")
    stage.do(WEB, "docker pull mcr.microsoft.com/windows/nanoserver:ltsc2022", RUN_WEB)
    keys = stage.drive(KEYS) / DAEMON_JSON
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.write_text('{"max-concurrent-uploads": 2}')
    stage.do(STOPPED, "Stop-Service -Name docker -Force")
    stage.do(
        OPTIONS,
        "Stop-Service -Name docker -Force",
        "dockerd --unregister-service",
        "dockerd --register-service --debug -G docker",
        "Start-Service -Name docker",
    )
    yield stage
    stage.down()


def fleet(
    stage: Stage, name: str, engine: dict[str, Any] | None = None, hosts: Sequence[int] = EVERY
) -> Path:
    """An inventory of all hosts, in waves."""
    return stage.inventory(name, hosts, rollout=WAVES, lab={"engine": engine or {}})


@pytest.fixture(scope="module")
def first(stage: Stage) -> Result:
    return stage.roll_out(fleet(stage, "fleet"))


@pytest.fixture
def proven(stage: Stage, first: Result) -> Stage:
    """The stage after a rollout that went well."""
    assert first.code == 0, first.text
    return stage


def started(stage: Stage, number: int, name: str) -> str:
    found = json.loads(stage.do(number, f"docker container inspect {name}"))[0]["State"]
    assert found["Running"]
    return str(found["StartedAt"])


def command_line(stage: Stage, number: int) -> str:
    key = r"'HKLM:\SYSTEM\CurrentControlSet\Services\docker'"
    return stage.do(number, f"Get-ItemPropertyValue -LiteralPath {key} -Name 'ImagePath'")


def info(stage: Stage, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stage.do(number, "docker info --format '{{json .}}'"))
    return found


def statuses(stage: Stage) -> dict[int, str]:
    outcome = stage.outcome()
    return {number: outcome[stage.address(number)]["status"] for number in EVERY}


def changes(stage: Stage, number: int) -> list[datetime]:
    entries = [entry for entry in stage.journal(number) if entry["changes"] and entry["text"] != "<boot>"]
    return [datetime.fromisoformat(entry["time"]) for entry in entries]


def test_a_mixed_fleet_is_brought_to_one_state(stage: Stage, first: Result) -> None:
    assert first.code == 0, first.text

    assert {host["status"] for host in stage.outcome().values()} == {"changed"}
    assert json.loads((stage.drive(KEYS) / DAEMON_JSON).read_text())["max-concurrent-uploads"] == 2
    assert started(stage, WEB, "web")
    assert "--debug" not in command_line(stage, OPTIONS)


def test_the_canary_is_proven_before_the_others_begin(proven: Stage) -> None:
    result = json.loads((proven.project / "reports" / "result.json").read_text())

    waves = [[name.rpartition(".")[2] for name in wave] for wave in result["waves"]]
    assert [len(wave) for wave in waves] == [1, 6, 5]
    for before, after in itertools.pairwise(waves):
        last = max(changes(proven, int(number))[-1] for number in before)
        # Those that were prepared by hand changed before the rollout, too.
        first = [
            changes(proven, int(number))[0] for number in after if int(number) not in (WEB, OPTIONS, STOPPED)
        ]
        assert last < min(first)


def test_an_insecure_registry_is_added_by_reload_and_no_container_stops(proven: Stage) -> None:
    running = {number: started(proven, number, "registry") for number in EVERY}
    web = started(proven, WEB, "web")
    wanted = fleet(proven, "insecure", {"options": {"insecure-registries": ["10.20.0.5:5000"]}})

    result = proven.roll_out(wanted)

    assert result.code == 0, result.text
    assert "reload: no container stops" in result.text
    assert {number: started(proven, number, "registry") for number in running} == running
    assert started(proven, WEB, "web") == web
    for number in running:
        indexes = info(proven, number)["RegistryConfig"]["IndexConfigs"]
        assert indexes["10.20.0.5:5000"]["Secure"] is False


def test_a_bad_option_stops_at_the_canary(proven: Stage) -> None:
    wanted = fleet(proven, "bad", {"options": {"group": "no such group"}})

    with proven.watched(*range(2, HOSTS + 1)) as elsewhere:
        result = proven.roll_out(wanted)

    outcome = proven.outcome()
    assert result.code != 0
    assert all(not found for found in elsewhere.values())
    assert outcome[proven.address(1)]["status"] == "failed"
    assert {outcome[proven.address(number)]["status"] for number in range(2, HOSTS + 1)} == {"not begun"}
    assert "max_failures is 0" in result.text


def test_an_engine_that_refuses_its_options_is_back_as_before_in_its_own_words(proven: Stage) -> None:
    before = (proven.drive(1) / DAEMON_JSON).read_text()
    wanted = proven.inventory("refused", [1], lab={"engine": {"options": {"group": "no such group"}}})

    proven.roll_out(wanted)

    failure = proven.outcome()[proven.address(1)]["failure"]
    assert "no such group" in failure["cause"]
    assert "the previous configuration is back" in failure["cause"]
    assert (proven.drive(1) / DAEMON_JSON).read_text() == before
    assert started(proven, 1, "registry")


def test_waves_need_the_usual_order_of_pyinfra(proven: Stage) -> None:
    result = proven.roll_out(fleet(proven, "hasty", hosts=[2, 3]), "--no-wait")

    outcome = proven.outcome()
    assert result.code != 0
    assert outcome[proven.address(2)]["failure"] is None
    assert outcome[proven.address(3)]["status"] == "not begun"
    assert "leave out --no-wait" in result.text


def test_a_restart_with_foreign_containers_needs_leave(proven: Stage) -> None:
    engine = {"options": {"log-level": "warn"}, "allow_restart": False}
    result = proven.roll_out(proven.inventory("careful", [WEB], lab={"engine": engine}))

    failure = proven.outcome()[proven.address(WEB)]["failure"]
    assert result.code != 0
    assert "stops containers that are not ours: web" in failure["cause"]
    assert failure["remedy"] == "set engine.allow_restart = ['web'], or True"


def test_a_restart_brings_every_container_back(proven: Stage) -> None:
    wanted = proven.inventory("restart", [1, WEB], lab={"engine": {"options": {"log-level": "warn"}}})

    result = proven.roll_out(wanted)

    assert result.code == 0, result.text
    assert started(proven, WEB, "web")
    assert started(proven, WEB, "registry")


def test_a_wave_that_fails_stops_the_rest_and_the_next_run_goes_on_from_there(proven: Stage) -> None:
    failing, rest = 4, range(8, HOSTS + 1)
    wanted = fleet(proven, "onward", {"options": {"log-level": "fatal"}})
    proven.fault(failing, "engine-refuses-start")

    with proven.watched(*rest) as untouched:
        stopped = proven.roll_out(wanted)
    before = statuses(proven)
    proven.fault(failing, "clear")
    onward = proven.roll_out(wanted)

    done = set(range(1, 8)) - {failing}
    assert stopped.code != 0
    assert not any(untouched.values())
    assert {number for number in EVERY if before[number] == "changed"} == done
    assert before[failing] == "failed"
    assert {before[number] for number in rest} == {"not begun"}
    assert onward.code == 0, onward.text
    after = statuses(proven)
    assert {number for number in EVERY if after[number] == "unchanged"} == done
    assert {number for number in EVERY if after[number] == "changed"} == {failing, *rest}


def test_a_new_data_root_comes_by_restart_with_the_registry_back(proven: Stage) -> None:
    result = proven.roll_out(fleet(proven, "moved", {"data_root": r"C:\docker-data"}, MOVED))

    assert result.code == 0, result.text
    for number in MOVED:
        assert info(proven, number)["DockerRootDir"] == r"C:\docker-data"
        assert started(proven, number, "registry")


def test_a_run_that_is_killed_half_way_is_finished_by_the_next(proven: Stage) -> None:
    wanted = proven.inventory("killed", [WEB], lab={"engine": {"options": {"log-level": "error"}}})

    killed_at(proven, WEB, wanted, "Stop-Service")

    assert (proven.drive(WEB) / "ProgramData" / "registry-lab" / "running-before.json").exists()

    result = proven.roll_out(wanted)

    assert result.code == 0, result.text
    assert started(proven, WEB, "web")
    assert started(proven, WEB, "registry")
    assert json.loads((proven.drive(WEB) / DAEMON_JSON).read_text())["log-level"] == "error"
    assert not (proven.drive(WEB) / "ProgramData" / "registry-lab" / "running-before.json").exists()


def test_the_delivery_is_switched_there_and_back(proven: Stage) -> None:
    root = {"data_root": r"C:\docker-data"}

    there = proven.roll_out(fleet(proven, "lines", {"delivery": "service-options", **root}, MOVED))
    lines = {number: command_line(proven, number) for number in MOVED}
    back = proven.roll_out(fleet(proven, "files", root, MOVED))

    assert there.code == 0, there.text
    assert back.code == 0, back.text
    for number in MOVED:
        assert r"--data-root C:\docker-data" in lines[number]
        assert command_line(proven, number).endswith("--run-service")
        assert started(proven, number, "registry")


def test_a_dry_run_says_what_would_stop(proven: Stage) -> None:
    wanted = proven.inventory("dry", [WEB], lab={"engine": {"options": {"log-level": "debug"}}})

    with proven.watched(WEB) as found:
        dry = proven.pyinfra(wanted, "deploy.py", "--dry")

    plan = json.loads((proven.project / "reports" / "plan.json").read_text())
    first_step = plan["hosts"][proven.address(WEB)]["steps"][0]
    assert dry.code == 0, dry.text
    assert first_step["text"].startswith("restart: these containers will stop and start again: ")
    assert "containers that stop and start again: " in dry.text
    assert '+  "log-level": "debug"' in first_step["details"]
    assert found == {WEB: []}


def test_a_report_is_written_for_people(proven: Stage) -> None:
    page = (proven.project / "reports" / "report.html").read_text()

    assert proven.address(WEB) in page
    assert "<script" not in page
