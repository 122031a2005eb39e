"""A host loses its power at the worst moment of a rollout, and the next run heals it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.connector_errors import HostError
from tests.rehearsal.stage import Stage, own_prefix

CONFIG = "ProgramData/docker/config"
FOREIGN = {"max-concurrent-uploads": 2}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A host with a key of its own in daemon.json."""
    directory = tmp_path_factory.mktemp("power")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up()
    (stage.drive(1) / CONFIG).mkdir(parents=True, exist_ok=True)
    (stage.drive(1) / CONFIG / "daemon.json").write_text(json.dumps(FOREIGN))
    yield stage
    stage.down()


def files(stage: Stage) -> set[str]:
    return {path.name for path in (stage.drive(1) / CONFIG).iterdir()}


def wait_until_it_is_up(stage: Stage) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            stage.do(1, "docker info --format '{{json .}}'")
        except HostError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"debug": True}, id="in a reload"),
        pytest.param({"debug": True, "log-level": "warn"}, id="in a restart"),
    ],
)
def test_a_power_cut_while_daemon_json_takes_its_place_loses_no_key(
    proven: Stage, options: dict[str, Any]
) -> None:
    wanted = proven.inventory("cut", lab={"engine": {"options": options}})
    proven.fault(1, "power-cut-in-move")

    cut = proven.roll_out(wanted)

    assert cut.code != 0
    assert "Traceback" not in cut.text
    assert files(proven) == {"daemon.json.new", "daemon.json.previous"}, "neither old nor new is in its place"
    wait_until_it_is_up(proven)
    dry = proven.pyinfra(wanted, "deploy.py", "--dry")
    healed = proven.roll_out(wanted)
    with proven.watched() as changes:
        again = proven.roll_out(wanted)

    content = json.loads((proven.drive(1) / CONFIG / "daemon.json").read_text())
    assert "an earlier run was cut off while it put the file in its place" in dry.text
    assert healed.code == 0, healed.text
    assert content.items() >= (FOREIGN | options).items()
    assert again.code == 0, again.text
    assert changes == {1: []}
