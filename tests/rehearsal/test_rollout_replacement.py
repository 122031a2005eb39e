"""The registry's container replaced on a rehearsal host: the old one goes only when the new one is proven."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.killed import killed_at
from tests.rehearsal.stage import Stage, own_prefix

ASIDE = "registry-lab-replaced"
BROKEN = {"REGISTRY_NO_SUCH_SETTING": "1"}
READ_ONLY = {"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("replacement")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up()
    yield stage
    stage.down()


def wanting(stage: Stage, name: str, environment: dict[str, str], **lab: object) -> Path:
    """An inventory whose registry has these variables."""
    return stage.inventory(name, lab={"registry": {"environment": environment}, **lab})


def containers(stage: Stage) -> dict[str, dict[str, Any]]:
    names = stage.do(1, "docker container ls --all --format '{{.Names}}'").split()
    found = json.loads(stage.do(1, f"docker container inspect {' '.join(names)}"))
    return {each["Name"].removeprefix("/"): each for each in found}


def serves(stage: Stage) -> bool:
    connection = http.client.HTTPConnection(stage.address(1), 5000, timeout=10)
    try:
        connection.request("GET", "/v2/labs/hello-world/tags/list")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def failure(stage: Stage) -> dict[str, str]:
    found: dict[str, str] = stage.outcome()[stage.address(1)]["failure"]
    return found


def texts(stage: Stage, since: int) -> list[str]:
    return [entry["text"] for entry in stage.journal(1)[since:]]


def assert_healed(stage: Stage, inventory: Path) -> None:
    """A run ends with one registry, as wanted; and the next one has nothing to do."""
    healed = stage.roll_out(inventory)
    with stage.watched() as changes:
        again = stage.roll_out(inventory)

    assert healed.code == 0, healed.text
    assert again.code == 0, again.text
    assert changes == {1: []}
    assert set(containers(stage)) == {"registry"}
    assert serves(stage)


def test_one_that_does_not_come_up_is_taken_away_and_the_old_one_serves_again(proven: Stage) -> None:
    before = containers(proven)["registry"]["Id"]

    result = proven.roll_out(wanting(proven, "broken", BROKEN))

    found = containers(proven)
    assert result.code != 0
    assert {name: each["Id"] for name, each in found.items()} == {"registry": before}
    assert found["registry"]["State"]["Running"]
    assert serves(proven)
    told = failure(proven)
    assert told["operation"] == "registry"
    assert told["cause"].count("REGISTRY_NO_SUCH_SETTING") == 1, "it said so five times"
    assert "the container registry is not well: it has ended 5 times, with exit code" in told["cause"]
    assert "REGISTRY_NO_SUCH_SETTING" in told["cause"], "the container's own last words"
    assert "the container of before is back and runs" in told["cause"]
    assert told["remedy"]


def test_what_it_says_last_gives_no_variable_away(proven: Stage) -> None:
    result = proven.roll_out(
        wanting(proven, "telling", {"REGISTRY_HTTP_LIMITS_THREADS": "s3cret-by-mistake"})
    )

    assert result.code != 0
    assert "REGISTRY_HTTP_LIMITS_THREADS" in failure(proven)["cause"]
    assert "s3cret-by-mistake" not in result.text
    assert "s3cret-by-mistake" not in (proven.project / "reports" / "result.json").read_text()


def test_one_that_fails_its_proof_is_taken_away_too(proven: Stage) -> None:
    before = containers(proven)["registry"]["Id"]
    wanted = wanting(proven, "readonly", READ_ONLY, proof={"tag": "another"})

    result = proven.roll_out(wanted)

    assert result.code != 0
    assert {name: each["Id"] for name, each in containers(proven).items()} == {"registry": before}
    assert serves(proven)
    assert failure(proven)["operation"] == "proof"
    assert "the container of before is back and runs" in failure(proven)["cause"]


def test_the_old_one_is_there_until_the_new_one_is_proven(proven: Stage) -> None:
    wanted = wanting(proven, "other", {"REGISTRY_LOG_LEVEL": "debug"}, proof={"tag": "other"})
    seen = len(proven.journal(1))

    result = proven.roll_out(wanted)

    sent = texts(proven, seen)
    order = [
        f"docker container rename registry {ASIDE}",
        "docker container run",
        "docker image pull 172.24.194.96:5000/labs/hello-world:other",
        f"docker container rm --force {ASIDE}",
    ]
    places = [next(at for at, text in enumerate(sent) if text.startswith(step)) for step in order]
    assert result.code == 0, result.text
    assert places == sorted(places)
    assert_healed(proven, wanted)


@pytest.mark.parametrize(
    "done",
    [
        pytest.param(["docker container stop registry"], id="stopped"),
        pytest.param(["docker container stop registry", f"docker rename registry {ASIDE}"], id="put aside"),
        pytest.param(
            [
                "docker container stop registry",
                f"docker rename registry {ASIDE}",
                "docker create --name registry --ip 172.24.194.96 -p 5000:5000 IMAGE",
            ],
            id="new one made and not started",
        ),
        pytest.param([f"docker rename registry {ASIDE}"], id="old one started again by hand"),
    ],
)
def test_whatever_a_run_left_behind_is_healed(proven: Stage, done: list[str]) -> None:
    image = containers(proven)["registry"]["Config"]["Image"]
    proven.do(1, *(command.replace("IMAGE", image) for command in done))

    assert_healed(proven, wanting(proven, "next", {"REGISTRY_LOG_LEVEL": "info"}))


def test_a_run_left_behind_fails_again_and_the_old_one_still_comes_back(proven: Stage) -> None:
    before = containers(proven)["registry"]["Id"]
    proven.do(1, "docker container stop registry", f"docker rename registry {ASIDE}")

    result = proven.roll_out(wanting(proven, "broken", BROKEN))

    assert result.code != 0
    assert {name: each["Id"] for name, each in containers(proven).items()} == {"registry": before}
    assert serves(proven)


@pytest.mark.parametrize("at", [f"docker container rename registry {ASIDE}", "docker container run"])
def test_a_killed_run_is_healed(proven: Stage, at: str) -> None:
    level = "warn" if at.endswith("run") else "error"
    wanted = wanting(proven, "killed", {"REGISTRY_LOG_LEVEL": level})

    killed_at(proven, 1, wanted, at)

    assert ASIDE in containers(proven)
    assert_healed(proven, wanted)


def test_one_that_always_starts_does_not_start_beside_the_new_one(proven: Stage) -> None:
    """The engine brings a stopped container with that policy back when it starts: even in the middle."""
    always = {"registry": {"restart": "always"}}
    wanted = proven.inventory("always", lab=always)
    assert proven.roll_out(wanted).code == 0
    broken = {"registry": {"restart": "always", "environment": BROKEN}}
    seen = len(proven.journal(1))

    result = proven.roll_out(proven.inventory("broken", lab=broken))

    sent = texts(proven, seen)
    taken = sent.index("docker container update --restart no registry")
    assert result.code != 0
    assert taken < sent.index(f"docker container rename registry {ASIDE}")
    assert containers(proven)["registry"]["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert_healed(proven, wanted)


def test_an_old_one_that_the_engine_brought_back_is_stopped_before_the_new_one_comes(proven: Stage) -> None:
    wanted = proven.inventory("always", lab={"registry": {"restart": "always"}})
    assert proven.roll_out(wanted).code == 0
    proven.do(
        1,
        "docker container stop registry",
        f"docker rename registry {ASIDE}",
        "Restart-Service -Name docker -Force",
    )
    assert containers(proven)[ASIDE]["State"]["Running"]

    assert_healed(proven, wanted)


def images(stage: Stage) -> set[str]:
    listed = stage.do(1, "docker image ls --format '{{.Repository}}:{{.Tag}}' registry-lab/registry")
    return set(listed.split())


def test_old_images_go_when_the_new_one_is_proven(proven: Stage) -> None:
    module = proven.project / "registry_app" / "__init__.py"
    text = module.read_text()
    used: list[str] = []
    current = containers(proven)["registry"]["Config"]["Image"]
    proven.do(1, f"docker tag {current} registry-lab/registry:mine")
    for version in ("97.0", "98.0", "99.0"):
        module.write_text(f"{text}\nVERSION_OF_THE_TEST = {version!r}\n")
        result = proven.roll_out(proven.inventory("newer"))
        assert result.code == 0, result.text
        used.append(containers(proven)["registry"]["Config"]["Image"])
    with proven.watched() as changes:
        again = proven.roll_out(proven.inventory("newer"))
    module.write_text(text)

    assert images(proven) == {*used[1:], "registry-lab/registry:mine"}
    assert again.code == 0, again.text
    assert changes == {1: []}


def test_a_dry_run_that_pyinfra_does_not_let_look_says_so(proven: Stage) -> None:
    """With -y pyinfra plans nothing beforehand: then nobody knows that nothing would change."""
    report = proven.project / "reports" / "plan.json"
    before = report.read_text()

    dry = proven.pyinfra(proven.inventory("lab"), "deploy.py", "--dry", "-y")

    assert "Leave out -y with --dry" in dry.text
    assert "unchanged" not in dry.text
    assert report.read_text() == before
