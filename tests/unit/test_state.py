"""What hosts answer becomes types, in every form that Windows PowerShell 5.1 writes it in."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.state import (
    ContainerState,
    DirectoryState,
    EngineState,
    EventState,
    FileState,
    FirewallRuleState,
    HnsEndpointState,
    HnsNetworkState,
    ImageState,
    MountState,
    NetworkState,
    RecoveryState,
    RouteState,
    ServiceState,
    Unreadable,
    WindowsState,
    image_tags,
    names,
    presence,
)

WINDOWS = {
    "ProductName": "Windows Server 2022",
    "CurrentBuild": "20348",
    "UBR": 2700,
    "InstallationType": "Server",
}
DOCKERD_FAILURE_ACTIONS = bytes.fromhex(
    "805101000000000000000000030000001400000001000000983a000001000000983a00000000000000000000"
)


def text(value: object) -> str:
    return json.dumps(value)


# The forms of 5.1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(text([WINDOWS]), id="a list of one"),
        pytest.param(text(WINDOWS), id="unrolled"),
        pytest.param(text({"value": [WINDOWS], "Count": 1}), id="a list with its count"),
        pytest.param(text([{"value": WINDOWS, "PSPath": "x"}]), id="an object with notes"),
        pytest.param(text([{**WINDOWS, "UBR": None}]), id="a member that is null"),
        pytest.param(
            text([{key: value for key, value in WINDOWS.items() if key != "UBR"}]),
            id="a member that is absent",
        ),
    ],
)
def test_one_answer_has_many_forms(answer: str) -> None:
    found = WindowsState.from_json(answer)

    assert (found.product, found.build, found.installation) == ("Windows Server 2022", 20348, "Server")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param("", "no JSON", id="nothing"),
        pytest.param("ProductName : x", "no JSON", id="a table"),
        pytest.param("[]", "expected one answer, not 0", id="none"),
        pytest.param(text([WINDOWS, WINDOWS]), "expected one answer, not 2", id="two"),
        pytest.param(text(["x"]), "expected an object", id="text"),
        pytest.param(
            text([{**WINDOWS, "CurrentBuild": "many"}]), "CurrentBuild is no number", id="no number"
        ),
        pytest.param(text([{"ProductName": "x"}]), "CurrentBuild is missing", id="member missing"),
        pytest.param(text([{**WINDOWS, "ProductName": [1]}]), "ProductName is no text", id="no text"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error(answer: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        WindowsState.from_json(answer)


def test_an_error_shows_the_beginning_of_the_answer_only() -> None:
    with pytest.raises(Unreadable) as raised:
        WindowsState.from_json("x" * 10_000)

    assert len(str(raised.value)) < 400


# Service

SERVICE = {
    "Name": "docker",
    "State": "Running",
    "StartMode": "Auto",
    "PathName": r'"C:\Program Files\docker\dockerd.exe" --run-service -D',
    "ProcessId": 99,
    "StartName": "LocalSystem",
}
KEY = {
    "ImagePath": r'"C:\Program Files\docker\dockerd.exe" --run-service -D',
    "Start": 2,
    "DependOnService": ["hns", "vmcompute"],
    "FailureActions": list(DOCKERD_FAILURE_ACTIONS),
    "FailureActionsOnNonCrashFailures": 1,
    "DelayedAutostart": None,
}


def test_a_service_is_read_from_both_its_places() -> None:
    found = ServiceState.from_json("docker", text([SERVICE]), text([KEY]))

    assert found == ServiceState(
        name="docker",
        exists=True,
        running=True,
        start_mode="auto",
        command_line=r'"C:\Program Files\docker\dockerd.exe" --run-service -D',
        depends_on=("hns", "vmcompute"),
        recovery=RecoveryState(86400, ((1, 15000), (1, 15000), (0, 0))),
        recovers_failed_stop=True,
        process_id=99,
    )
    assert found.program == r"C:\Program Files\docker\dockerd.exe"
    assert found.arguments == ["--run-service", "-D"]


def test_a_service_that_is_not_registered_is_a_value() -> None:
    assert not ServiceState.from_json("docker", "[]", None).exists


@pytest.mark.parametrize(
    ("service", "key", "mode"),
    [
        pytest.param({"StartMode": "Auto"}, {"DelayedAutostart": 1}, "delayed-auto", id="delayed"),
        pytest.param({"StartMode": "Manual"}, {}, "manual", id="manual"),
        pytest.param({"StartMode": "Disabled"}, {}, "disabled", id="disabled"),
    ],
)
def test_the_start_mode_has_one_name(service: dict[str, str], key: dict[str, int], mode: str) -> None:
    found = ServiceState.from_json("docker", text([{**SERVICE, **service}]), text([{**KEY, **key}]))

    assert found.start_mode == mode


def test_a_single_dependency_may_come_unrolled() -> None:
    found = ServiceState.from_json("docker", text(SERVICE), text({**KEY, "DependOnService": "hns"}))

    assert found.depends_on == ("hns",)


def test_a_bare_key_is_a_service_without_anything() -> None:
    found = ServiceState.from_json("docker", text([SERVICE]), text([dict.fromkeys(KEY)]))

    assert (found.depends_on, found.recovery, found.recovers_failed_stop) == ((), None, False)


def test_recovery_actions_that_are_cut_short_are_an_error() -> None:
    with pytest.raises(Unreadable, match="too short"):
        RecoveryState.from_bytes(DOCKERD_FAILURE_ACTIONS[:12])


# Files, directories, firewall, routes, events


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        pytest.param("[]", "", id="empty file"),
        pytest.param(text(["{}\r\n"]), "{}\r\n", id="text"),
        pytest.param(text("{}"), "{}", id="unrolled"),
        pytest.param(text([{"value": "{}", "PSPath": "x"}]), "{}", id="with notes"),
        pytest.param(text(["\ufeff{}"]), "{}", id="byte order mark"),
    ],
)
def test_the_text_of_a_file_is_read(answer: str, content: str) -> None:
    assert FileState.from_json("p", answer).text == content


def test_a_file_that_is_no_text_is_an_error() -> None:
    with pytest.raises(Unreadable, match="expected its text"):
        FileState.from_json("p", "[1]")


def test_presence_is_told_path_by_path() -> None:
    assert presence("[true,false]", ["a", "b"]) == {"a": True, "b": False}


@pytest.mark.parametrize("answer", ["[true]", '["True","False"]', "[]"])
def test_presence_that_does_not_fit_the_question_is_an_error(answer: str) -> None:
    with pytest.raises(Unreadable, match="expected 2 truth values"):
        presence(answer, ["a", "b"])


def test_permissions_are_read() -> None:
    assert DirectoryState.from_json("p", '[{"Sddl":"O:BAD:(A;OICI;FA;;;AU)"}]').grants_modify()


@pytest.mark.parametrize(
    ("rule", "port"),
    [
        pytest.param({"Enabled": 1, "Direction": 1, "Action": 2}, "5000", id="numbers, as 5.1 writes"),
        pytest.param({"Enabled": "True", "Direction": "Inbound", "Action": "Allow"}, ["5000"], id="names"),
    ],
)
def test_firewall_rules_find_their_ports(rule: dict[str, Any], port: object) -> None:
    ports = [
        {"InstanceID": "other", "Protocol": "UDP", "LocalPort": "1"},
        {"InstanceID": "r", "Protocol": "TCP", "LocalPort": port},
    ]

    found = FirewallRuleState.list_from_json(text([{"Name": "r", **rule}]), text(ports))

    assert found == [FirewallRuleState("r", True, True, True, "TCP", ("5000",))]


def test_no_firewall_rules_are_no_error() -> None:
    assert FirewallRuleState.list_from_json("[]", "[]") == []


def test_routes_are_networks() -> None:
    found = RouteState.list_from_json(
        text([{"DestinationPrefix": "10.0.0.0/8", "InterfaceAlias": "Ethernet", "NextHop": "10.0.0.1"}])
    )

    assert found == [RouteState(ipaddress.IPv4Network("10.0.0.0/8"), "Ethernet", "10.0.0.1")]


def test_a_route_to_nowhere_is_an_error() -> None:
    with pytest.raises(Unreadable, match="is no network"):
        RouteState.list_from_json(text([{"DestinationPrefix": "lab"}]))


@pytest.mark.parametrize(
    ("kind", "severity"), [(1, "Error"), (2, "Warning"), (4, "Information"), ("Error", "Error")]
)
def test_events_say_how_bad_they_are(kind: object, severity: str) -> None:
    found = EventState.list_from_json(
        text([{"EntryType": kind, "Message": "failed \r\n", "TimeWritten": "x"}])
    )

    assert found == [EventState(severity, "failed", "x")]


# The engine


@pytest.mark.parametrize("page", ["cp437", "cp850", "cp852", "cp866", "utf-8"])
@pytest.mark.parametrize("path", ["D:\\Übung", "D:\\zajęcia", "D:\\данные", "D:\\docker"])
def test_what_docker_says_is_read_whatever_the_console_of_the_host(page: str, path: str) -> None:
    printed = json.dumps({"ServerVersion": "29.7.0", "DockerRootDir": path}, ensure_ascii=False)

    assert EngineState.from_json(printed.encode().decode(page)).data_root == path


def test_what_docker_says_of_containers_is_read_likewise() -> None:
    mount = {"Source": "C:\\Übung", "Destination": "c:\\data", "RW": True}
    printed = json.dumps([{"Name": "/registry", "Id": "1", "Mounts": [mount]}], ensure_ascii=False)

    (found,) = ContainerState.list_from_json(printed.encode().decode("cp437"))

    assert found.mounts[0].source == "C:\\Übung"


INFO = {
    "ServerVersion": "29.0.0",
    "OSVersion": "10.0.20348.2700",
    "Labels": ["a=b"],
    "RegistryConfig": {
        "IndexConfigs": {
            "172.24.194.96:5000": {
                "Name": "172.24.194.96:5000",
                "Mirrors": [],
                "Secure": False,
                "Official": False,
            },
            "docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True},
        },
        "InsecureRegistryCIDRs": ["172.24.0.0/16", "::1/128", "127.0.0.0/8"],
        "Mirrors": ["http://mirror.lab/"],
    },
    "Debug": True,
    "ExperimentalBuild": False,
    "DockerRootDir": r"C:\ProgramData\docker",
    "Isolation": "process",
    "LoggingDriver": "json-file",
    "HttpProxy": "http://xxxxx:xxxxx@proxy:1",
    "NoProxy": "",
    "Containerd": None,
}


def test_the_engine_tells_how_it_runs() -> None:
    assert EngineState.from_json(text(INFO)) == EngineState(
        answers=True,
        version="29.0.0",
        os_version="10.0.20348.2700",
        labels=("a=b",),
        insecure_registries=frozenset({"172.24.194.96:5000", "172.24.0.0/16"}),
        mirrors=("http://mirror.lab/",),
        debug=True,
        data_root=r"C:\ProgramData\docker",
        isolation="process",
        log_driver="json-file",
        proxies={"http-proxy": "http://xxxxx:xxxxx@proxy:1"},
    )


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        pytest.param(
            {"ServerErrors": ["error during connect"], "ClientInfo": {}}, ["error during connect"], id="said"
        ),
        pytest.param({"ClientInfo": {"Version": "29.7.2"}}, [], id="the client only"),
        pytest.param({"ClientInfo": {"Version": "29.7.2"}, "ServerVersion": ""}, [], id="all empty"),
    ],
)
def test_an_engine_that_does_not_answer_is_a_value(answer: dict[str, object], errors: list[str]) -> None:
    assert EngineState.from_json(text(answer)) == EngineState.silent(*errors)


def test_an_info_without_a_version_is_an_error() -> None:
    with pytest.raises(Unreadable, match="ServerVersion is missing"):
        EngineState.from_json("{}")


@pytest.mark.parametrize(("key", "value"), [("a", "b"), ("c", "d=e"), ("f", None)])
def test_labels_are_looked_up(key: str, value: str | None) -> None:
    assert EngineState(answers=True, labels=("a=b", "c=d=e")).label(key) == value


def test_a_network_is_read() -> None:
    answer = [
        {
            "Name": "nat",
            "Driver": "nat",
            "IPAM": {
                "Driver": "windows",
                "Config": [{"Subnet": "172.24.192.0/20", "Gateway": "172.24.192.1"}],
            },
        }
    ]

    found = NetworkState.from_json(text(answer))

    assert found == NetworkState("nat", True, "nat", ipaddress.IPv4Network("172.24.192.0/20"), "172.24.192.1")


@pytest.mark.parametrize("pools", [[], None, [{}]], ids=str)
def test_a_network_may_have_no_subnet(pools: object) -> None:
    assert NetworkState.from_json(text([{"Name": "none", "IPAM": {"Config": pools}}])).subnet is None


def test_hns_is_read() -> None:
    networks = HnsNetworkState.list_from_json(
        text([{"Name": "nat", "Type": "nat", "ID": "1", "Subnets": [{"AddressPrefix": "172.24.192.0/20"}]}])
    )
    endpoints = HnsEndpointState.list_from_json(
        text(
            [{"ID": "2", "Name": "e", "IPAddress": "172.24.194.96", "VirtualNetworkName": "nat", "State": 3}]
        )
    )

    assert networks == [HnsNetworkState("nat", "nat", "1", ("172.24.192.0/20",))]
    assert endpoints == [HnsEndpointState("2", "e", "172.24.194.96", "nat")]


def test_images_are_read() -> None:
    answer = [
        {
            "Id": "sha256:1",
            "RepoTags": ["a:b"],
            "RepoDigests": [],
            "OsVersion": "10.0",
            "Config": {"Labels": None},
        }
    ]

    assert ImageState.list_from_json(text(answer)) == [ImageState("sha256:1", ("a:b",), {}, "10.0")]


def test_lists_of_docker_come_line_by_line() -> None:
    lines = [text({"Repository": "a", "Tag": "1"}), text({"Repository": "<none>", "Tag": "<none>"}), ""]

    assert image_tags(text(lines)) == {"a:1"}


def test_names_come_out_of_a_list() -> None:
    assert names(text([text({"Names": "web,web/alias"}), text({"Names": "db"})]), "x", "Names") == [
        "web",
        "db",
    ]


@pytest.mark.parametrize("read", [image_tags, lambda answer: names(answer, "x")], ids=["images", "names"])
def test_a_list_that_holds_no_lines_is_an_error(read: Callable[[str], object]) -> None:
    with pytest.raises(Unreadable):
        read("[1]")


# Containers

INSPECT = {
    "Id": "c0",
    "Image": "sha256:1",
    "RestartCount": 2,
    "Name": "/registry",
    "State": {
        "Running": True,
        "ExitCode": 0,
        "StartedAt": "2026-08-01T10:00:00Z",
        "Health": {"Status": "healthy"},
    },
    "Config": {"Image": "i:1", "Env": ["A=b"], "Labels": {"k": "v"}},
    "HostConfig": {
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        "PortBindings": {"5000/tcp": [{"HostIp": "", "HostPort": "5000"}]},
    },
    "Mounts": [
        {"Type": "bind", "Source": r"C:\registry-data", "Destination": r"c:\data", "Mode": "", "RW": True}
    ],
    "NetworkSettings": {
        "Networks": {"nat": {"IPAMConfig": {"IPv4Address": "172.24.194.96"}, "IPAddress": "172.24.194.96"}}
    },
}


def test_a_container_is_read() -> None:
    assert ContainerState.list_from_json(text([INSPECT])) == [
        ContainerState(
            name="registry",
            id="c0",
            image="i:1",
            image_id="sha256:1",
            running=True,
            restarts=2,
            started="2026-08-01T10:00:00Z",
            health="healthy",
            restart="on-failure:3",
            ports={"5000/tcp": ("5000",)},
            mounts=(MountState(r"C:\registry-data", r"c:\data", writable=True),),
            networks={"nat": "172.24.194.96"},
            addresses={"nat": "172.24.194.96"},
            environment=("A=b",),
            labels={"k": "v"},
        )
    ]


def test_a_container_without_anything_is_read() -> None:
    bare = {
        "Id": "c",
        "Name": "/x",
        "State": {},
        "Config": {"Env": None},
        "HostConfig": {"PortBindings": None},
        "NetworkSettings": {"Networks": {"nat": {"IPAMConfig": None, "IPAddress": ""}}},
    }

    (found,) = ContainerState.list_from_json(text([bare]))

    assert (found.restart, found.ports, found.mounts, found.networks) == ("no", {}, (), {"nat": ""})
