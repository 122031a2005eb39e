"""One connection: handshake, keys, sealed messages. The other side is spnego's client."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import spnego

from rehearsal.auth import Account, ConnectionAuth, UndecryptableError, write_user_file

ACCOUNT = Account("Administrator", "pass:word")


@pytest.fixture(autouse=True)
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NTLM_USER_FILE", "")
    write_user_file(str(tmp_path / "users"), ACCOUNT, ["WIN-LAB01"])
    return tmp_path / "users"


def connection(*, basic: bool = False, tls: bool = False) -> ConnectionAuth:
    return ConnectionAuth(ACCOUNT, basic=basic, encrypted_transport=tls)


def log_on(server: ConnectionAuth, user: str, password: str, protocol: str = "ntlm") -> Any:  # noqa: ANN401 - spnego's context has no type
    client = spnego.client(user, password, "host", "http", protocol=protocol)
    token = client.step()
    while token is not None:
        headers = dict(server.authenticate(f"Negotiate {base64.b64encode(token).decode()}"))
        answer = headers.get("WWW-Authenticate", "").partition(" ")[2]
        token = client.step(base64.b64decode(answer)) if answer else None
    return client


@pytest.mark.parametrize(
    "user", ["Administrator", "administrator", "WIN-LAB01\\Administrator", ".\\Administrator"]
)
@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_the_account_is_let_in_with_or_without_its_domain(user: str, protocol: str) -> None:
    server = connection()

    log_on(server, user, ACCOUNT.password, protocol)

    assert server.accepted


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("Administrator", "wrong", id="wrong password"),
        pytest.param("Somebody", ACCOUNT.password, id="wrong user"),
    ],
)
def test_nobody_else_is_let_in(user: str, password: str) -> None:
    server = connection()

    log_on(server, user, password)

    assert not server.accepted


@pytest.mark.parametrize(
    ("enabled", "credentials", "accepted"),
    [
        pytest.param(True, "Administrator:pass:word", True, id="enabled"),
        pytest.param(True, "WIN-LAB01\\Administrator:pass:word", True, id="with domain"),
        pytest.param(True, "Administrator:wrong", False, id="wrong password"),
        pytest.param(False, "Administrator:pass:word", False, id="not enabled"),
    ],
)
def test_basic_is_taken_only_if_it_is_enabled(enabled: bool, credentials: str, accepted: bool) -> None:
    server = connection(basic=enabled)

    server.authenticate(f"Basic {base64.b64encode(credentials.encode()).decode()}")

    assert server.accepted is accepted


@pytest.mark.parametrize("header", ["Basic ???", "Kerberos YQ==", "Negotiate YWJj", ""])
def test_what_is_no_token_is_answered_with_what_is_offered(header: str) -> None:
    server = connection(basic=True)

    answer = server.authenticate(header)

    assert answer == [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", 'Basic realm="WSMAN"')]


def test_a_sealed_message_opens_on_the_other_side() -> None:
    server = connection()
    client = log_on(server, "Administrator", ACCOUNT.password)
    sealed = client.wrap_winrm(b"<question/>")
    length = len(sealed.header).to_bytes(4, "little")
    boundary = b"--Encrypted Boundary\r\n"
    head = boundary + b"\tContent-Type: x\r\n" + boundary + b"\tContent-Type: application/octet-stream\r\n"

    opened = server.open(head + length + sealed.header + sealed.data + b"--Encrypted Boundary--\r\n")
    content_type, body = server.seal(b"<answer/>")

    assert opened == b"<question/>"
    assert content_type.startswith("multipart/encrypted;")
    data = body.split(b"octet-stream\r\n")[1].removesuffix(b"--Encrypted Boundary--\r\n")
    assert client.unwrap_winrm(data[4:20], data[20:]) == b"<answer/>"


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"--Encrypted Boundary\r\na\r\n--Encrypted Boundary\r\nb\r\n1234567890"]
)
def test_a_message_that_does_not_open_is_an_error_of_its_own(body: bytes) -> None:
    server = connection()
    log_on(server, "Administrator", ACCOUNT.password)

    with pytest.raises(UndecryptableError):
        server.open(body)


def test_the_user_file_holds_no_password_and_is_nobody_elses_business(users: Path) -> None:
    assert ACCOUNT.password not in users.read_text()
    assert users.stat().st_mode & 0o777 == 0o600
    assert os.environ["NTLM_USER_FILE"] == str(users)
