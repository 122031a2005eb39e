"""A registry over TLS, as its own process: a certificate rotated under a pull, health checks, settings."""

import hashlib
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography import x509

from registry_app.health_listener import response
from tests.registry.auth_lab import (
    RunningRegistry,
    classroom,
    push_blob,
    push_image,
    running_registry,
    wait_until,
)

AUTHORITY = trustme.CA()
CONTENT = bytes(range(256)) * 4096 * 32


def write(folder: Path, certificate: trustme.LeafCert) -> dict[str, str]:
    """Put certificate and key into files; return the settings that name them."""
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    (folder / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    return {"HTTP_TLS_CERTIFICATE": str(folder / "tls.crt"), "HTTP_TLS_KEY": str(folder / "tls.key")}


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def serial(registry: RunningRegistry) -> int:
    """The serial number of the certificate that a new connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", registry.port), 10) as plain,
        trusting().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def test_users_log_in_over_tls(tmp_path: Path) -> None:
    settings = write(tmp_path, AUTHORITY.issue_cert("127.0.0.1"))

    with classroom(tmp_path, **settings) as registry, registry.client("tess", trusting()) as tess:
        pushed = push_image(tess, "private")
        nobody = httpx.get(f"{registry.url}/v2/", verify=trusting())

    assert pushed.status_code == 201
    assert nobody.headers["www-authenticate"].startswith(f'Bearer realm="https://{registry.address}/token"')


def test_a_certificate_is_rotated_under_a_running_pull(tmp_path: Path) -> None:
    settings = write(tmp_path, AUTHORITY.issue_cert("127.0.0.1"))

    with running_registry(tmp_path, **settings) as registry, registry.client(trust=trusting()) as client:
        digest = push_blob(client, "labs/large", CONTENT)
        before = serial(registry)
        with client.stream("GET", f"/v2/labs/large/blobs/{digest}") as pull:
            pieces = pull.iter_bytes(65536)
            received = hashlib.sha256(next(pieces))
            write(tmp_path, AUTHORITY.issue_cert("127.0.0.1"))
            wait_until(lambda: serial(registry) != before)
            for piece in pieces:
                received.update(piece)
        again = client.get(f"/v2/labs/large/blobs/{digest}")

    assert f"sha256:{received.hexdigest()}" == digest
    assert again.content == CONTENT


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def is_healthy(**settings: str) -> bool:
    """What the container's health check says: ``python -m registry_app health``."""
    environment = os.environ | {f"REGISTRY_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "registry_app", "health"]
    return subprocess.run(command, env=environment, timeout=60, check=False).returncode == 0


def test_a_registry_that_wants_certificates_is_healthy_on_its_plain_listener(tmp_path: Path) -> None:
    people = trustme.CA()
    people.cert_pem.write_to_path(tmp_path / "people.crt")
    settings = write(tmp_path, AUTHORITY.issue_cert("127.0.0.1")) | {
        "HTTP_TLS_CLIENTCAS": f"[{tmp_path / 'people.crt'}]",
        "HTTP_HEALTH_ADDR": f"127.0.0.1:{free_port()}",
    }

    with running_registry(tmp_path, **settings) as registry:
        address = {"HTTP_ADDR": registry.address}
        known = trusting()
        people.issue_cert("host-1").configure_cert(known)

        assert is_healthy(**settings, **address)
        assert httpx.get(f"{registry.url}/v2/", verify=known).status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{registry.url}/v2/", verify=trusting())
    assert not is_healthy(**settings, **address)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"GET /health", b"200 OK", id="health"),
        pytest.param(b"GET /v2/", b"200 OK", id="base"),
        pytest.param(b"HEAD /?x=1", b"200 OK", id="head"),
        pytest.param(b"GET /v2/_catalog", b"404 Not Found", id="no content is served"),
        pytest.param(b"POST /health", b"404 Not Found", id="another method"),
    ],
)
def test_the_plain_listener_says_nothing_but_that(request_line: bytes, status: bytes) -> None:
    answer = response(request_line + b" HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.endswith(b'{"status":"up"}') == (
        status == b"200 OK" and not request_line.startswith(b"HEAD")
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({"HTTP_HEALTH_ADDR": "0.0.0.0:5001"}, "not a loopback address", id="health for all"),
        pytest.param({"HTTP_HEALTH_ADDR": "example.org:5001"}, "not a loopback address", id="health by name"),
        pytest.param({"HTTP_TLS_MINIMUMTLS": "tls1.0"}, "tls1.2", id="old version"),
        pytest.param(
            {"HTTP_TLS_CLIENTCAS": "/x"}, "needs REGISTRY_HTTP_TLS_CERTIFICATE", id="no certificate"
        ),
        pytest.param({"AUTH": "htpasswd"}, "needs REGISTRY_AUTH_HTPASSWD_PATH", id="no file of users"),
        pytest.param({"AUTH": "none", "AUTH_HTPASSWD_PATH": "/x"}, "contradicts", id="contradiction"),
        pytest.param({"AUTH_RULES_PATH": "/x"}, "needs users", id="rules for nobody"),
        pytest.param({"AUTH_TOKEN_REALM": "https://x"}, "issues its own tokens", id="another issuer"),
        pytest.param({"AUTH_CHALLENGE": "digest"}, "write one of basic, bearer", id="another challenge"),
        pytest.param(
            {"HTTP_TLS_CERTIFICATE": "/nowhere/x.crt", "HTTP_TLS_KEY": "/nowhere/x.key"},
            "/nowhere/x.crt: No such file or directory",
            id="missing certificate",
        ),
    ],
)
def test_settings_that_make_no_registry_are_named(
    tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    environment = os.environ | {f"REGISTRY_{name}": value for name, value in settings.items()}
    environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = str(tmp_path)

    ended = subprocess.run(
        [sys.executable, "-m", "registry_app", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
