"""The plans for everything but the engine: container, directory, firewall, host, image, network, service."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deploy import steps
from deploy.plan import (
    container_wanted,
    differences,
    plan_container,
    plan_directory,
    plan_firewall,
    plan_host,
    plan_image,
    plan_network,
    plan_service,
)
from deploy.plan.network import must_be_made_anew
from deploy.settings import ImageSettings, LabSettings, NetworkSettings, ServiceSettings
from deploy.state import (
    ContainerState,
    DirectoryState,
    EngineState,
    FirewallRuleState,
    HnsEndpointState,
    MountState,
    NetworkState,
    RecoveryState,
    ServiceState,
    WindowsState,
)
from deploy.steps import Step
from tests.unit.plan_hosts import hns, nat

IMAGE = "registry-lab/registry:0123456789ab"
WANTED = container_wanted(LabSettings(), IMAGE)
FOUND = ContainerState(
    name="registry",
    id="c0",
    image=IMAGE,
    running=True,
    restart="unless-stopped",
    ports={"5000/tcp": ("5000",)},
    mounts=(MountState(r"C:\registry-data", r"c:\data", writable=True),),
    networks={"nat": "172.24.194.96"},
    addresses={"nat": "172.24.194.96"},
    environment=("PATH=C:\\Python", "REGISTRY_HTTP_ADDR=:5000"),
    labels=dict(WANTED.labels),
)
ENDPOINT = HnsEndpointState("e1", "x", "172.24.194.96", "nat")


def kinds(plan: list[Step]) -> list[str]:
    return [type(step).__name__ for step in plan]


def changed(**fields: Any) -> ContainerState:  # noqa: ANN401 -- any field of a container
    return dataclasses.replace(FOUND, **fields)


# Container


def test_a_container_as_wanted_is_left_alone() -> None:
    assert plan_container(WANTED, [FOUND], [ENDPOINT]) == []


def test_a_missing_container_is_run() -> None:
    assert plan_container(WANTED, []) == [WANTED, steps.AwaitContainer("registry")]


def test_a_stopped_container_is_started() -> None:
    plan = plan_container(WANTED, [changed(running=False, addresses={"nat": ""})])

    assert kinds(plan) == ["StartContainer", "AwaitContainer"]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(changed(image="registry-lab/registry:old"), "image", id="image"),
        pytest.param(changed(restart="no"), "restart policy", id="restart policy"),
        pytest.param(changed(ports={"5000/tcp": ("5001",)}), "ports", id="published elsewhere"),
        pytest.param(changed(ports={}), "ports", id="not published"),
        pytest.param(changed(mounts=()), "directories", id="no data directory"),
        pytest.param(
            changed(mounts=(MountState(r"C:\other", r"c:\data", True),)), "directories", id="other data"
        ),
        pytest.param(
            changed(mounts=(MountState(r"C:\registry-data", r"c:\data", False),)),
            "directories",
            id="read-only",
        ),
        pytest.param(changed(networks={"nat": ""}), "address", id="address not pinned"),
        pytest.param(changed(networks={"nat": "172.24.194.97"}), "address", id="other address"),
        pytest.param(changed(networks={"lab": "172.24.194.96"}), "address", id="other network"),
        pytest.param(
            changed(networks={"nat": "172.24.194.96", "lab": ""}), "networks", id="one network more"
        ),
        pytest.param(changed(environment=("PATH=C:\\Python",)), "environment", id="variable missing"),
        pytest.param(changed(labels={}), "environment", id="a variable more than asked for"),
    ],
)
def test_a_container_that_differs_is_replaced(found: ContainerState, why: str) -> None:
    plan = plan_container(WANTED, [found])

    assert kinds(plan)[-3:] == ["RenameContainer", "RunContainer", "AwaitContainer"]
    assert why in str(plan[-3])


def test_what_variables_hold_is_never_said() -> None:
    settings = LabSettings.model_validate({"registry": {"environment": {"REGISTRY_HTTP_SECRET": "geheim"}}})

    plan = plan_container(container_wanted(settings, IMAGE), [FOUND])

    assert not any("geheim" in f"{step} {step!r}" for step in plan)


def test_the_case_of_directories_is_no_difference() -> None:
    found = changed(mounts=(MountState(r"c:\Registry-Data", r"C:\DATA", writable=True),))

    assert plan_container(WANTED, [found]) == []


@pytest.mark.parametrize("spelling", ["C:/registry-data", "C:\\registry-data\\"])
def test_the_spelling_of_directories_is_no_difference(spelling: str) -> None:
    wanted = dataclasses.replace(WANTED, volumes={spelling: r"C:\data"})

    assert plan_container(wanted, [FOUND], [ENDPOINT]) == []


def test_a_stale_endpoint_is_removed_before_the_address_is_used() -> None:
    plan = plan_container(WANTED, [], [ENDPOINT])

    assert plan[0] == steps.RemoveHnsEndpoint("172.24.194.96")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        pytest.param({"networks": {"nat": "172.24.194.96"}}, "has the address", id="pinned, even if stopped"),
        pytest.param({"addresses": {"nat": "172.24.194.96"}}, "has the address", id="by chance"),
        pytest.param(
            {"ports": {"80/tcp": ("5000",)}, "running": True}, "is published at port 5000", id="port"
        ),
    ],
)
def test_what_another_container_holds_is_not_fought_for(other: dict[str, Any], reason: str) -> None:
    taken = dataclasses.replace(ContainerState("web", "c1", "web", running=False), **other)

    plan = plan_container(WANTED, [taken])

    assert kinds(plan) == ["Refuse"]
    assert reason in str(plan[0])


def test_tls_is_a_directory_and_two_variables() -> None:
    settings = LabSettings.model_validate({"registry": {"tls": {"directory": r"C:\tls"}}})

    wanted = container_wanted(settings, IMAGE)

    assert wanted.volumes == {r"C:\registry-data": r"C:\data", r"C:\tls": r"C:\certs"}
    assert wanted.environment["REGISTRY_HTTP_TLS_CERTIFICATE"] == r"C:\certs\registry.crt"


# Directory

AU = "(A;OICI;0x1301bf;;;AU)"


@pytest.mark.parametrize(
    ("sddl", "plan"),
    [
        pytest.param(None, ["MakeDirectory", "GrantModify"], id="absent"),
        pytest.param("O:BAG:SYD:AI(A;OICIID;FA;;;BA)", ["GrantModify"], id="administrators only"),
        pytest.param(f"O:BAG:SYD:AI{AU}(A;OICIID;FA;;;BA)", [], id="granted"),
        pytest.param("O:BAG:SYD:AI(A;OICI;FA;;;AU)", [], id="even more granted"),
        pytest.param("O:BAG:SYD:AI(A;OICI;0x1301bf;;;S-1-5-11)", [], id="granted by number"),
        pytest.param("O:BAG:SYD:AI(A;;0x1301bf;;;AU)", ["GrantModify"], id="not inherited"),
        pytest.param("O:BAG:SYD:AI(A;OICIIO;0x1301bf;;;AU)", ["GrantModify"], id="inherited only"),
        pytest.param("O:BAG:SYD:AI(A;OICI;0x1200a9;;;AU)", ["GrantModify"], id="read only"),
        pytest.param(f"O:BAG:SYD:(D;OICI;SD;;;AU){AU}", ["GrantModify"], id="denied"),
        pytest.param(f"O:BAG:SYD:AI(A;OICI;FA;;;BA)S:AI{AU}", ["GrantModify"], id="audited is not granted"),
        pytest.param(
            "O:BAG:SYD:(A;OICI;0x40000000;;;AU)(A;OICI;0xa0000000;;;AU)(A;OICI;SD;;;AU)", [], id="generic"
        ),
    ],
)
def test_the_data_directory_is_made_and_opened(sddl: str | None, plan: list[str]) -> None:
    found = DirectoryState(r"C:\registry-data", sddl)

    assert kinds(plan_directory(found.path, found)) == plan


# Firewall

RULE = FirewallRuleState("registry-lab-5000", True, True, True, "TCP", ("5000",))


@pytest.mark.parametrize(
    ("found", "plan"),
    [
        pytest.param([RULE], [], id="there"),
        pytest.param([], ["AddFirewallRule"], id="absent"),
        pytest.param(
            [dataclasses.replace(RULE, enabled=False)], ["RemoveFirewallRule", "AddFirewallRule"], id="off"
        ),
        pytest.param(
            [dataclasses.replace(RULE, allows=False)], ["RemoveFirewallRule", "AddFirewallRule"], id="blocks"
        ),
        pytest.param(
            [dataclasses.replace(RULE, ports=("5001",))], ["RemoveFirewallRule", "AddFirewallRule"], id="port"
        ),
        pytest.param(
            [RULE, dataclasses.replace(RULE, name="registry-lab-80")], ["RemoveFirewallRule"], id="leftover"
        ),
        pytest.param([RULE, dataclasses.replace(RULE, name="rdp")], [], id="not ours"),
    ],
)
def test_the_firewall_has_one_rule_of_ours(found: list[FirewallRuleState], plan: list[str]) -> None:
    assert kinds(plan_firewall(5000, found)) == plan


# Host, image, network


def windows(build: int) -> WindowsState:
    return WindowsState("Windows Server", build, 1, "Server")


@pytest.mark.parametrize(
    ("declared", "build", "words"),
    [
        pytest.param(None, 20348, "", id="not declared"),
        pytest.param(20348, 20348, "", id="as declared"),
        pytest.param(20348, 26100, "windows_build says 20348", id="another than declared"),
        pytest.param(None, 14393, "not supported", id="too old"),
    ],
)
def test_the_host_is_the_one_that_was_meant(declared: int | None, build: int, words: str) -> None:
    plan = plan_host(LabSettings.model_validate({"windows_build": declared}), windows(build))

    assert words in " ".join(map(str, plan))
    assert bool(plan) == bool(words)


def test_an_image_that_is_there_is_not_built() -> None:
    assert plan_image(ImageSettings(), "0123456789ab", {IMAGE}) == []


def test_an_image_is_built_from_a_directory_that_goes_away_again() -> None:
    plan = plan_image(ImageSettings(), "0123456789ab", {"registry-lab/registry:old"})

    assert kinds(plan) == [
        "MakeDirectory",
        "PutArchive",
        "ExpandArchive",
        "BuildImage",
        "RemovePath",
        "RemovePath",
    ]
    assert steps.BuildImage(IMAGE, r"C:\ProgramData\registry-lab\build\0123456789ab") in plan


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(nat(), "", id="as wanted"),
        pytest.param(NetworkState.absent("nat"), "no network nat", id="absent"),
        pytest.param(nat("10.0.0.0/16"), "has the subnet 10.0.0.0/16", id="another subnet"),
    ],
)
def test_the_network_is_looked_at_again(found: NetworkState, words: str) -> None:
    plan = plan_network(NetworkSettings(), found)

    assert words in " ".join(map(str, plan))
    assert bool(plan) == bool(words)


@pytest.mark.parametrize(
    ("engine", "service", "anew"),
    [
        pytest.param(nat(), [], False, id="the engine says so"),
        pytest.param(nat("10.0.0.0/16"), [hns()], True, id="the engine says otherwise"),
        pytest.param(None, [hns()], False, id="no engine, Windows says so"),
        pytest.param(None, [hns("10.0.0.0/16")], True, id="no engine, Windows says otherwise"),
        pytest.param(None, [], False, id="no network yet"),
    ],
)
def test_whose_word_counts_for_the_subnet(
    engine: NetworkState | None, service: list[Any], anew: bool
) -> None:
    assert (must_be_made_anew(NetworkSettings(), engine, service) is not None) == anew


# Service

RECOVERY = RecoveryState(86400, ((1, 15000), (1, 15000), (1, 60000)))
SERVICE = ServiceState(
    "docker",
    exists=True,
    start_mode="auto",
    depends_on=("HNS", "vmcompute"),
    recovery=RECOVERY,
    recovers_failed_stop=True,
)


@pytest.mark.parametrize(
    ("found", "plan"),
    [
        pytest.param({}, [], id="as wanted"),
        pytest.param({"start_mode": "manual"}, ["SetStartMode"], id="manual"),
        pytest.param({"start_mode": "disabled"}, ["SetStartMode"], id="disabled"),
        pytest.param({"depends_on": ()}, ["SetDependencies"], id="no dependencies"),
        pytest.param({"recovery": None}, ["SetRecovery"], id="no recovery"),
        pytest.param(
            {"recovery": RecoveryState(86400, ((1, 15000), (1, 15000), (0, 0)))},
            ["SetRecovery"],
            id="dockerd's",
        ),
        pytest.param({"recovers_failed_stop": False}, ["SetRecoveryOnFailedStop"], id="failed stop"),
    ],
)
def test_the_service_is_changed_in_place(found: dict[str, Any], plan: list[str]) -> None:
    assert kinds(plan_service(ServiceSettings(), dataclasses.replace(SERVICE, **found))) == plan


def test_what_is_not_asked_for_is_left() -> None:
    wanted = ServiceSettings(recovery=None, depends_on=None)

    assert plan_service(wanted, dataclasses.replace(SERVICE, recovery=None, depends_on=("x",))) == []


# Running engine


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        pytest.param(
            {"insecure-registries": ["172.24.1.9/16"]},
            {"insecure_registries": frozenset({"172.24.0.0/16"})},
            id="network",
        ),
        pytest.param(
            {"registry-mirrors": ["http://a", "http://a/"]}, {"mirrors": ("http://a/",)}, id="mirror twice"
        ),
        pytest.param({"data-root": "D:/Docker"}, {"data_root": "d:\\docker\\"}, id="spelling of a path"),
        pytest.param({"exec-opts": ["isolation=default"]}, {"isolation": "hyperv"}, id="default isolation"),
        pytest.param(
            {"proxies": {"http-proxy": "http://u:p@proxy:1"}},
            {"proxies": {"http-proxy": "http://xxxxx:xxxxx@proxy:1"}},
            id="masked password",
        ),
        pytest.param(
            {"proxies": {"http-proxy": "http://u:a'b,c@proxy:1/"}},
            {"proxies": {"http-proxy": "http://xxxxx:xxxxx@proxy:1/"}},
            id="masked password of an engine that was given options by others",
        ),
        pytest.param(
            {"proxies": {"http-proxy": "http://proxy:1"}},
            {"proxies": {"http-proxy": "http://proxy:1", "no-proxy": "lan"}},
            id="proxy of the environment",
        ),
        pytest.param({"insecure-registries": ["127.0.0.0/8", "::1/128"]}, {}, id="always insecure"),
        pytest.param(
            {"containerd": "npipe:////./pipe/c"}, {"version": "26.1.4"}, id="before engines said containerd"
        ),
    ],
)
def test_what_the_engine_shows_in_its_own_way_is_the_same(
    options: dict[str, Any], engine: dict[str, Any]
) -> None:
    assert differences(options, (), EngineState(answers=True, **engine)) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"insecure-registries": ["a:1"]},
        {"registry-mirrors": ["http://a"]},
        {"debug": True},
        {"experimental": True},
        {"data-root": r"D:\docker"},
        {"exec-opts": ["isolation=hyperv"]},
        {"log-driver": "etwlogs"},
        {"proxies": {"http-proxy": "http://proxy:1"}},
        {"containerd": "npipe:////./pipe/c"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_the_engine_shows_otherwise_is_said(options: dict[str, Any]) -> None:
    assert list(differences(options, (), EngineState(answers=True, isolation="process"))) == list(options)


def test_a_password_of_a_proxy_is_never_said() -> None:
    found = EngineState(answers=True, proxies={"http-proxy": "http://xxxxx:xxxxx@other:1"})

    words = differences({"proxies": {"http-proxy": "http://u:geheim@proxy:1"}}, (), found)

    assert "geheim" not in str(words)
