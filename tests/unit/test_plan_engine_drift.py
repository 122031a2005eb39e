"""The plan for an engine that is not as a run left it: drift, broken runs, containers of others."""

from __future__ import annotations

import dataclasses

import pytest

from deploy import steps
from deploy.places import DAEMON_JSON, RUNNING_BEFORE, staged
from deploy.plan import plan_engine
from deploy.state import EngineState, FileState
from tests.unit.plan_hosts import (
    LAB_ARGUMENTS,
    PLAIN,
    RESTART,
    SERVICE_OPTIONS,
    bare,
    container,
    content_after,
    converged,
    kinds,
    lab,
    options,
    with_file,
)

# Drift, and runs that died half-way


def test_the_running_engine_is_compared_too() -> None:
    wanted = lab()
    found = converged(wanted)
    reloaded_by_hand = dataclasses.replace(found.engine, insecure_registries=frozenset({"evil.lab:5000"}))

    plan = plan_engine(wanted, dataclasses.replace(found, engine=reloaded_by_hand))

    assert kinds(plan) == ["ReloadOptions", "ProveOptions"]


def test_a_key_of_somebody_else_is_no_drift() -> None:
    wanted = lab()

    plan = plan_engine(wanted, with_file(converged(wanted), debug=True))

    assert plan.steps == ()


def test_our_list_edited_by_hand_is_put_back_by_a_reload() -> None:
    wanted = lab()

    plan = plan_engine(wanted, with_file(converged(wanted), **{"insecure-registries": ["other.lab:5000"]}))

    assert plan.effect == "reload"
    assert content_after(plan)["insecure-registries"] == ["172.24.194.96:5000"]


def test_a_key_that_the_engine_may_have_started_with_is_put_right_by_a_restart() -> None:
    wanted = lab()

    plan = plan_engine(wanted, with_file(converged(wanted), group="Users"))

    assert plan.effect == "restart"


def test_a_file_emptied_after_the_start_is_put_back_without_a_restart() -> None:
    """The running engine carries our labels and the file does not: so it is not what the engine read."""
    wanted = lab()
    found = dataclasses.replace(converged(wanted), file=FileState(DAEMON_JSON, "{}"))

    plan = plan_engine(wanted, found)

    assert plan.effect == "reload"
    assert content_after(plan)["group"] == "docker"


def test_a_file_broken_after_the_start_is_put_back_without_a_restart() -> None:
    wanted = lab()
    found = dataclasses.replace(converged(wanted), file=FileState(DAEMON_JSON, '{"group": '))

    plan = plan_engine(wanted, found)

    assert plan.effect == "reload"


def test_an_engine_restarted_with_an_old_file_is_restarted() -> None:
    wanted = lab(options(log_level="debug"))
    before = converged(lab())
    found = dataclasses.replace(converged(wanted, before), engine=before.engine)

    plan = plan_engine(wanted, found)

    assert plan.effect == "restart"
    assert "the engine was started with other options" in plan.reasons
    assert "PutFile" not in kinds(plan)


def test_a_run_that_died_before_its_reload_is_finished_by_a_reload() -> None:
    wanted = lab(options(debug=True))
    before = converged(lab())
    found = dataclasses.replace(converged(wanted, before), engine=before.engine)

    plan = plan_engine(wanted, found)

    assert kinds(plan) == ["ReloadOptions", "ProveOptions"]


def test_a_first_run_that_died_before_its_reload_is_finished_by_a_reload() -> None:
    """No label yet: what the engine was started with is what the kept file says."""
    wanted = lab({"engine": {"options": {"group": None, "hosts": None}}})
    before = bare(file=FileState(DAEMON_JSON, "{}"))
    found = dataclasses.replace(converged(wanted, before), engine=before.engine)

    plan = plan_engine(wanted, found)

    assert plan.effect == "reload"


def test_a_first_run_that_died_before_its_restart_is_finished_by_a_restart() -> None:
    wanted = lab()
    before = bare(file=FileState(DAEMON_JSON, "{}"))
    found = dataclasses.replace(converged(wanted, before), engine=before.engine)

    plan = plan_engine(wanted, found)

    assert plan.effect == "restart"


def test_containers_that_a_dead_run_left_stopped_are_started() -> None:
    wanted = lab()
    found = converged(
        wanted,
        running_before=FileState(RUNNING_BEFORE, '["db", "web", "gone"]'),
        containers=(container("web", running=False), container("db", running=False), container("registry")),
    )

    plan = plan_engine(wanted, found)

    assert plan.effect == "none"
    assert plan.steps == (
        steps.StartContainer("db"),
        steps.AwaitContainer("db"),
        steps.StartContainer("web"),
        steps.AwaitContainer("web"),
        steps.RemovePath(RUNNING_BEFORE),
    )


def test_a_restart_that_service_options_cannot_prove_is_made_again() -> None:
    wanted = lab(SERVICE_OPTIONS, RESTART)
    found = converged(wanted, running_before=FileState(RUNNING_BEFORE, "[]"))

    plan = plan_engine(wanted, found)

    assert plan.effect == "restart"
    assert plan.reasons == ("an earlier run began a restart and did not finish it",)


def test_an_engine_that_does_not_answer_is_restarted() -> None:
    wanted = lab()
    found = converged(wanted, engine=EngineState.silent("cannot connect"), network=None)

    plan = plan_engine(wanted, found)

    assert plan.effect == "restart"
    assert "does not answer" in plan.reasons[0]


# Restart with care


def test_a_restart_that_stops_foreign_containers_is_refused() -> None:
    found = bare(containers=(container("web"), container("registry"), container("old", running=False)))

    plan = plan_engine(lab(), found)

    assert plan.effect == "none"
    assert plan.refusal is not None
    assert "not ours: web" in plan.refusal.reason
    assert plan.refusal.remedy == "set engine.allow_restart = ['web'], or True"


@pytest.mark.parametrize("allowed", [True, ["web"], ["web", "db"]])
def test_a_restart_that_is_allowed_is_made(allowed: object) -> None:
    found = bare(containers=(container("web"),))

    plan = plan_engine(lab({"engine": {"allow_restart": allowed}}), found)

    assert plan.refusal is None
    assert plan.stops == ("web",)


def test_what_ran_is_started_again_in_its_order() -> None:
    found = bare(
        containers=(
            container("web", started="2026-08-02T10:00:00Z"),
            container("db", started="2026-08-01T10:00:00Z"),
            container("off", running=False),
        )
    )

    plan = plan_engine(lab(RESTART), found)

    assert steps.RememberContainers(RUNNING_BEFORE, ("db", "web")) in plan.steps
    assert plan.steps[-5:] == (
        steps.StartContainer("db"),
        steps.AwaitContainer("db"),
        steps.StartContainer("web"),
        steps.AwaitContainer("web"),
        steps.RemovePath(RUNNING_BEFORE),
    )


def test_what_ran_is_written_down_before_anything_stops() -> None:
    plan = plan_engine(lab(RESTART), bare(containers=(container("web"),)))

    assert kinds(plan).index("RememberContainers") < kinds(plan).index("StopService")


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        pytest.param("24.0.7", True, id="older"),
        pytest.param("25.0.0", False, id="the first that knows it"),
        pytest.param("29.0.0-rc.1", False, id="newer"),
        pytest.param("master-b985e23", False, id="no release"),
    ],
)
def test_an_option_that_this_engine_does_not_know_is_refused(version: str, refused: bool) -> None:
    found = bare(engine=dataclasses.replace(bare().engine, version=version))

    plan = plan_engine(lab(options(log_format="json")), found)

    assert bool(plan.refusal) == refused
    assert not refused or "engine.options.log-format needs Docker Engine 25.0" in str(plan)


@pytest.mark.parametrize("running", [True, False], ids=["restart", "start"])
def test_a_disabled_service_is_enabled_before_it_is_started(running: bool) -> None:
    disabled = dataclasses.replace(bare().service, start_mode="disabled", running=running)

    plan = plan_engine(lab(RESTART), bare(service=disabled))

    assert steps.SetStartMode("docker", "auto") in plan.steps
    assert plan.steps.index(steps.SetStartMode("docker", "auto")) < plan.steps.index(
        steps.StartService("docker")
    )


# The way back


def test_a_restart_can_be_taken_back() -> None:
    old = '{"debug": true}'
    found = bare(file=FileState(DAEMON_JSON, old), containers=(container("web"),))

    plan = plan_engine(lab(RESTART), found)

    assert plan.rollback == (
        steps.StopService("docker"),
        steps.PutFile(staged(DAEMON_JSON), old),
        steps.MoveFile(staged(DAEMON_JSON), DAEMON_JSON),
        steps.StartService("docker"),
        steps.AwaitEngine(60),
        steps.StartContainer("web"),
        steps.RemovePath(RUNNING_BEFORE),
    )


def test_the_way_back_starts_what_a_dead_run_left_stopped_too() -> None:
    found = bare(
        running_before=FileState(RUNNING_BEFORE, '["db", "gone", "web"]'),
        containers=(container("web"), container("db", running=False)),
    )

    plan = plan_engine(lab(RESTART), found)

    assert [each.name for each in plan.rollback if isinstance(each, steps.StartContainer)] == ["db", "web"]


def test_a_file_that_was_not_there_is_removed_again() -> None:
    plan = plan_engine(lab(), bare())

    assert steps.RemovePath(DAEMON_JSON) in plan.rollback


def test_a_reload_is_taken_back_by_a_reload() -> None:
    found = converged(lab())

    plan = plan_engine(lab(options(debug=True)), found)

    assert [type(step) for step in plan.rollback] == [steps.PutFile, steps.MoveFile, steps.ReloadOptions]


def test_a_command_line_is_taken_back() -> None:
    plan = plan_engine(lab(SERVICE_OPTIONS), bare())

    assert steps.SetCommandLine("docker", PLAIN, f"{PLAIN} {LAB_ARGUMENTS}") in plan.rollback
