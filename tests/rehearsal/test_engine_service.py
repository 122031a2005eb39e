"""dockerd.exe registers, starts, reloads and stops as the recorded one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rehearsal import command_line
from rehearsal.interfaces import ServiceFailure
from rehearsal.services import SERVICES
from tests.rehearsal.engine_lab import EngineLab, Result

RECORDED = Path(__file__).parents[1] / "recorded"
CASES = json.loads((RECORDED / "service.json").read_text(encoding="utf-8"))["cases"]
EVENT_SOURCES = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application"
PROGRAM = "C:\\docker\\dockerd.exe"
Case = dict[str, Any]


@pytest.fixture
def bare(tmp_path: Path) -> EngineLab:
    """The computer of the recordings: no service docker, no group docker, drives C: and D:."""
    lab = EngineLab(tmp_path)
    lab.host.services.delete("docker")
    lab.host.hive.delete(f"{EVENT_SOURCES}\\docker")
    lab.host.groups = ["Administrators", "Users"]
    (tmp_path / "D").mkdir()
    lab.host.files.make_directory("C:\\g")
    lab.put(PROGRAM, b"MZ")
    return lab


def _arrange(lab: EngineLab, case: Case) -> None:
    for words in case.get("before", []):
        assert lab.dockerd_words([PROGRAM, *words[1:]]).code == 0
    if "daemon_json" in case:
        lab.put(case["daemon_json_place"], case["daemon_json"].encode())
    if "vmcompute.dll absent" in case["title"]:
        lab.host.services.delete("vmcompute")


def _run(lab: EngineLab, case: Case) -> Result:
    words = case.get("argv") or command_line.split(case["command_line"])
    return lab.dockerd_words(words, case.get("cwd"))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_registering_and_unregistering_leave_what_dockerd_left(bare: EngineLab, case: Case) -> None:
    _arrange(bare, case)

    result = _run(bare, case)

    said = re.sub(r'time="[^"]*"', 'time="<time>"', (result.out + result.err).rstrip("\n"))
    assert result.code == case["exit_code"]
    assert said in (case["message"], case.get("message_windows"))
    kept = bare.host.hive.get(f"{SERVICES}\\{case['service_name']}") or {}
    assert {name: kept.get(name) for name in case["registry"] or {}} == (case["registry"] or {})
    assert bool(kept) == bool(case["registry"])
    source = bare.host.hive.get(f"{EVENT_SOURCES}\\{case['service_name']}")
    assert (dict(source) if source else None) == case["event_source"]


STARTED = [case for case in CASES if "process_started_from_imagepath" in case]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in STARTED])
def test_the_registered_command_line_starts_what_dockerd_started(bare: EngineLab, case: Case) -> None:
    recorded = case["process_started_from_imagepath"]
    _arrange(bare, case)
    _run(bare, case)

    outcome = _start(bare, case["service_name"])

    if recorded["state"] == "running":
        assert outcome == {name: recorded[name] for name in ("labels", "data_root", "debug", "insecure")}
    else:
        assert outcome in (recorded["message"].splitlines()[-1], recorded.get("message_windows"))


def _start(lab: EngineLab, name: str) -> object:
    try:
        lab.host.services.start(name)
    except ServiceFailure as failure:
        return failure.message
    if lab.host.services.status(name).state == "Stopped":
        return re.findall(r"Stopping service \[error=(.*)\]", lab.words_of_events()[-1])[0]
    information = json.loads(lab.docker("info --format json").out)
    lab.host.shut_down()
    always = ("127.0.0.0/8", "::1/128")
    config = information["RegistryConfig"]
    return {
        "labels": [label.replace("C:\\Windows", "C:\\windows") for label in information["Labels"]],
        "data_root": information["DockerRootDir"],
        "debug": information["Debug"],
        "insecure": [n for n, index in config["IndexConfigs"].items() if not index["Secure"]]
        + [network for network in config["InsecureRegistryCIDRs"] if network not in always],
    }


def test_sc_delete_leaves_the_event_source_so_registering_says_that_it_failed(bare: EngineLab) -> None:
    bare.dockerd_words([PROGRAM, "--register-service"])
    bare.host.services.delete("docker")

    result = bare.dockerd_words([PROGRAM, "--register-service"])

    assert result.code == 1
    assert "registry key already exists" in result.err
    assert "docker" in bare.host.services.names()


def test_recovery_restarts_twice_after_15_seconds_and_forgets_after_a_day(bare: EngineLab) -> None:
    about = json.loads((RECORDED / "service.json").read_text(encoding="utf-8"))["about"]

    bare.dockerd_words([PROGRAM, "--register-service"])

    actions = (bare.host.hive.get(f"{SERVICES}\\docker") or {})["FailureActions"]
    assert isinstance(actions, bytes)
    assert actions[20:].hex() == about["failure_actions"]["FailureActions_hex_computed_not_recorded"][40:]


@pytest.fixture
def lab(tmp_path: Path) -> EngineLab:
    return EngineLab(tmp_path)


def test_a_file_that_cannot_be_read_says_nothing_in_the_event_log(lab: EngineLab) -> None:
    lab.configure('{"hosts": ["npipe://",]}')

    with pytest.raises(ServiceFailure, match="invalid character ']' looking for beginning of value"):
        lab.host.services.start("docker")

    assert lab.words_of_events() == []


def test_a_group_that_does_not_exist_fails_before_the_service_reports_that_it_runs(lab: EngineLab) -> None:
    lab.configure('{"group": "teachers"}')

    with pytest.raises(ServiceFailure) as failure:
        lab.host.services.start("docker")

    assert failure.value.message == "failed to load listeners: lookup account teachers: not found"
    assert not failure.value.reported_running
    assert lab.words_of_events()[-1] == f"Stopping service [error={failure.value.message}]"


def test_a_bad_registry_stops_a_service_that_had_reported_that_it_runs(lab: EngineLab) -> None:
    lab.configure('{"insecure-registries": ["registry.lab:99999"]}')

    lab.host.services.start("docker")

    assert lab.host.services.status("docker").state == "Stopped"
    assert lab.words_of_events()[-1].endswith('is not valid: invalid port "99999"]')


def test_a_reload_takes_up_an_insecure_registry_and_stops_no_container(lab: EngineLab) -> None:
    lab.boot()
    lab.docker("run -d --name busy mcr.microsoft.com/windows/servercore:ltsc2022 ping -t localhost")
    lab.configure('{"insecure-registries": ["registry.lab:5000"], "labels": ["room=1"]}')

    lab.host.services.paramchange("docker")

    assert "registry.lab:5000" in lab.docker("info --format json").out
    assert lab.docker("info --format {{.Labels}}").out == "[room=1]\n"
    assert lab.docker("ps --format {{.Names}}").out == "busy\n"
    lab.host.shut_down()


def test_containers_come_back_by_their_restart_policy(lab: EngineLab) -> None:
    lab.boot()
    image = "mcr.microsoft.com/windows/servercore:ltsc2022 ping -t localhost"
    for name, policy in (("aa", "always"), ("bb", "unless-stopped"), ("cc", "unless-stopped"), ("dd", "no")):
        lab.docker(f"run -d --name {name} --restart {policy} {image}")
    lab.docker("stop cc")

    lab.reboot()

    running = set(lab.docker("ps --format {{.Names}}").out.split())
    everything = set(lab.docker("ps --all --format {{.Names}}").out.split())
    assert running == {"aa", "bb"}
    assert everything == {"aa", "bb", "cc", "dd"}
    lab.host.shut_down()


def test_another_data_root_is_another_engine_and_the_first_is_still_there(lab: EngineLab) -> None:
    lab.boot()
    lab.docker("pull sixeyed/hello-world:nanoserver")

    lab.configure('{"data-root": "C:\\\\docker-data"}')
    lab.reboot()
    elsewhere = lab.docker("images --quiet").out
    lab.configure("{}")
    lab.reboot()
    back = lab.docker("images --format {{.Repository}}").out

    assert elsewhere == ""
    assert back == "sixeyed/hello-world\n"
    lab.host.shut_down()


def test_a_fixed_subnet_counts_only_if_there_is_no_nat_network_yet(lab: EngineLab) -> None:
    lab.boot()
    subnet = 'network inspect nat --format "{{(index .IPAM.Config 0).Subnet}}"'
    own = lab.docker(subnet).out
    lab.configure('{"fixed-cidr": "172.24.192.0/20"}')

    lab.reboot()
    kept = lab.docker(subnet).out
    lab.host.shut_down()
    from rehearsal.engine import hns

    hns.remove_network(lab.host, hns.networks(lab.host)[0]["ID"])
    lab.host.boot()
    made = lab.docker(subnet).out

    assert own == kept != made == "172.24.192.0/20\n"
    lab.host.shut_down()


def test_the_engine_can_be_made_to_refuse_its_start(lab: EngineLab, tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('{"engine-refuses-start": []}')

    lab.host.services.start("docker")

    assert lab.host.services.status("docker").state == "Stopped"
    assert "failed to start daemon" in lab.words_of_events()[-1]


def test_dockerd_on_a_console_refers_to_the_service(lab: EngineLab) -> None:
    result = lab.dockerd("-D")

    assert result.code == 1
    assert "Start-Service docker" in result.err


def test_dockerd_validates_on_the_host(lab: EngineLab) -> None:
    lab.put("C:\\new.json", b'{"nonsense": 1}')

    good, bad = lab.dockerd("--validate"), lab.dockerd("--validate --config-file C:\\new.json")

    assert (good.code, good.err) == (0, "configuration OK\n")
    assert bad.code == 1
    assert bad.err.endswith("the following directives don't match any configuration option: nonsense\n")
