"""The plan for an engine: nothing, a reload or a restart, key by key."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from deploy import steps
from deploy.places import DAEMON_JSON, DATA_ROOT, previous, staged
from deploy.plan import EngineFound, plan_engine
from deploy.plan.private import ADMINISTRATORS, SYSTEM
from deploy.plan.target import content_of
from deploy.settings import deep_merge
from deploy.state import EngineState, FileState, ServiceState
from deploy.trust.steps import Protect
from tests.unit.plan_hosts import (
    LAB_ARGUMENTS,
    PROGRAM,
    RESTART,
    SERVICE_OPTIONS,
    bare,
    container,
    content_after,
    converged,
    engine_with,
    hns,
    kinds,
    lab,
    nat,
    options,
    service,
)

# Nothing to do


@pytest.mark.parametrize("delivery", ["daemon.json", "service-options"])
def test_a_host_as_wanted_is_left_alone(delivery: str) -> None:
    wanted = lab({"engine": {"delivery": delivery}})

    plan = plan_engine(wanted, converged(wanted))

    assert plan.steps == ()
    assert plan.effect == "none"
    assert str(plan) == "as wanted"


def test_another_layout_of_the_same_file_is_no_change() -> None:
    wanted = lab()
    found = converged(wanted)
    text = "\ufeff" + json.dumps(content_of(found.file), indent=8).replace("\n", "\r\n")

    plan = plan_engine(wanted, dataclasses.replace(found, file=FileState(DAEMON_JSON, text)))

    assert plan.steps == ()


# The first run


@pytest.mark.parametrize(
    ("settings", "absent", "made"),
    [
        pytest.param({}, DATA_ROOT, DATA_ROOT, id="the default one"),
        pytest.param({}, None, None, id="it is there"),
        pytest.param(options(data_root=r"D:\docker"), r"D:\docker", None, id="dockerd makes it itself"),
        pytest.param(
            deep_merge(SERVICE_OPTIONS, options(data_root="D:/docker/")),
            "D:/docker/",
            "D:/docker",
            id="under a service option",
        ),
    ],
)
def test_a_data_root_that_is_not_there_is_closed_before_the_file_comes_into_it(
    settings: dict[str, Any], absent: str | None, made: str | None
) -> None:
    """dockerd closes those that it makes, and leaves one that is there as it is."""
    found = bare(absent=frozenset({absent} if absent else ()))

    plan = plan_engine(lab(RESTART, settings), found)

    closed = [each for each in plan.steps if isinstance(each, Protect)]
    if made is None:
        assert not closed
        return
    grants = {SYSTEM: "F", ADMINISTRATORS: "F"}
    assert plan.steps[:2] == (steps.MakeDirectory(made), Protect(made, grants, is_directory=True))
    assert kinds(plan).index("Protect") < kinds(plan).index("PutFile")


def test_the_first_run_validates_before_it_touches_anything() -> None:
    plan = plan_engine(lab(), bare())

    assert plan.effect == "restart"
    assert kinds(plan) == [
        "MakeDirectory",
        "PutFile",
        "ValidateOptions",
        "MakeDirectory",
        "RememberContainers",
        "StopService",
        "MoveFile",
        "StartService",
        "AwaitEngine",
        "ProveOptions",
        "RemovePath",
    ]
    assert plan.steps[2] == steps.ValidateOptions(staged(DAEMON_JSON))
    assert plan.steps[6] == steps.MoveFile(staged(DAEMON_JSON), DAEMON_JSON)


def test_the_file_says_what_is_wanted_and_carries_its_fingerprint() -> None:
    content = content_after(plan_engine(lab(), bare()))

    assert {key: value for key, value in content.items() if key != "labels"} == {
        "group": "docker",
        "hosts": ["npipe://", "0.0.0.0:2375"],
        "tls": False,
        "fixed-cidr": "172.24.192.0/20",
        "insecure-registries": ["172.24.194.96:5000"],
    }
    assert [label.partition("=")[0] for label in content["labels"]] == [
        "registry-lab.fingerprint",
        "registry-lab.start",
        "registry-lab.keys",
    ]


def test_keys_of_somebody_else_are_kept() -> None:
    found = bare(file=FileState(DAEMON_JSON, '{"max-concurrent-uploads": 2, "labels": ["room=lab"]}'))

    content = content_after(plan_engine(lab(), found))

    assert content["max-concurrent-uploads"] == 2
    assert content["labels"][0] == "room=lab"


def test_the_previous_file_is_kept() -> None:
    found = bare(file=FileState(DAEMON_JSON, "{}"))

    plan = plan_engine(lab(), found)

    assert steps.CopyFile(DAEMON_JSON, previous(DAEMON_JSON)) in plan.steps


def test_a_file_that_is_no_json_is_replaced() -> None:
    found = bare(file=FileState(DAEMON_JSON, '{"hosts": ["npipe://",]}'))

    plan = plan_engine(lab(), found)

    assert content_after(plan)["group"] == "docker"


def test_a_stopped_service_is_started_and_nothing_else() -> None:
    wanted = lab()
    found = converged(
        wanted, service=service(running=False), engine=EngineState.silent("no pipe"), network=None
    )

    plan = plan_engine(wanted, found)

    assert plan.effect == "start"
    assert kinds(plan) == ["StartService", "AwaitEngine", "ProveOptions"]


def test_an_engine_that_is_not_registered_is_registered_with_its_options() -> None:
    wanted = lab(SERVICE_OPTIONS)
    found = bare(
        service=ServiceState("docker", exists=False), engine=EngineState.silent(), network=None, hns=()
    )

    plan = plan_engine(wanted, found)

    assert steps.RegisterService(tuple(LAB_ARGUMENTS.split())) in plan.steps


# Reload or restart


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(options(insecure_registries=["registry.lab:5000"]), id="insecure-registries"),
        pytest.param(options(registry_mirrors=["http://mirror.lab"]), id="registry-mirrors"),
        pytest.param(options(labels=["room=lab"]), id="labels"),
        pytest.param(options(debug=True), id="debug"),
        pytest.param(options(max_concurrent_downloads=7), id="max-concurrent-downloads"),
        pytest.param(options(max_concurrent_uploads=7), id="max-concurrent-uploads"),
        pytest.param(options(max_download_attempts=9), id="max-download-attempts"),
        pytest.param(options(shutdown_timeout=60), id="shutdown-timeout"),
        pytest.param(options(default_stop_timeout=60), id="default-stop-timeout"),
        pytest.param(options(features={"cdi": True}), id="features"),
    ],
)
def test_a_key_that_reload_takes_up_stops_no_container(change: dict[str, Any]) -> None:
    found = converged(lab(), containers=(container("web"), container("registry")))

    plan = plan_engine(lab(change), found)

    assert plan.effect == "reload"
    assert kinds(plan) == [
        "MakeDirectory",
        "PutFile",
        "ValidateOptions",
        "CopyFile",
        "MoveFile",
        "ReloadOptions",
        "ProveOptions",
    ]
    assert plan.stops == ()
    assert str(plan).startswith("reload: no container stops (")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(options(hosts=["npipe://"]), id="hosts"),
        pytest.param(options(group="docker,Administrators"), id="group"),
        pytest.param(options(data_root=r"D:\docker"), id="data-root"),
        pytest.param(options(dns=["10.0.0.1"]), id="dns"),
        pytest.param(options(log_level="debug"), id="log-level"),
        pytest.param(options(log_driver="etwlogs"), id="log-driver"),
        pytest.param(options(proxies={"http-proxy": "http://proxy.lab:3128"}), id="proxies"),
        pytest.param(options(exec_opts=["isolation=hyperv"]), id="exec-opts"),
        pytest.param(options(storage_opts=["size=40GB"]), id="storage-opts"),
        pytest.param(options(debug=True, log_format="json"), id="one of each"),
        pytest.param({"engine": {"extra": {"brand-new": 1}}}, id="an unknown key"),
    ],
)
def test_any_other_key_is_a_restart(change: dict[str, Any]) -> None:
    found = converged(lab(), containers=(container("registry"),))

    plan = plan_engine(lab(change), found)

    assert plan.effect == "restart"
    assert plan.stops == ("registry",)
    assert str(plan).startswith("restart: these containers will stop and start again: registry (")


def test_a_new_data_root_leaves_only_the_registry_behind_which_is_made_anew() -> None:
    found = converged(lab(), containers=(container("registry"),))

    plan = plan_engine(lab(options(data_root=r"D:\docker")), found)

    assert plan.stops == ("registry",)
    assert "StartContainer" not in kinds(plan)


def test_a_new_data_root_is_refused_while_other_containers_would_stay_behind() -> None:
    found = converged(lab(), containers=(container("registry"), container("web", running=False)))

    plan = plan_engine(lab(RESTART, options(data_root=r"D:\docker")), found)

    assert plan.refusal is not None
    assert "would stay behind in C:\\ProgramData\\docker: web" in plan.refusal.reason


def test_a_reload_that_did_nothing_becomes_a_restart() -> None:
    found = converged(lab())

    plan = plan_engine(lab(options(debug=True)), found, distrust_reload=True)

    assert plan.effect == "restart"
    assert "debug" in plan.reasons[0]


@pytest.mark.parametrize(
    ("before", "key", "value"),
    [
        pytest.param(options(registry_mirrors=["http://mirror.lab"]), "registry-mirrors", [], id="list"),
        pytest.param(options(debug=True), "debug", False, id="switch"),
        pytest.param(options(shutdown_timeout=60), "shutdown-timeout", 15, id="seconds"),
    ],
)
def test_a_key_taken_away_is_set_to_its_default_aloud(
    before: dict[str, Any], key: str, value: object
) -> None:
    """Recorded (insecure-key-removed, debug-key-removed): a reload passes over a key that is not there."""
    plan = plan_engine(lab(), converged(lab(before)))

    assert plan.effect == "reload"
    assert content_after(plan)[key] == value


def test_a_key_that_resets_itself_is_simply_taken_away() -> None:
    """Recorded: max-downloads-key-removed."""
    plan = plan_engine(lab(), converged(lab(options(max_concurrent_downloads=7))))

    assert plan.effect == "reload"
    assert "max-concurrent-downloads" not in content_after(plan)


def test_a_key_that_only_a_start_takes_up_is_taken_away_by_a_restart() -> None:
    plan = plan_engine(lab(), converged(lab(options(log_level="debug"))))

    assert plan.effect == "restart"
    assert "log-level" not in content_after(plan)


def test_taking_a_key_away_is_done_once() -> None:
    wanted = lab()
    found = converged(wanted, converged(lab(options(debug=True))))

    assert plan_engine(wanted, found).steps == ()


# Every plan leads somewhere


@pytest.mark.parametrize(
    "before", [{}, SERVICE_OPTIONS, options(debug=True), options(log_level="debug")], ids=str
)
@pytest.mark.parametrize(
    "after", [{}, SERVICE_OPTIONS, options(labels=["a=b"]), options(dns=["10.0.0.1"])], ids=str
)
def test_what_a_plan_was_carried_out_for_needs_no_second_one(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    wanted = lab(after)
    there = converged(wanted, converged(lab(before)))

    assert plan_engine(wanted, there).steps == ()


def test_every_step_is_a_sentence() -> None:
    found = bare(network=nat("172.20.0.0/20"), hns=(hns("172.20.0.0/20"),), containers=(container("web"),))
    plan = plan_engine(lab(SERVICE_OPTIONS, RESTART), found)

    sentences = [str(step) for step in (*plan.steps, *plan.rollback)]

    assert all(
        " " in sentence and "object at 0x" not in sentence and "(" not in sentence[:1]
        for sentence in sentences
    )


def test_a_program_without_blanks_needs_no_quotes() -> None:
    found = bare(service=service(r"C:\docker\dockerd.exe --run-service"))

    plan = plan_engine(lab(SERVICE_OPTIONS), found)

    assert plan.command_line_after == rf"C:\docker\dockerd.exe --run-service {LAB_ARGUMENTS}"
    assert PROGRAM not in plan.command_line_after


def test_an_engine_that_runs_with_our_labels_only_in_part_is_seen() -> None:
    wanted = lab()
    found: EngineFound = converged(wanted)
    target_labels = found.engine.labels
    found = dataclasses.replace(found, engine=engine_with(wanted.engine_options(), target_labels[:1]))

    assert plan_engine(wanted, found).effect != "none"
