"""docker.exe on a rehearsal host: what it does to containers, images and networks, and what it says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.engine import hns
from tests.rehearsal.engine_lab import EngineLab

CORE = "mcr.microsoft.com/windows/servercore:ltsc2022"
PING = f"{CORE} ping -t localhost"
HELLO = "sixeyed/hello-world:nanoserver"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[EngineLab]:
    lab = EngineLab(tmp_path).boot()
    yield lab
    lab.host.shut_down()


def test_hello_world_says_hello_and_ends(lab: EngineLab) -> None:
    result = lab.docker(f"run --name hello {HELLO}")

    assert result.code == 0
    assert result.out.startswith("Hello from Docker!")
    assert f"Unable to find image '{HELLO}' locally" in result.err
    assert (
        lab.docker("container inspect --format {{.State.Status}}/{{.State.ExitCode}} hello").out
        == "exited/0\n"
    )


def test_listing_as_json_has_dockers_fields(lab: EngineLab) -> None:
    lab.docker(f"run -d --name pinger --label role=foreign -p 8080:80 {PING}")

    row = json.loads(lab.docker('container ls --all --no-trunc --format "{{json .}}"').out)

    assert list(row) == sorted(row)
    expected = {
        "Names": "pinger",
        "State": "running",
        "Image": CORE,
        "Labels": "role=foreign",
        "Networks": "nat",
        "Ports": "0.0.0.0:8080->80/tcp",
        "Command": '"ping -t localhost"',
    }
    assert {key: row[key] for key in expected} == expected
    assert row["Status"].startswith("Up ")


def test_inspect_shows_what_run_asked_for(lab: EngineLab) -> None:
    lab.host.files.make_directory("C:\\registry-data")
    lab.docker(
        "run -d --name box --restart on-failure:3 -v C:\\registry-data:C:\\Data -e A=b --label k=v "
        f"--ip 172.27.112.96 -p 5000:80 --network nat {PING}"
    )

    found = json.loads(lab.docker("container inspect box").out)[0]

    host_config, endpoint = found["HostConfig"], found["NetworkSettings"]["Networks"]["nat"]
    assert host_config["Binds"] == ["C:\\registry-data:C:\\Data"]
    assert host_config["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert host_config["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "5000"}]}
    assert found["Mounts"][0]["Source"] == "C:\\registry-data"
    assert found["Mounts"][0]["Destination"] == "c:\\data"
    assert "A=b" in found["Config"]["Env"]
    assert found["Config"]["Labels"] == {"k": "v"}
    assert endpoint["IPAMConfig"] == {"IPv4Address": "172.27.112.96"}
    assert endpoint["IPAddress"] == "172.27.112.96"
    template = "{{ .NetworkSettings.Networks.nat.IPAddress }}"
    assert lab.docker(f'inspect --format "{template}" box').out == "172.27.112.96\n"


def test_a_container_keeps_its_address_over_stop_and_start(lab: EngineLab) -> None:
    lab.docker(f"run -d --name one {PING}")
    lab.docker(f"run -d --name two {PING}")
    address = 'inspect --format "{{.NetworkSettings.Networks.nat.IPAddress}}" two'
    before = lab.docker(address).out

    lab.docker("stop two")
    stopped = lab.docker(address).out
    lab.docker("start two")

    assert stopped == "\n"
    assert lab.docker(address).out == before != "\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param("--ip 10.0.0.4", 125, "no configured subnet contains IP address 10.0.0.4", id="outside"),
        pytest.param("--ip 172.27.112.1", 125, "invalid or reserved. (0x803b002f)", id="gateway"),
        pytest.param("--ip 172.27.112.200", 125, "invalid or reserved. (0x803b002f)", id="in use"),
        pytest.param("-p 8080:80", 125, "The specified port already exists. (0x803b0013)", id="port in use"),
        pytest.param("--name first", 125, 'The container name "/first" is already in use', id="name in use"),
        pytest.param("--restart sometimes", 125, "unknown policy 'sometimes'", id="restart policy"),
        pytest.param("--network lan", 125, "network lan not found", id="network"),
        pytest.param("-v C:\\none:C:\\data", 125, "bind source path does not exist: C:\\none", id="mount"),
        pytest.param("-p 5000:registry", 125, "invalid containerPort", id="port"),
        pytest.param("--cap-add ALL", 125, "Windows does not support --cap-add", id="linux only"),
        pytest.param("--nonsense", 125, "unknown flag: --nonsense", id="flag"),
        pytest.param("--ip dns.lab", 125, 'failed to parse IP: "dns.lab"', id="no address"),
    ],
)
def test_a_run_that_cannot_be_is_refused(lab: EngineLab, arguments: str, code: int, words: str) -> None:
    lab.docker(f"run -d --name first --ip 172.27.112.200 -p 8080:80 {PING}")

    result = lab.docker(f"run -d {arguments} {PING}")

    assert result.code == code
    assert words in result.err


def test_a_program_that_the_image_has_not_is_not_started(lab: EngineLab) -> None:
    result = lab.docker(f"run --name odd {CORE} notepad")

    assert result.code == 127
    assert "The system cannot find the file specified. (0x2)" in result.err


def test_a_running_container_is_removed_by_force_only(lab: EngineLab) -> None:
    lab.docker(f"run -d --name box {PING}")

    gently, firmly = lab.docker("rm box"), lab.docker("rm --force box")

    assert gently.code == 1
    assert 'cannot remove container "box": container is running' in gently.err
    assert (firmly.code, firmly.out) == (0, "box\n")
    assert lab.docker("ps --all --quiet").out == ""


def test_killing_leaves_windows_exit_code_and_the_logs(lab: EngineLab) -> None:
    lab.docker(f"run -d --name box {PING}")

    killed, again = lab.docker("kill box"), lab.docker("kill box")

    assert killed.code == 0
    assert "is not running" in again.err
    assert "Exited (1067)" in lab.docker('ps --all --format "{{.Status}}"').out
    assert "Pinging localhost" in lab.docker("logs box").out


def test_an_image_in_use_is_not_removed(lab: EngineLab) -> None:
    lab.docker(f"run -d --name box {PING}")

    result = lab.docker(f"rmi {CORE}")

    assert result.code == 1
    assert f'conflict: unable to remove repository reference "{CORE}" (must force)' in result.err


def test_untagging_one_of_two_names_keeps_the_image(lab: EngineLab) -> None:
    lab.docker(f"pull {HELLO}")
    lab.docker(f"tag {HELLO} 172.24.194.96:5000/labs/hello-world:nanoserver")

    one = lab.docker("rmi 172.24.194.96:5000/labs/hello-world:nanoserver")
    two = lab.docker(f"rmi {HELLO}")

    assert one.out == "Untagged: 172.24.194.96:5000/labs/hello-world:nanoserver\n"
    assert two.out.count("Deleted: sha256:") == 4
    assert lab.docker("images --quiet").out == ""


@pytest.mark.parametrize(
    ("build", "reference", "words"),
    [
        pytest.param(
            20348,
            "mcr.microsoft.com/windows/servercore:ltsc2025",
            "is incompatible with a 10.0.20348 host",
            id="newer Windows",
        ),
        pytest.param(26100, "mcr.microsoft.com/windows/servercore:ltsc2022", "", id="older Windows"),
        pytest.param(
            20348, "mcr.microsoft.com/windows/servercore:latest", "manifest unknown", id="no latest"
        ),
        pytest.param(20348, "nobody/nothing", "pull access denied for nobody/nothing", id="no repository"),
        pytest.param(20348, "Upper/Case", "must be lowercase", id="no reference"),
    ],
)
def test_images_are_pulled_for_this_windows_only(
    tmp_path: Path, build: int, reference: str, words: str
) -> None:
    lab = EngineLab(tmp_path / "other", build=build).boot()

    result = lab.docker(f"pull {reference}")

    assert result.code == (1 if words else 0)
    assert words in result.err
    lab.host.shut_down()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("container lss", "known here: container ls", id="command"),
        pytest.param('ps --all --format "{{.Nmaes}}"', "known here: Names", id="field"),
        pytest.param("container ls --no-trun", "close: --no-trunc", id="flag"),
        pytest.param("stats", "docker stats is not known on a rehearsal host", id="not modelled"),
    ],
)
def test_what_is_unknown_says_what_came_close(lab: EngineLab, line: str, words: str) -> None:
    lab.docker(f"create {PING}")

    result = lab.docker(line)

    assert result.code != 0
    assert words in result.err


def test_without_an_engine_docker_says_where_it_looked(tmp_path: Path) -> None:
    lab = EngineLab(tmp_path / "down")

    result = lab.docker("ps")

    assert result.code == 1
    assert result.err == (
        "failed to connect to the docker API at npipe:////./pipe/docker_engine; check if the path is correct "
        "and if the daemon is running: open //./pipe/docker_engine: "
        "The system cannot find the file specified.\n"
    )


def test_an_engine_on_tcp_only_is_reached_there_only(tmp_path: Path) -> None:
    lab = EngineLab(tmp_path / "tcp")
    lab.configure('{"hosts": ["tcp://127.0.0.1:2375"]}')
    lab.boot()

    by_pipe, by_tcp = lab.docker("ps"), lab.docker("-H tcp://127.0.0.1:2375 ps")

    assert by_pipe.code == 1
    assert by_tcp.code == 0
    lab.host.shut_down()


def test_networks_are_made_listed_and_removed(lab: EngineLab) -> None:
    made = lab.docker("network create --driver nat --subnet 192.168.77.0/24 lab")
    lab.docker(f"run -d --name box --network lab {PING}")

    busy = lab.docker("network rm lab")
    lab.docker("rm -f box")
    gone = lab.docker("network rm lab")

    assert made.code == 0
    assert "has active endpoints" in busy.err
    assert gone.out == "lab\n"
    assert lab.docker('network ls --format "{{.Name}}"').out == "nat\nnone\n"


def test_a_removed_nat_network_stops_the_start_of_containers(lab: EngineLab) -> None:
    lab.docker(f"run -d --name box {PING}")
    lab.docker("stop box")
    hns.remove_network(lab.host, hns.networks(lab.host)[0]["ID"])

    result = lab.docker("start box")

    assert result.code == 1
    assert "hnsCall failed in Win32: Element not found. (0x490)" in result.err


def test_subnets_differ_from_host_to_host(tmp_path: Path) -> None:
    labs = [EngineLab(tmp_path / str(number), number=number) for number in range(1, 13)]

    subnets = {hns.default_subnet(lab.host.number) for lab in labs}

    assert len(subnets) == len(labs)
    assert "172.24.192.0/20" not in subnets


def test_version_and_info_answer_as_json(lab: EngineLab) -> None:
    version = json.loads(lab.docker('version --format "{{json .}}"').out)
    information = json.loads(lab.docker('info --format "{{json .}}"').out)

    assert version["Server"]["Version"] == information["ServerVersion"]
    assert version["Server"]["Os"] == "windows"
    assert information["OSVersion"] == "10.0.20348"
    assert information["DockerRootDir"] == "C:\\ProgramData\\docker"


def test_a_full_disk_stops_a_pull(lab: EngineLab, tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('{"disk-full": []}')

    result = lab.docker(f"pull {HELLO}")

    assert result.code == 1
    assert "There is not enough space on the disk." in result.err


def test_a_container_is_renamed_and_keeps_everything_else(lab: EngineLab) -> None:
    made = lab.docker(f"run -d --name old {PING}").out.strip()

    assert lab.docker("container rename old new").code == 0

    assert lab.docker("container inspect --format {{.Id}} new").out.strip() == made
    assert lab.docker("container inspect old").code == 1


def test_a_name_that_is_taken_is_not_given_again(lab: EngineLab) -> None:
    lab.docker(f"create --name one {PING}")
    lab.docker(f"create --name two {PING}")

    taken = lab.docker("rename one two")
    same = lab.docker("rename one one")

    assert taken.code == 1
    assert taken.err.startswith(
        "failed to rename container: Error response from daemon: Error when allocating new name: Conflict."
    )
    assert "same name as its current name" in same.err


def test_windows_updates_the_restart_policy_and_nothing_else(lab: EngineLab) -> None:
    lab.docker(f"run -d --name box --restart always {PING}")
    shown = "container inspect --format {{.HostConfig.RestartPolicy.Name}} box"

    assert lab.docker("container update --restart no box").out == "box\n"

    assert lab.docker(shown).out == "no\n"
    memory = lab.docker("container update --memory 1g box")
    assert "resource updating isn't supported on Windows" in memory.err
    assert "unknown policy 'never'" in lab.docker("update --restart never box").err
    assert "you must provide one or more flags" in lab.docker("update box").err
