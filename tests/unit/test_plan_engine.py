"""The plan for an engine: nothing, a reload or a restart; with care, and with the way back."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from typing import Any

import pytest

from deploy import steps
from deploy.places import DAEMON_JSON, RUNNING_BEFORE, previous, staged
from deploy.plan import EngineFound, EnginePlan, config_path, plan_engine
from deploy.plan.target import content_of
from deploy.state import EngineState, FileState, NetworkState, RouteState, ServiceState
from deploy.windows_command_line import split
from tests.unit.plan_hosts import (
    LAB_ARGUMENTS,
    PLAIN,
    PROGRAM,
    SUBNET,
    bare,
    container,
    converged,
    engine_with,
    hns,
    lab,
    nat,
    service,
    with_file,
)

SERVICE_OPTIONS = {"engine": {"delivery": "service-options"}}
RESTART = {"engine": {"allow_restart": True}}


def kinds(plan: EnginePlan) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


def content_after(plan: EnginePlan) -> dict[str, Any]:
    content = json.loads(plan.file_after)
    assert isinstance(content, dict)
    return content


def options(**given: object) -> dict[str, Any]:
    return {"engine": {"options": {key.replace("_", "-"): value for key, value in given.items()}}}


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


# Both deliveries


def test_service_options_give_the_command_line_of_the_lab() -> None:
    plan = plan_engine(lab(SERVICE_OPTIONS), bare())

    assert plan.command_line_after == f"{PLAIN} {LAB_ARGUMENTS}"
    assert steps.SetCommandLine("docker", f"{PLAIN} {LAB_ARGUMENTS}", PLAIN) in plan.steps


def test_service_options_leave_none_of_our_options_in_the_file() -> None:
    found = converged(lab())

    plan = plan_engine(lab(SERVICE_OPTIONS), found)

    assert content_after(plan) == {"fixed-cidr": "172.24.192.0/20"}


def test_service_options_take_a_key_of_somebody_else_out_if_both_would_say_it() -> None:
    """Recorded (both-hosts): the same key in both stops the engine, even with equal values."""
    found = bare(file=FileState(DAEMON_JSON, '{"hosts": ["npipe://"], "debug": true}'))

    plan = plan_engine(lab(SERVICE_OPTIONS), found)

    assert content_after(plan) == {"debug": True, "fixed-cidr": "172.24.192.0/20"}


def test_the_file_leaves_no_option_on_the_command_line() -> None:
    found = converged(lab(SERVICE_OPTIONS))

    plan = plan_engine(lab(), found)

    assert plan.command_line_after == PLAIN
    assert plan.effect == "restart"


def test_switching_there_and_back_ends_where_it_began() -> None:
    file, line = lab(), lab(SERVICE_OPTIONS)
    first = converged(file)

    back = converged(file, converged(line, first))

    assert back.service == first.service
    assert content_of(back.file) == content_of(first.file)
    assert plan_engine(file, back).steps == ()


def test_options_are_validated_together_with_the_file_they_go_with() -> None:
    plan = plan_engine(lab(SERVICE_OPTIONS), bare())

    assert steps.ValidateOptions(staged(DAEMON_JSON), tuple(LAB_ARGUMENTS.split())) in plan.steps


def test_both_never_say_the_same_key() -> None:
    """The rule behind 13 recordings (both-…), for every option there is."""
    wanted = lab(
        SERVICE_OPTIONS,
        options(
            debug=True, labels=["a=b"], proxies={"http-proxy": "http://p.lab"}, log_opts={"max-size": "1m"}
        ),
    )
    found = bare(
        file=FileState(DAEMON_JSON, json.dumps({**lab().engine_options(), "labels": ["x=y"], "debug": False}))
    )

    plan = plan_engine(wanted, found)

    assert set(content_after(plan)) == {"fixed-cidr", "tls"}


def test_quotes_and_blanks_survive_the_command_line() -> None:
    label = 'note=say "hello there" \\'
    wanted = lab(SERVICE_OPTIONS, options(labels=[label], data_root="D:\\docker data\\"))

    plan = plan_engine(wanted, bare())

    arguments = split(plan.command_line_after)
    assert arguments[arguments.index("--label") + 1] == label
    assert arguments[arguments.index("--data-root") + 1] == "D:\\docker data\\"


def test_the_name_and_the_file_of_the_service_stay_on_its_command_line() -> None:
    line = rf"{PLAIN} --config-file D:\etc\daemon.json --service-name docker --debug"
    found = bare(service=service(line), file=FileState(r"D:\etc\daemon.json", None))

    plan = plan_engine(lab(), found)

    assert plan.command_line_after == rf"{PLAIN} --config-file D:\etc\daemon.json --service-name docker"
    assert steps.MoveFile(r"D:\etc\daemon.json.new", r"D:\etc\daemon.json") in plan.steps


def test_a_data_root_that_the_settings_do_not_name_is_not_dropped() -> None:
    found = bare(service=service(rf"{PLAIN} --data-root D:\docker"))

    plan = plan_engine(lab(), found)

    assert plan.refusal is not None
    assert plan.refusal.remedy == r"set engine.data_root = 'D:\\docker'"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        pytest.param("", DAEMON_JSON, id="the usual place"),
        pytest.param(r" --data-root D:\docker", r"D:\docker\config\daemon.json", id="under the data root"),
        pytest.param(r" --config-file=D:\x.json --data-root D:\docker", r"D:\x.json", id="named"),
        pytest.param(" --config-file x.json", DAEMON_JSON, id="relative, so it never worked"),
    ],
)
def test_the_command_line_says_which_file_is_read(arguments: str, path: str) -> None:
    assert config_path(service(PLAIN + arguments)) == path


def test_a_file_that_moves_with_the_data_root_leaves_nothing_behind() -> None:
    wanted = lab(SERVICE_OPTIONS, options(data_root=r"D:\docker"))

    plan = plan_engine(wanted, converged(lab()))

    assert steps.MoveFile(r"D:\docker\config\daemon.json.new", r"D:\docker\config\daemon.json") in plan.steps
    assert steps.RemovePath(DAEMON_JSON) in plan.steps


def test_the_fingerprint_can_be_a_service_option() -> None:
    wanted = lab(SERVICE_OPTIONS, {"engine": {"fingerprint": True}})

    plan = plan_engine(wanted, bare())

    assert "--label registry-lab.fingerprint=" in plan.command_line_after
    assert plan_engine(wanted, converged(wanted)).steps == ()


# The network


def test_another_subnet_is_changed_while_the_engine_is_stopped() -> None:
    found = bare(network=nat("172.20.0.0/20"), hns=(hns("172.20.0.0/20"),))

    plan = plan_engine(lab(), found)

    order = kinds(plan)
    assert order.index("StopService") < order.index("RemoveHnsNetwork") < order.index("StartService")
    assert order.index("MoveFile") < order.index("StartService")
    assert order.count("StopService") == 1


def test_only_the_subnet_differs_is_a_restart_of_its_own() -> None:
    wanted = lab()
    found = converged(wanted, network=nat("172.20.0.0/20"), hns=(hns("172.20.0.0/20"),))

    plan = plan_engine(wanted, found)

    assert plan.reasons == ("the network nat has the subnet 172.20.0.0/20, not 172.24.192.0/20",)
    assert "RemoveHnsNetwork" in kinds(plan)


def test_a_missing_network_is_made_by_a_restart() -> None:
    wanted = lab()
    found = converged(wanted, network=NetworkState.absent("nat"), hns=())

    plan = plan_engine(wanted, found)

    assert plan.effect == "restart"
    assert "RemoveHnsNetwork" not in kinds(plan)


def test_a_subnet_that_the_host_itself_reaches_is_refused() -> None:
    route = RouteState(SUBNET.supernet(new_prefix=16), "Ethernet", "10.0.0.1")
    found = bare(network=nat("172.20.0.0/20"), hns=(hns("172.20.0.0/20"),), routes=(route,))

    plan = plan_engine(lab(), found)

    assert plan.refusal is not None
    assert "overlaps 172.24.0.0/16, which this host reaches through Ethernet" in plan.refusal.reason


def test_routes_that_hide_nothing_are_no_obstacle() -> None:
    routes = (
        RouteState(ipaddress.IPv4Network("0.0.0.0/0"), "Ethernet", "10.0.0.1"),
        RouteState(ipaddress.IPv4Network("224.0.0.0/4"), "Ethernet", "0.0.0.0"),
        RouteState(SUBNET, "vEthernet (nat)", "0.0.0.0"),
        RouteState(ipaddress.IPv4Network("10.0.0.0/24"), "Ethernet", "0.0.0.0"),
    )
    found = bare(network=nat("172.20.0.0/20"), hns=(hns("172.20.0.0/20"),), routes=routes)

    assert plan_engine(lab(), found).refusal is None


def test_a_foreign_container_with_a_pinned_address_outside_is_refused() -> None:
    found = bare(
        network=nat("172.20.0.0/20"),
        hns=(hns("172.20.0.0/20"),),
        containers=(container("db", ip="172.20.0.9", running=False),),
    )

    plan = plan_engine(lab(RESTART), found)

    assert plan.refusal is not None
    assert "the container db has the pinned address 172.20.0.9" in plan.refusal.reason


def test_the_registry_with_an_address_outside_is_not_started_again() -> None:
    """It is replaced by its own plan; starting it would fail."""
    found = bare(
        network=nat("172.20.0.0/20"),
        hns=(hns("172.20.0.0/20"),),
        containers=(container("registry", ip="172.20.0.9"), container("web")),
    )

    plan = plan_engine(lab(RESTART), found)

    assert steps.StartContainer("registry") not in plan.steps
    assert steps.StartContainer("web") in plan.steps


def test_a_file_that_makes_no_network_is_refused() -> None:
    found = bare(file=FileState(DAEMON_JSON, '{"bridge": "none"}'))

    plan = plan_engine(lab(), found)

    assert plan.refusal is not None
    assert "bridge: none" in plan.refusal.reason


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
