"""The lab, end to end: pyinfra as a user runs it, against three rehearsal hosts."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.stage import Result, Stage, own_prefix

PINNED = "172.24.194.96"
IMAGE = f"{PINNED}:5000/labs/hello-world:nanoserver"
DAEMON_JSON = "ProgramData/docker/config/daemon.json"
PROGRAM = r'"C:\Program Files\docker\dockerd.exe" --run-service'


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("lab")
    stage = Stage(directory, own_prefix(directory), hosts=3)
    stage.up()
    yield stage
    stage.down()


@pytest.fixture(scope="module")
def lab(stage: Stage) -> Path:
    """The inventory of the lab, with the group data that the project ships."""
    return stage.inventory("lab")


@pytest.fixture(scope="module")
def first(stage: Stage, lab: Path) -> Result:
    """The first rollout, on bare hosts."""
    return stage.roll_out(lab)


@pytest.fixture
def proven(stage: Stage, first: Result) -> Stage:
    """The stage after a rollout that went well."""
    assert first.code == 0, first.text
    return stage


def unchanged(result: Result) -> bool:
    operations = json.loads(result.output)["results"]["operations"]
    return all(not operation["success"] and not operation["error"] for operation in operations)


def get(stage: Stage, number: int, path: str) -> object:
    connection = http.client.HTTPConnection(stage.address(number), 5000, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def skopeo(*arguments: str) -> None:
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def write_image(directory: Path) -> Path:
    """Write an image of one layer as an OCI layout."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    oci = "application/vnd.oci.image"
    layer = blob(gzip.compress(packed.getvalue()), f"{oci}.layer.v1.tar+gzip")
    diff = f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [diff]}
    config = blob(
        json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(),
        f"{oci}.config.v1+json",
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": config,
        "layers": [layer],
    }
    described = blob(json.dumps(manifest).encode(), f"{oci}.manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return directory


def digest_in(layout: Path) -> str:
    return str(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])


def inspect(stage: Stage, number: int, what: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(stage.do(number, f"docker {what} inspect {name}"))
    return found[0]


def service_line(stage: Stage, number: int) -> str:
    key = "'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\docker'"
    return stage.do(number, f"Get-ItemPropertyValue -LiteralPath {key} -Name 'ImagePath'")


def test_bare_hosts_become_proven_registries(stage: Stage, first: Result) -> None:
    assert first.code == 0, first.text

    for host in stage.outcome().values():
        assert (host["status"], host["failure"]) == ("changed", None)
        assert host["proof"].startswith("sha256:")
        assert host["registry"] == [f"{PINNED}:5000", f"{host['name']}:5000"]


def test_the_summary_tells_each_host_in_a_line(proven: Stage, first: Result) -> None:
    for number in (1, 2, 3):
        line = next(
            line
            for line in first.text.splitlines()
            if re.match(rf" +{proven.address(number)} +changed", line)
        )
        assert "Windows Server 2022" in line
        assert f"{PINNED}:5000" in line
    assert "3 hosts: 3 changed" in first.text


def test_the_registry_is_reached_from_outside(proven: Stage) -> None:
    for number in (1, 2, 3):
        assert get(proven, number, "/v2/labs/hello-world/tags/list") == {
            "name": "labs/hello-world",
            "tags": ["nanoserver"],
        }


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_an_image_goes_in_from_outside_and_comes_back_the_same(proven: Stage, tmp_path: Path) -> None:
    there = f"docker://{proven.address(1)}:5000/outside/image:1"
    image = write_image(tmp_path / "image")

    skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", f"oci:{image}:1", there)
    skopeo("copy", "--src-tls-verify=false", there, f"oci:{tmp_path / 'back'}:1")

    assert (tmp_path / "back" / "index.json").exists()
    assert digest_in(tmp_path / "back") == digest_in(image)


def test_the_data_lies_where_the_lab_shows_it(proven: Stage) -> None:
    registry = proven.drive(1) / "registry-data" / "docker" / "registry" / "v2"

    assert (registry / "blobs" / "sha256").is_dir()
    assert (
        registry / "repositories" / "labs" / "hello-world" / "_manifests" / "tags" / "nanoserver"
    ).is_dir()


def test_the_container_has_the_pinned_address(proven: Stage) -> None:
    container = inspect(proven, 2, "container", "registry")

    assert container["NetworkSettings"]["Networks"]["nat"]["IPAddress"] == PINNED
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_a_second_run_changes_nothing(proven: Stage, lab: Path) -> None:
    with proven.watched() as changes:
        again = proven.roll_out(lab, "--json")

    assert again.code == 0, again.text
    assert unchanged(again)
    assert changes == {1: [], 2: [], 3: []}
    assert {host["status"] for host in proven.outcome().values()} == {"unchanged"}


def test_a_dry_run_shows_the_difference_and_changes_nothing(proven: Stage) -> None:
    wanted = proven.inventory("debugging", lab={"engine": {"options": {"debug": True}}})
    before = (proven.drive(1) / DAEMON_JSON).read_text()

    with proven.watched() as changes:
        dry = proven.pyinfra(wanted, "deploy.py", "--dry")

    assert dry.code == 0, dry.text
    assert '+  "debug": true' in dry.text
    assert "reload: no container stops" in dry.text
    assert (proven.drive(1) / DAEMON_JSON).read_text() == before
    assert changes == {1: [], 2: [], 3: []}


def break_daemon_json(stage: Stage, number: int) -> None:
    path = stage.drive(number) / DAEMON_JSON
    path.write_text(path.read_text().replace('"tcp://0.0.0.0:2375"', '"tcp://0.0.0.0:2376"'))


def restart_with_old_options(stage: Stage, number: int) -> None:
    path = stage.drive(number) / DAEMON_JSON
    wanted = path.read_text()
    path.write_text('{"debug": true}')
    stage.do(number, "Restart-Service -Name docker -Force")
    path.write_text(wanted)


def wrong_address(stage: Stage, number: int) -> None:
    image = inspect(stage, number, "container", "registry")["Config"]["Image"]
    run = (
        f"docker run -d -p 5000:5000 --name registry -v C:\\registry-data:C:\\data --ip 172.24.194.97 {image}"
    )
    stage.do(number, "docker rm --force registry", run)


def remove_image(stage: Stage, number: int) -> None:
    image = inspect(stage, number, "container", "registry")["Config"]["Image"]
    stage.do(number, f"docker image rm --force {image}")


def remove_directory(stage: Stage, number: int) -> None:
    shutil.rmtree(stage.drive(number) / "registry-data")


DRIFTS: list[Any] = [
    pytest.param(break_daemon_json, {"engine"}, id="edited daemon.json"),
    pytest.param(
        lambda stage, n: (stage.drive(n) / DAEMON_JSON).unlink(), {"engine"}, id="removed daemon.json"
    ),
    pytest.param(restart_with_old_options, {"engine"}, id="engine restarted with old options"),
    pytest.param(
        lambda stage, n: stage.do(n, "Stop-Service -Name docker -Force"), {"engine"}, id="stopped service"
    ),
    pytest.param(
        lambda stage, n: stage.do(n, "docker rm --force registry"), {"registry"}, id="removed container"
    ),
    pytest.param(
        lambda stage, n: stage.do(n, "docker container stop registry"), {"registry"}, id="stopped container"
    ),
    pytest.param(wrong_address, {"registry", "tidying"}, id="wrong address"),
    pytest.param(
        lambda stage, n: stage.do(n, "Remove-NetFirewallRule -Name registry-lab-5000"),
        {"firewall"},
        id="removed firewall rule",
    ),
    pytest.param(remove_image, {"image"}, id="removed image"),
    pytest.param(remove_directory, {"data directory", "proof"}, id="deleted directory"),
]


@pytest.mark.parametrize(("drift", "repaired"), DRIFTS)
def test_a_run_repairs_what_is_broken_and_only_that(
    proven: Stage, lab: Path, drift: Callable[[Stage, int], object], repaired: set[str]
) -> None:
    drift(proven, 2)

    with proven.watched(1, 3) as elsewhere:
        result = proven.roll_out(lab)

    assert result.code == 0, result.text
    outcome = proven.outcome()
    assert {done["operation"] for done in outcome[proven.address(2)]["done"]} == repaired
    assert elsewhere == {1: [], 3: []}
    assert get(proven, 2, "/v2/_catalog") == {"repositories": ["labs/hello-world"]}


def test_a_new_version_replaces_the_image_and_keeps_address_and_data(proven: Stage) -> None:
    before = inspect(proven, 1, "container", "registry")
    module = proven.project / "registry_app" / "__init__.py"
    old = module.read_text()
    module.write_text(re.sub(r'__version__ = "[^"]+"', '__version__ = "99.0.0"', old))

    result = proven.roll_out(proven.inventory("newer", [1]))

    module.write_text(old)
    assert result.code == 0, result.text
    after = inspect(proven, 1, "container", "registry")
    assert after["Config"]["Image"] != before["Config"]["Image"]
    assert after["NetworkSettings"]["Networks"]["nat"]["IPAddress"] == PINNED
    tags = get(proven, 1, "/v2/labs/hello-world/tags/list")
    assert tags == {"name": "labs/hello-world", "tags": ["nanoserver"]}
    assert {done["operation"] for done in proven.outcome()[proven.address(1)]["done"]} == {
        "image",
        "registry",
        "tidying",
    }


def test_service_options_give_the_command_line_of_the_lab_and_go_away_again(proven: Stage) -> None:
    options = {"group": "docker", "hosts": ["npipe://", "0.0.0.0:2375"]}
    delivered = {"delivery": "service-options", "options": options}
    lines = proven.inventory("lines", [3], lab={"engine": delivered})

    there = proven.roll_out(lines)
    line = service_line(proven, 3)
    again = proven.roll_out(lines, "--json")
    back = proven.roll_out(proven.inventory("file", [3]))

    assert there.code == 0, there.text
    assert line == f"{PROGRAM} -G docker -H npipe:// -H 0.0.0.0:2375 --insecure-registry {PINNED}:5000"
    assert unchanged(again), again.text
    assert back.code == 0, back.text
    assert service_line(proven, 3) == PROGRAM
    content = json.loads((proven.drive(3) / DAEMON_JSON).read_text())
    assert content["insecure-registries"] == [f"{PINNED}:5000"]


def test_hosts_that_cannot_be_helped_stop_no_other(proven: Stage) -> None:
    away = f"{proven.prefix}.9"
    hosts: dict[str, dict[str, Any]] = {
        proven.name(1): {},
        proven.name(2): {},
        proven.name(3): {"psrp_password": "wrong"},
        f"@psrp/{away}": {},
    }
    # The engine of host 2 must restart for this, and does not come up.
    hosts[proven.name(2)] = {"lab": {"engine": {"options": {"log-level": "debug"}}}}
    proven.do(1, "docker rm --force registry")
    proven.fault(2, "engine-refuses-start")

    result = proven.roll_out(proven.inventory("trouble", hosts))

    proven.fault(2, "clear")
    outcome = proven.outcome()
    assert result.code != 0
    assert outcome[proven.address(1)]["status"] == "changed"
    assert outcome[proven.address(2)]["status"] == "failed"
    assert outcome[proven.address(2)]["failure"]["operation"] == "engine"
    assert outcome[proven.address(3)]["status"] == "unreachable"
    assert outcome[away]["status"] == "unreachable"
    assert (
        f"{proven.address(3)}:5985 refused the logon of Administrator (ntlm): check psrp_user" in result.text
    )
    assert f"{away}:5985 cannot be reached: connection refused: is it up" in result.text


def test_after_the_trouble_the_next_run_heals_the_rest(proven: Stage, lab: Path) -> None:
    result = proven.roll_out(lab)

    assert result.code == 0, result.text
    assert inspect(proven, 2, "container", "registry")["State"]["Running"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            {"registry": {"ip": "10.0.0.5"}}, "registry.ip: 10.0.0.5 is not in", id="outside the subnet"
        ),
        pytest.param(
            {"registry": {"ip": "172.24.192.1"}}, "registry.ip: 172.24.192.1 is the gateway", id="gateway"
        ),
        pytest.param(
            {"engine": {"options": {"insecure-registrys": []}}},
            "engine.options.insecure-registrys",
            id="unknown key",
        ),
        pytest.param(
            {"engine": {"data_root": "D:\\a", "options": {"data-root": "D:\\b"}}},
            "engine.data_root: is also given as options.data-root",
            id="conflicting options",
        ),
        pytest.param(
            {"windows_build": 20348, "image": {"base": "python:3.13-windowsservercore-ltsc2025"}},
            "image.base: python:3.13-windowsservercore-ltsc2025 needs build 26100",
            id="image for another build",
        ),
    ],
)
def test_settings_that_cannot_work_touch_no_host(proven: Stage, data: dict[str, Any], message: str) -> None:
    with proven.watched() as changes:
        result = proven.roll_out(proven.inventory("wrong", lab=data))

    assert result.code != 0
    for number in (1, 2, 3):
        assert f"{proven.address(number)}: {message}" in result.text
    assert changes == {1: [], 2: [], 3: []}


def test_no_password_is_ever_shown(proven: Stage, lab: Path) -> None:
    """Neither the account's, nor a proxy's, nor one in a variable of the container, however talkative."""
    secrets = ["Stage-1!", "Proxy-s3cret", "Variable-s3cret", "of two words"]
    wanted = proven.inventory(
        "secretive",
        [1],
        lab={
            "engine": {"options": {"proxies": {"http-proxy": "http://me:Proxy-s3cret@10.20.0.9:3128"}}},
            "registry": {"environment": {"REGISTRY_HTTP_SECRET": "Variable-s3cret of two words"}},
        },
    )

    said = [
        proven.pyinfra(wanted, "deploy.py", "--dry", "-vvv", "--debug-all"),
        *(proven.pyinfra(wanted, "deploy.py", "-y", "-vvv", "--debug-all") for _ in range(2)),
        proven.pyinfra(lab, "deploy.py", "-y", "-vvv", "--debug-all"),
    ]

    written = [
        path.read_text() for path in [*proven.project.glob("*.log"), *proven.project.glob("reports/*")]
    ]
    assert [each.code for each in said] == [0, 0, 0, 0], said
    assert "--env 'REGISTRY_HTTP_SECRET=…'" in said[1].text
    assert [secret for secret in secrets for text in written if secret in text] == []
    assert [secret for secret in secrets for each in said if secret in each.text] == []
