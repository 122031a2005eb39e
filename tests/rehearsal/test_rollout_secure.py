"""The lab's parts 3 and 4 by settings alone: TLS from the lab's authority, trust, users, rules, log-ins.

The hosts begin with the lab's part 2, an insecure registry, and become secure from there, as in the lab.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from deploy.certificates.names import Names
from deploy.connector_errors import HostError
from tests.rehearsal.stage import PASSWORD, Result, Stage, own_prefix

NAME = "registry.class.lan"
PINNED = "172.24.194.96"
PASSWORDS = {"tess": "Tess-s3cret!", "sam": "Sam-s3cret!"}
HOSTS_FILE = "Windows/System32/drivers/etc/hosts"
MANIFEST = "/v2/labs/hello-world/manifests/nanoserver"
ENVIRONMENT = {"LAB_TESS": PASSWORDS["tess"]}


def tls(stage: Stage) -> dict[str, Any]:
    """Part 3: a certificate of the lab's own authority, and a name."""
    return {
        "registry": {"tls": "lab-ca", "dns_name": NAME},
        "authority": {"directory": str(stage.directory / "operator")},
        "trust": {"root_store": True},
    }


def users(stage: Stage) -> dict[str, Any]:
    """Part 4: users and rules, and the host's own account logged in as a teacher."""
    wanted = tls(stage)
    wanted["registry"] |= {
        "users": {"tess": {"env": "LAB_TESS"}, "sam": {"file": str(stage.directory / "sam.secret")}},
        "rules": {
            "groups": {"teachers": ["tess"]},
            "rules": [
                {"who": ["@anonymous"], "may": ["pull"], "repositories": ["labs/**"]},
                {"who": ["@teachers"], "may": ["pull", "push", "delete"], "repositories": ["**"]},
                {"who": ["@users"], "may": ["pull", "push"], "repositories": ["students/{user}/**"]},
            ],
        },
        "audit_directory": r"C:\registry-audit",
    }
    wanted["trust"] |= {"logins": [{"user": "tess"}]}
    return wanted


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("secure")
    stage = Stage(directory, own_prefix(directory), hosts=2)
    secret = directory / "sam.secret"
    secret.write_text(f"{PASSWORDS['sam']}\n")
    secret.chmod(0o600)
    stage.up()
    yield stage
    stage.down()


@pytest.fixture(scope="module")
def part_2(stage: Stage) -> Result:
    return stage.roll_out(stage.inventory("insecure"))


@pytest.fixture(scope="module")
def part_3(stage: Stage, part_2: Result) -> Result:
    assert part_2.code == 0, part_2.text
    with stage.watched() as changes:
        result = stage.roll_out(stage.inventory("tls", lab=tls(stage)))
    result_changes[3] = changes
    return result


@pytest.fixture(scope="module")
def part_4(stage: Stage, part_3: Result) -> Result:
    assert part_3.code == 0, part_3.text
    return stage.roll_out(stage.inventory("users", lab=users(stage)), environment=ENVIRONMENT)


result_changes: dict[int, Mapping[int, list[str]]] = {}


@pytest.fixture
def secure(stage: Stage, part_3: Result) -> Stage:
    """The stage after part 3."""
    assert part_3.code == 0, part_3.text
    return stage


@pytest.fixture
def closed(stage: Stage, part_4: Result) -> Stage:
    """The stage after part 4."""
    assert part_4.code == 0, part_4.text
    return stage


def trusting(stage: Stage) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stage.directory / "operator" / "ca.crt"))


def client(stage: Stage, number: int = 1, user: str | None = None) -> httpx.Client:
    """A client outside of the host, that trusts the lab's authority and nothing else."""
    auth = (user, PASSWORDS[user]) if user else None
    return httpx.Client(
        base_url=f"https://{stage.address(number)}:5000", verify=trusting(stage), auth=auth, timeout=30
    )


def shown_certificate(stage: Stage, number: int = 1) -> x509.Certificate:
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate((stage.address(number), 5000), timeout=20).encode()
    )


def test_a_registry_gets_a_certificate_for_all_of_its_names(secure: Stage) -> None:
    for number in (1, 2):
        names = Names.on(shown_certificate(secure, number))

        assert names == Names.of([NAME, PINNED, secure.address(number)])


def test_clients_outside_reach_it_over_tls(secure: Stage) -> None:
    with client(secure) as outside:
        assert outside.get("/v2/").status_code == 200


def test_going_secure_restarts_no_engine_and_takes_the_insecure_entry_away(secure: Stage) -> None:
    for number in (1, 2):
        info = json.loads(secure.do(number, "docker info --format '{{json .}}'"))
        changes = result_changes[3][number]

        assert f"{PINNED}:5000" not in info["RegistryConfig"]["IndexConfigs"]
        assert not [change for change in changes if "service docker" in change and "stop" in change.lower()]


def test_the_engine_pulls_by_address_and_by_name(secure: Stage) -> None:
    for place in (PINNED, NAME):
        assert "Digest: sha256:" in secure.do(1, f"docker pull {place}:5000/labs/hello-world:nanoserver")


def test_the_hosts_file_and_the_root_store_know_it_once(secure: Stage) -> None:
    hosts = (secure.drive(1) / HOSTS_FILE).read_text()
    store = r"Get-ChildItem -Path 'Cert:\LocalMachine\Root'"
    roots = secure.do(1, f"{store} | Select-Object -ExpandProperty 'Subject'")

    assert hosts.count(NAME) == 1
    assert f"{PINNED}\t{NAME}" in hosts
    assert roots.count("registry-lab CA") == 1


def test_the_key_of_the_authority_is_on_no_host(secure: Stage) -> None:
    key = (secure.directory / "operator" / "ca.key").read_bytes()
    lines = [line for line in key.splitlines() if b"-----" not in line]

    for path in (secure.state / "hosts").rglob("*"):
        if path.is_file():
            assert lines[1] not in path.read_bytes()


def test_part_3_again_changes_nothing(secure: Stage) -> None:
    with secure.watched() as changes:
        again = secure.roll_out(secure.inventory("tls", lab=tls(secure)))

    assert again.code == 0, again.text
    assert changes == {1: [], 2: []}


def test_users_come_in_by_the_rules(closed: Stage) -> None:
    with client(closed) as nobody, client(closed, user="sam") as sam, client(closed, user="tess") as tess:
        accept = {"Accept": "*/*"}

        assert nobody.get(MANIFEST, headers=accept).status_code == 200
        assert nobody.post("/v2/labs/hello-world/blobs/uploads/").status_code == 401
        assert sam.post("/v2/labs/hello-world/blobs/uploads/").status_code == 403
        assert sam.post("/v2/students/sam/app/blobs/uploads/").status_code == 202
        assert tess.post("/v2/labs/hello-world/blobs/uploads/").status_code == 202
        assert tess.get("/v2/_catalog").json() == {"repositories": ["labs/hello-world"]}


def test_the_engine_is_logged_in_without_the_credential_store(closed: Stage) -> None:
    path = r"C:\Users\Administrator\.docker\config.json"
    config = json.loads((closed.drive(1) / "Users/Administrator/.docker/config.json").read_text())
    readers = closed.do(1, f"icacls.exe {path}").splitlines()

    login = config["auths"][f"{PINNED}:5000"]["auth"]
    assert base64.b64decode(login).decode() == f"tess:{PASSWORDS['tess']}"
    assert "credsStore" not in config
    assert [line.removeprefix(path).strip() for line in readers[:3]] == [
        "NT AUTHORITY\\SYSTEM:(F)",
        "BUILTIN\\Administrators:(F)",
        "Administrator:(M)",
    ]
    assert "Digest: sha256:" in closed.do(1, f"docker pull {NAME}:5000/labs/hello-world:nanoserver")


def test_the_audit_log_is_on_the_host(closed: Stage) -> None:
    def recorded() -> list[tuple[object, ...]]:
        lines = map(json.loads, (closed.drive(1) / "registry-audit/audit.jsonl").read_text().splitlines())
        return [(line["action"], line["result"], line.get("user"), line.get("repository")) for line in lines]

    with client(closed, user="tess") as tess:
        tess.get("/v2/labs/hello-world/tags/list")

    # Requests do not wait for their lines, which a thread of its own writes.
    wait_until(lambda: ("list", "ok", "tess", "labs/hello-world") in recorded())


def test_part_4_again_changes_nothing(closed: Stage) -> None:
    with closed.watched() as changes:
        again = closed.roll_out(closed.inventory("users", lab=users(closed)), environment=ENVIRONMENT)

    assert again.code == 0, again.text
    assert changes == {1: [], 2: []}


def test_what_is_taken_away_is_missed_by_the_engine_and_put_back_by_a_rollout(closed: Stage) -> None:
    folder = rf"C:\ProgramData\docker\certs.d\{PINNED}5000"
    image = f"{PINNED}:5000/labs/hello-world:nanoserver"
    closed.do(1, f"Remove-Item -LiteralPath '{folder}' -Recurse -Force")

    with pytest.raises(HostError, match="x509: certificate signed by unknown authority"):
        closed.do(1, f"docker pull {image}")
    with closed.watched(1) as changes:
        healed = closed.roll_out(closed.inventory("users", lab=users(closed)), environment=ENVIRONMENT)

    assert healed.code == 0, healed.text
    assert "Digest: sha256:" in closed.do(1, f"docker pull {image}")
    assert not [change for change in changes[1] if "container" in change or "service" in change]


def test_a_host_uses_the_registry_of_another_by_its_name(closed: Stage) -> None:
    """The name leads to the container on its own host, and to the host's address elsewhere."""
    first, second = users(closed), users(closed)
    first["registry"]["dns_name"] = "one.class.lan"
    second["registry"]["dns_name"] = "two.class.lan"
    second["trust"]["registries"] = [{"name": "one.class.lan:5000", "address": closed.address(1)}]
    hosts = {closed.name(1): {"lab": first}, closed.name(2): {"lab": second}}

    result = closed.roll_out(closed.inventory("names", hosts), environment=ENVIRONMENT)

    assert result.code == 0, result.text
    known = [
        line.split("\t")[:2]
        for number in (1, 2)
        for line in (closed.drive(number) / HOSTS_FILE).read_text().splitlines()
        if "registry-lab" in line
    ]
    assert known == [
        [PINNED, "one.class.lan"],
        [closed.address(1), "one.class.lan"],
        [PINNED, "two.class.lan"],
    ]
    pushed = "one.class.lan:5000/students/tess/app:v1"
    closed.do(2, f"docker tag {PINNED}:5000/labs/hello-world:nanoserver {pushed}", f"docker push {pushed}")
    with client(closed, 1, user="tess") as tess, client(closed, 2, user="tess") as elsewhere:
        assert tess.get("/v2/students/tess/app/tags/list").json()["tags"] == ["v1"]
        assert elsewhere.get("/v2/students/tess/app/tags/list").status_code == 404
    back = closed.roll_out(closed.inventory("users", lab=users(closed)), environment=ENVIRONMENT)
    assert back.code == 0, back.text


def test_a_password_is_changed_by_editing_the_inventory(closed: Stage) -> None:
    """The new one holds on the running registry, and the engine's own log-in follows; nothing restarts."""
    before = closed.do(1, "docker container inspect --format '{{.Id}}' registry")
    wanted = closed.inventory("users", lab=users(closed))

    result = closed.roll_out(wanted, environment={"LAB_TESS": "Changed-s3cret!"})

    assert result.code == 0, result.text
    with client(closed) as outside:
        wait_until(lambda: outside.get("/v2/", auth=("tess", "Changed-s3cret!")).status_code == 200)
        assert outside.get("/v2/", auth=("tess", PASSWORDS["tess"])).status_code == 401
        assert outside.get("/v2/", auth=("sam", PASSWORDS["sam"])).status_code == 200
    assert "Digest: sha256:" in closed.do(1, f"docker pull {NAME}:5000/labs/hello-world:nanoserver")
    assert closed.do(1, "docker container inspect --format '{{.Id}}' registry") == before
    again = closed.roll_out(wanted, environment=ENVIRONMENT)
    assert again.code == 0, again.text


def test_a_certificate_is_rotated_by_a_rollout_while_clients_pull(closed: Stage) -> None:
    before = shown_certificate(closed).serial_number
    (closed.directory / "operator" / "servers" / f"{closed.address(1)}-registry" / "server.crt").unlink()
    stop, pulls = threading.Event(), []
    failures: list[httpx.HTTPError] = []

    def pull() -> None:
        with client(closed) as outside:
            while not stop.is_set():
                try:
                    answer = outside.get(MANIFEST, headers={"Accept": "*/*"})
                    pulls.append(answer.raise_for_status().headers["docker-content-digest"])
                except httpx.HTTPError as error:
                    failures.append(error)

    puller = threading.Thread(target=pull)
    puller.start()
    try:
        result = closed.roll_out(closed.inventory("users", lab=users(closed)), environment=ENVIRONMENT)
        wait_until(lambda: shown_certificate(closed).serial_number != before)
    finally:
        stop.set()
        puller.join()

    assert result.code == 0, result.text
    assert "new certificate: there is none" in (closed.project / "reports" / "result.json").read_text()
    assert failures == []
    assert len(set(pulls)) == 1


def test_no_secret_is_anywhere_but_where_it_must_be(closed: Stage) -> None:
    """Runs as talkative as pyinfra can be; then a search of all that the hosts and the operator have."""
    wanted = closed.inventory("users", lab=users(closed))
    talk = [
        closed.pyinfra(wanted, *options, environment=ENVIRONMENT)
        for options in (
            ["deploy.py", "--dry", "-vvv", "--debug", "--debug-operations"],
            ["deploy.py", "-y", "-vvv", "--debug", "--debug-facts"],
            ["debug-inventory"],
        )
    ]
    secrets = secrets_of(closed)

    found = {
        (name, str(path.relative_to(closed.directory)))
        for path in closed.directory.rglob("*")
        if path.is_file() and not path.is_symlink()
        for name, secret in secrets.items()
        if secret in path.read_bytes()
    }

    assert [said.code for said in talk] == [0, 0, 0], talk
    assert [name for name, secret in secrets.items() for said in talk if secret in said.text.encode()] == []
    assert found == {
        ("password of sam", "sam.secret"),
        ("key of the authority", "operator/ca.key"),
        *(place for number in (1, 2) for place in proper_places(closed, number)),
    }


def secrets_of(stage: Stage) -> dict[str, bytes]:
    """Everything that is secret in these runs, by what it is."""
    secrets = {f"password of {user}": text.encode() for user, text in PASSWORDS.items()}
    for user, text in PASSWORDS.items():
        secrets[f"log-in of {user}"] = base64.b64encode(f"{user}:{text}".encode())
    operator = stage.directory / "operator"
    secrets["key of the authority"] = inside(operator / "ca.key")
    for number in (1, 2):
        folder = operator / "servers" / f"{stage.address(number)}-registry"
        secrets[f"key of server {number}"] = inside(folder / "server.key")
    # Equal passwords have one hash on all registries: it is worked out once a run.
    for line in (folder / "htpasswd").read_text().splitlines():
        secrets[f"hash of {line.partition(':')[0]}"] = line.partition(":")[2].encode()
    return secrets


def proper_places(stage: Stage, number: int) -> Iterator[tuple[str, str]]:
    """Where a host's secrets are, on the host and at the operator's."""
    host = f"state/hosts/{stage.address(number)}/C"
    kept = f"operator/servers/{stage.address(number)}-registry"
    yield "log-in of tess", f"{host}/Users/Administrator/.docker/config.json"
    yield f"key of server {number}", f"{host}/ProgramData/registry-lab/certs/registry.key"
    yield f"key of server {number}", f"{kept}/server.key"
    for user in PASSWORDS:
        yield f"hash of {user}", f"{host}/ProgramData/registry-lab/auth/htpasswd"
        yield f"hash of {user}", f"{kept}/htpasswd"


def inside(path: Path) -> bytes:
    """The second line of a PEM file: enough to know it again."""
    return path.read_bytes().splitlines()[1]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_example_is_complete_but_for_the_passwords(closed: Stage) -> None:
    environment = {
        "LAB_PREFIX": closed.prefix,
        "LAB_STATE": str(closed.state),
        "LAB_HOSTS": str(closed.hosts),
        "REHEARSAL_PASSWORD": PASSWORD,
        "HOME": str(closed.directory / "home"),
        "LAB_STUDENT": "St-s3cret!",
    }
    command = ("inventories/secure.py", "deploy.py", "--dry")

    without = closed.pyinfra(*command, environment=environment)
    complete = closed.pyinfra(*command, environment=environment | {"LAB_TEACHER": "Te-s3cret!"})

    assert without.code != 0, without.text
    assert "registry.users.teacher: the environment variable LAB_TEACHER is not set" in without.text
    assert complete.code == 0, complete.text
    assert r"C:\ProgramData\registry-lab\auth\rules.toml" in complete.text
