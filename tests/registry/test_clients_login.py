"""Clients that are libraries, and curl: over TLS, with a log-in, asked for it in both ways that there are."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import dxf
import oras.client
import pytest
import requests
import trustme

from .auth_lab import PASSWORDS, RunningRegistry, classroom
from .content import digest_of
from .test_clients import run

CONTENT = b"for teachers only"
USER, PASSWORD = "tess", PASSWORDS["tess"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["basic", "bearer"])
def registry(
    request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path
) -> Iterator[RunningRegistry]:
    """A registry that asks for Basic credentials, or sends clients for a token."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "tls.pem")
    tls = dict.fromkeys(("HTTP_TLS_CERTIFICATE", "HTTP_TLS_KEY"), str(tmp_path / "tls.pem"))
    with classroom(tmp_path, AUTH_CHALLENGE=request.param, **tls) as running:
        yield running


@pytest.fixture
def trust(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The authority's file, where libraries look for it, too."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    return path


@pytest.mark.client("python-dxf", "tls")
def test_dxf_logs_in(registry: RunningRegistry, trust: Path, tmp_path: Path) -> None:
    def log_in(client: dxf.DXFBase, response: requests.Response) -> None:
        client.authenticate(USER, PASSWORD, response=response)

    (tmp_path / "blob").write_bytes(CONTENT)
    client = dxf.DXF(registry.address, "private/dxf", auth=log_in, tlsverify=str(trust))

    digest = client.push_blob(str(tmp_path / "blob"))
    client.set_alias("v1", digest)

    assert client.list_aliases() == ["v1"]
    assert b"".join(cast("Iterable[bytes]", client.pull_blob(digest))) == CONTENT
    stranger = dxf.DXF(registry.address, "private/dxf", tlsverify=str(trust))
    with pytest.raises(dxf.exceptions.DXFUnauthorizedError):
        stranger.list_aliases()


@pytest.mark.client("oras (Python)", "tls")
@pytest.mark.parametrize("registry", ["basic"], indirect=True)
def test_oras_for_python_logs_in(registry: RunningRegistry, trust: Path, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(CONTENT)
    target = f"{registry.address}/private/oras-py:v1"
    # With tokens it cannot push: it keeps the first one, which is for a pull, until it is refused with 403.
    client = oras.client.OrasClient(hostname=registry.address, auth_backend="basic")
    client.login(USER, PASSWORD, hostname=registry.address, config_path=str(tmp_path / "config.json"))

    client.push(files=[str(tmp_path / "file.txt")], target=target, disable_path_validation=True)
    client.pull(target=target, outdir=str(tmp_path / "back"))

    (copy,) = (tmp_path / "back").rglob("file.txt")
    assert copy.read_bytes() == CONTENT


@pytest.mark.client("curl", "tls")
def test_curl_logs_in(registry: RunningRegistry, trust: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)
    curl = ["--silent", "--show-error", "--fail", "--cacert", str(trust), "--user", f"{USER}:{PASSWORD}"]
    uploads = f"{registry.url}/v2/private/curl/blobs/uploads/?digest={digest_of(CONTENT)}"

    run("curl", *curl, "--data-binary", f"@{tmp_path / 'blob'}", uploads)
    back = run("curl", *curl, f"{registry.url}/v2/private/curl/blobs/{digest_of(CONTENT)}")

    assert back.encode() == CONTENT
