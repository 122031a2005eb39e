"""Real clients, a registry with users, TLS from the lab's own authority: what works, and what is refused.

The engine trusts nothing but the authority's file in its ``certs.d``, as the provisioner puts it on hosts.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.certificates.keeper import Keeper
from deploy.certificates.names import Names
from deploy.users import render_htpasswd
from tests.engine.island import ADDRESS, NAME, OTHER_ADDRESS, Island, island, missing, stop
from tests.registry.auth_lab import RULES

PORT = 5000
REGISTRY = f"{NAME}:{PORT}"
PASSWORDS = {"tess": "teach me well", "sam": "sam's secret"}
DENIED = "denied: requested access to the resource is denied"
"""What Docker says at a push, both of 401 and of 403."""

WRONG = ("unknown user or wrong password", "invalid username/password", "401 unauthorized")
"""What clients say of a wrong password: our words, podman's, and those of crane, which sees the status."""

NO_CREDENTIALS = ("unauthorized", "denied", "authentication required", "credential not found")

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"

unable = missing("docker", "dockerd", "ctr", "skopeo", "podman", "buildah")
pytestmark = [
    pytest.mark.skipif(unable is not None, reason=str(unable)),
    pytest.mark.timeout(600),
]


@dataclass
class Lab:
    """A registry and an engine on an island."""

    island: Island
    folder: Path
    challenge: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def authority(self) -> Path:
        return self.folder / "ca" / "ca.crt"

    def renew(self) -> None:
        """Issue a new certificate and put it where the registry finds it, key and all."""
        shutil.rmtree(self.folder / "ca" / "servers", ignore_errors=True)
        files = Keeper(self.folder / "ca").server("registry", Names.of([NAME, ADDRESS]), datetime.now(UTC))
        for name, content in (("tls.crt", files.certificate), ("tls.key", files.key)):
            (self.folder / f"{name}.part").write_bytes(content)
            (self.folder / f"{name}.part").replace(self.folder / name)

    def serve(self, rules: bool) -> None:
        """Start the registry."""
        (self.folder / "htpasswd").write_text(render_htpasswd(PASSWORDS))
        (self.folder / "rules.toml").write_text(RULES)
        settings = {
            "REGISTRY_HTTP_ADDR": f":{PORT}",
            "REGISTRY_HTTP_TLS_CERTIFICATE": str(self.folder / "tls.crt"),
            "REGISTRY_HTTP_TLS_KEY": str(self.folder / "tls.key"),
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(self.folder / "data"),
            "REGISTRY_AUTH_HTPASSWD_PATH": str(self.folder / "htpasswd"),
            "REGISTRY_AUDIT_PATH": str(self.folder / "audit.jsonl"),
        } | ({"REGISTRY_AUTH_RULES_PATH": str(self.folder / "rules.toml")} if rules else {})
        command = (sys.executable, "-m", "registry_app", "serve")
        log = self.folder / "registry.log"
        self.processes.append(self.island.start(*command, output=log, env=settings))
        self.wait(lambda: "listening on" in log.read_text(), log)

    def start_engine(self) -> None:
        """Start a dockerd that shares nothing with one that may run on this machine."""
        place, log = self.folder / "engine", self.folder / "dockerd.log"
        place.mkdir()
        self.processes.append(
            self.island.start(
                "dockerd",
                f"--data-root={place / 'data'}",
                f"--exec-root={place / 'exec'}",
                f"--host=unix://{self.socket}",
                f"--pidfile={place / 'docker.pid'}",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--storage-driver=vfs",
                output=log,
            )
        )
        self.wait(lambda: self.socket.exists() and self.docker("version").returncode == 0, log)

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    def docker(
        self, *arguments: str, config: str = "docker-config", stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker client; each ``config`` is an account of its own."""
        environment = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.folder / config)}
        return self.island.run("docker", *arguments, env=environment, stdin=stdin)

    def trust(self, registry: str = REGISTRY) -> None:
        """Put the authority where an engine looks for it."""
        (self.island.certs / registry).mkdir(parents=True, exist_ok=True)
        shutil.copy(self.authority, self.island.certs / registry / "ca.crt")

    def distrust(self, registry: str = REGISTRY) -> None:
        shutil.rmtree(self.island.certs / registry)

    def login(
        self, user: str, password: str | None = None, config: str = "docker-config", registry: str = REGISTRY
    ) -> subprocess.CompletedProcess[str]:
        secret = PASSWORDS[user] if password is None else password
        return self.docker("login", "-u", user, "--password-stdin", registry, config=config, stdin=secret)

    def wait(self, condition: Callable[[], object], log: Path) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@contextmanager
def running_lab(folder: Path, challenge: str) -> Iterator[Lab]:
    with island(folder / "island") as place:
        lab = Lab(place, folder, challenge)
        try:
            lab.renew()
            lab.serve(rules=challenge == "bearer")
            lab.start_engine()
            image = lab.docker("import", str(_root_file_system(folder)), "hello:local")
            assert image.returncode == 0, image.stdout
            yield lab
        finally:
            stop(lab.processes)


def _root_file_system(folder: Path) -> Path:
    path = folder / "rootfs.tar"
    with tarfile.open(path, "w") as archive:
        content = os.urandom(1 << 20)
        entry = tarfile.TarInfo("hello")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(scope="module", params=["basic", "bearer"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """With users alone (clients are asked for Basic), and with rules (they are sent for a token)."""
    with running_lab(tmp_path_factory.mktemp("lab"), challenge=request.param) as lab:
        lab.trust()
        lab.trust(f"{OTHER_ADDRESS}:{PORT}")
        pushed = push(lab, "labs/hello", "setup")
        assert pushed.returncode == 0, pushed.stdout
        yield lab


def push(lab: Lab, repository: str, config: str, user: str = "tess") -> subprocess.CompletedProcess[str]:
    """Log in and push the image."""
    image = f"{REGISTRY}/{repository}:v1"
    assert lab.docker("tag", "hello:local", image).returncode == 0
    logged_in = lab.login(user, config=config)
    assert logged_in.returncode == 0, logged_in.stdout
    return lab.docker("push", image, config=config)


@pytest.mark.client("docker", "tls")
def test_docker_logs_in_pushes_and_pulls_trusting_the_authoritys_file_alone(lab: Lab) -> None:
    image = f"{REGISTRY}/students/sam/app:v1"

    pushed = push(lab, "students/sam/app", "sam", user="sam")
    lab.docker("rmi", image)
    pulled = lab.docker("pull", image, config="sam")

    assert pushed.returncode == 0, pushed.stdout
    assert pulled.returncode == 0, pulled.stdout
    digest = pushed.stdout.rpartition("digest: ")[2].split()[0]
    assert f"Digest: {digest}" in pulled.stdout


def test_docker_is_refused_a_wrong_password(lab: Lab) -> None:
    refused = lab.login("sam", "wrong", config="wrong")

    assert refused.returncode != 0
    expected = {
        "basic": f"login attempt to https://{REGISTRY}/v2/ failed with status: 401 Unauthorized",
        "bearer": "unauthorized: unknown user or wrong password",
    }[lab.challenge]
    assert refused.stdout.strip().endswith(expected)
    assert not (lab.folder / "wrong" / "config.json").exists()


def test_docker_is_refused_without_credentials(lab: Lab) -> None:
    image = f"{REGISTRY}/students/sam/app:v1"
    lab.docker("tag", "hello:local", image)

    pushed = lab.docker("push", image, config="nobody")
    pulled = lab.docker("pull", image, config="nobody")

    expected = {
        "basic": ("no basic auth credentials", "no basic auth credentials"),
        "bearer": (DENIED, f"may require 'docker login': {DENIED}"),
    }[lab.challenge]
    assert (pushed.returncode, pulled.returncode) == (1, 1)
    assert expected[0] in pushed.stdout
    assert expected[1] in pulled.stdout


def test_docker_is_refused_an_untrusted_certificate(lab: Lab) -> None:
    lab.distrust()
    try:
        logged_in = lab.login("sam", config="untrusted")
        pulled = lab.docker("pull", f"{REGISTRY}/labs/hello:v1", config="setup")
    finally:
        lab.trust()

    assert (logged_in.returncode, pulled.returncode) == (1, 1)
    for answer in (logged_in, pulled):
        assert "x509: certificate signed by unknown authority" in answer.stdout


def test_docker_is_refused_at_an_address_that_the_certificate_does_not_name(lab: Lab) -> None:
    refused = lab.login("sam", config="mismatch", registry=f"{OTHER_ADDRESS}:{PORT}")

    assert refused.returncode == 1
    assert f"x509: certificate is valid for {ADDRESS}, not {OTHER_ADDRESS}" in refused.stdout


@pytest.mark.parametrize("lab", ["bearer"], indirect=True)
def test_docker_pulls_without_a_log_in_what_everybody_may_pull(lab: Lab) -> None:
    image = f"{REGISTRY}/labs/hello:v1"
    lab.docker("rmi", image)

    pulled = lab.docker("pull", image, config="nobody")
    pushed = lab.docker("push", image, config="nobody")

    assert pulled.returncode == 0, pulled.stdout
    assert pushed.returncode == 1
    assert DENIED in pushed.stdout


@pytest.mark.parametrize("lab", ["bearer"], indirect=True)
def test_docker_is_denied_what_the_rules_do_not_allow(lab: Lab) -> None:
    pushed = push(lab, "students/sue/app", "sam-elsewhere", user="sam")

    assert pushed.returncode == 1
    assert pushed.stdout.strip().endswith(DENIED)
    assert "Retrying" not in pushed.stdout


@dataclass(frozen=True)
class Client:
    """How a client program prepares an image, logs in, pushes and pulls.

    In its arguments AUTH is its file of log-ins, CERTS the directory with the authority it trusts, PLACE a
    directory of its own; and USER, REGISTRY, IMAGE, ARCHIVE (an image as docker saves it) and ROOTFS.
    """

    program: str
    login: str
    push: str
    pull: str
    prepare: str = "true"

    def run(self, step: str, lab: Lab, place: Path, **values: str) -> subprocess.CompletedProcess[str]:
        """Run one step; ``values`` replace what the arguments name, ``stdin`` is the password."""
        stdin = values.pop("stdin", "")
        program = str(TOOLS / self.program) if (TOOLS / self.program).exists() else self.program
        text = getattr(self, step).replace(self.program, program, 1) if step != "prepare" else self.prepare
        names = {
            "AUTH": str(place / "auth.json"),
            "CERTS": str(place / "certs"),
            "PLACE": str(place),
            "REGISTRY": REGISTRY,
            "ARCHIVE": str(lab.folder / "hello.tar"),
            "ROOTFS": str(lab.folder / "rootfs.tar"),
            "IMAGE": f"{REGISTRY}/students/sam/{self.program}:v1",
        } | values
        arguments = [_replaced(part, names) for part in text.split()]
        environment = {
            "DOCKER_CONFIG": str(place),
            "SSL_CERT_FILE": str(place / "certs" / "ca.crt"),
            "HOME": str(place),
            "XDG_RUNTIME_DIR": str(place),
        }
        return lab.island.run(*arguments, env=environment, stdin=stdin)


def _replaced(text: str, names: dict[str, str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text


_PODMAN = "podman --root=PLACE/root --runroot=PLACE/run --storage-driver=vfs --cgroup-manager=cgroupfs"
_BUILDAH = "buildah --root=PLACE/root --runroot=PLACE/run --storage-driver=vfs"
_ORAS = "--registry-config=AUTH --ca-file=CERTS/ca.crt"
CLIENTS = [
    Client(
        "skopeo",
        login="skopeo login --authfile=AUTH --cert-dir=CERTS --username=USER --password-stdin REGISTRY",
        push="skopeo copy --insecure-policy --authfile=AUTH --dest-cert-dir=CERTS docker-archive:ARCHIVE docker://IMAGE",
        pull="skopeo copy --insecure-policy --authfile=AUTH --src-cert-dir=CERTS docker://IMAGE dir:PLACE/i",
    ),
    Client(
        "podman",
        prepare=f"{_PODMAN} import ROOTFS localhost/hello:local",
        login=f"{_PODMAN} login --authfile=AUTH --cert-dir=CERTS --username=USER --password-stdin REGISTRY",
        push=f"{_PODMAN} push --authfile=AUTH --cert-dir=CERTS localhost/hello:local docker://IMAGE",
        pull=f"{_PODMAN} pull --authfile=AUTH --cert-dir=CERTS docker://IMAGE",
    ),
    Client(
        "buildah",
        prepare=f"{_BUILDAH} pull --authfile=AUTH docker-archive:ARCHIVE",
        login=f"{_BUILDAH} login --authfile=AUTH --cert-dir=CERTS --username=USER --password-stdin REGISTRY",
        push=f"{_BUILDAH} push --authfile=AUTH --cert-dir=CERTS localhost/hello:local docker://IMAGE",
        pull=f"{_BUILDAH} pull --authfile=AUTH --cert-dir=CERTS docker://IMAGE",
    ),
    Client(
        "crane",
        login="crane auth login --username=USER --password-stdin REGISTRY",
        push="crane push ARCHIVE IMAGE",
        pull="crane pull IMAGE PLACE/image.tar",
    ),
    Client(
        "oras",
        login=f"oras login {_ORAS} --username=USER --password-stdin REGISTRY",
        push=f"oras push {_ORAS} --disable-path-validation IMAGE ROOTFS",
        pull=f"oras pull {_ORAS} --output=PLACE/image --allow-path-traversal IMAGE",
    ),
]


@pytest.fixture(
    params=[
        pytest.param(client, id=client.program, marks=pytest.mark.client(client.program, "tls"))
        for client in CLIENTS
    ]
)
def client(request: pytest.FixtureRequest, lab: Lab) -> Client:
    chosen: Client = request.param
    if shutil.which(chosen.program) is None and not (TOOLS / chosen.program).exists():
        pytest.skip(f"not installed: {chosen.program}")
    if not (lab.folder / "hello.tar").exists():
        assert lab.docker("save", "--output", str(lab.folder / "hello.tar"), "hello:local").returncode == 0
    return chosen


@pytest.fixture
def place(lab: Lab) -> Iterator[Path]:
    """A client's own directory, with the authority that it trusts; short, for podman's sake."""
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as text:
        (Path(text) / "certs").mkdir()
        shutil.copy(lab.authority, Path(text) / "certs" / "ca.crt")
        (Path(text) / "auth.json").write_text("{}")
        yield Path(text)


def test_a_client_logs_in_pushes_and_pulls(lab: Lab, client: Client, place: Path) -> None:
    steps = {
        "prepare": client.run("prepare", lab, place),
        "login": client.run("login", lab, place, USER="sam", stdin=PASSWORDS["sam"]),
        "push": client.run("push", lab, place),
        "pull": client.run("pull", lab, place),
    }

    assert {step: done.returncode for step, done in steps.items()} == dict.fromkeys(steps, 0), steps


def test_a_client_is_refused_a_wrong_password(lab: Lab, client: Client, place: Path) -> None:
    """Crane only keeps what it is told at its log-in; the registry sees it at the push."""
    client.run("prepare", lab, place)

    login = client.run("login", lab, place, USER="sam", stdin="wrong")
    push = client.run("push", lab, place)

    assert push.returncode != 0
    assert client.program == "crane" or login.returncode != 0
    said = (login.stdout + push.stdout).lower()
    assert any(words in said for words in WRONG)


def test_a_client_is_refused_without_credentials(lab: Lab, client: Client, place: Path) -> None:
    client.run("prepare", lab, place)

    push = client.run("push", lab, place)

    assert push.returncode != 0
    assert any(word in push.stdout.lower() for word in NO_CREDENTIALS)


def test_a_client_does_not_trust_another_authority(lab: Lab, client: Client, place: Path) -> None:
    other = Keeper(place / "other").authority()
    (place / "certs" / "ca.crt").write_bytes(other.certificate_pem())

    pull = client.run("pull", lab, place, IMAGE=f"{REGISTRY}/labs/hello:v1")

    assert pull.returncode != 0
    assert "x509: certificate signed by unknown authority" in pull.stdout


def test_a_client_does_not_trust_another_name(lab: Lab, client: Client, place: Path) -> None:
    pull = client.run("pull", lab, place, IMAGE=f"{OTHER_ADDRESS}:{PORT}/labs/hello:v1")

    assert pull.returncode != 0
    assert f"x509: certificate is valid for {ADDRESS}, not {OTHER_ADDRESS}" in pull.stdout


@pytest.mark.client("containerd (ctr)", "pull", "tls")
def test_containerd_fetches_its_token_with_a_form(lab: Lab) -> None:
    """The only client here that posts user and password; it uses the containerd that the engine started."""
    image = f"{REGISTRY}/private/hello:v1"
    assert push(lab, "private/hello", "setup").returncode == 0
    socket = lab.folder / "engine" / "exec" / "containerd" / "containerd.sock"
    common = (
        "ctr",
        f"--address={socket}",
        "--namespace=test",
        "content",
        "fetch",
        f"--tlscacert={lab.authority}",
    )

    right = lab.island.run(*common, f"--user=tess:{PASSWORDS['tess']}", image)
    wrong = lab.island.run(*common, "--user=tess:wrong", image)
    lines = map(json.loads, (lab.folder / "audit.jsonl").read_text().splitlines())

    assert right.returncode == 0, right.stdout
    assert wrong.returncode != 0
    assert "401" in wrong.stdout
    if lab.challenge == "bearer":
        assert ("tess", "ok", "POST") in [
            (line.get("user"), line["result"], line["method"]) for line in lines if line["action"] == "login"
        ]


def test_a_certificate_is_rotated_while_clients_pull(lab: Lab, tmp_path: Path) -> None:
    """Pulls go on all the time, and none of them fails while the certificate changes twice."""
    image = f"{REGISTRY}/labs/hello:v1"
    shown = {shown_certificate(lab)}
    ended: list[tuple[int, str]] = []

    deadline = time.monotonic() + 90
    while len(shown) < 3:
        assert time.monotonic() < deadline
        lab.docker("rmi", image)
        pull = lab.island.start(
            "docker",
            "pull",
            image,
            output=tmp_path / "pull.log",
            env={"DOCKER_HOST": f"unix://{lab.socket}", "DOCKER_CONFIG": str(lab.folder / "setup")},
        )
        if len(ended) % 3 == 0:
            lab.renew()
        ended.append((pull.wait(60), (tmp_path / "pull.log").read_text()))
        shown.add(shown_certificate(lab))

    assert [code for code, _ in ended] == [0] * len(ended), ended


def shown_certificate(lab: Lab) -> str:
    shown = lab.island.run("openssl", "s_client", "-connect", REGISTRY, "-servername", NAME, timeout=30)
    return shown.stdout.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]


def test_no_password_is_in_any_log(lab: Lab) -> None:
    """Last, after everything above: what registry and engine wrote down has no secret in it."""
    texts = {
        name: (lab.folder / name).read_text(errors="replace")
        for name in ("registry.log", "audit.jsonl", "dockerd.log")
    }

    encoded = [base64.b64encode(f"{user}:{secret}".encode()).decode() for user, secret in PASSWORDS.items()]
    found = [
        (name, secret)
        for name, text in texts.items()
        for secret in (*PASSWORDS.values(), *encoded)
        if secret in text
    ]
    assert texts["audit.jsonl"]
    assert found == []
