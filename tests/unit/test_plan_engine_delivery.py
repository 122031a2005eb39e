"""The plan for an engine's file, command line and network."""

from __future__ import annotations

import ipaddress
import json

import pytest

from deploy import steps
from deploy.places import DAEMON_JSON, staged
from deploy.plan import config_path, plan_engine
from deploy.plan.target import content_of
from deploy.state import FileState, NetworkState, RouteState
from deploy.windows_command_line import split
from tests.unit.plan_hosts import (
    LAB_ARGUMENTS,
    PLAIN,
    RESTART,
    SERVICE_OPTIONS,
    SUBNET,
    bare,
    container,
    content_after,
    converged,
    hns,
    kinds,
    lab,
    nat,
    options,
    service,
)

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
