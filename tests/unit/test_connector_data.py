"""How to reach a host, read from inventory data."""

from __future__ import annotations

import pytest
from pyinfra.api.hiddenvalue import HiddenValue

from deploy.connector import PsrpConnector
from deploy.connector_data import (
    DATA_META,
    ConnectionSettings,
    InvalidConnection,
    PsrpConnectorData,
    connection_settings,
    password_from_environment,
)


def data(**given: object) -> dict[str, object]:
    return {key: meta.default for key, meta in DATA_META.items()} | {"psrp_host": "pc-01"} | given


def settings(**given: object) -> ConnectionSettings:
    return connection_settings(data(**given), lambda host, user: f"password of {user} on {host}")


def test_every_key_has_a_description_and_a_default() -> None:
    assert set(DATA_META) == set(PsrpConnectorData.__annotations__)


def test_a_lab_without_a_domain_needs_no_setting_but_the_host() -> None:
    found = settings()

    assert (found.endpoint, found.auth, found.ssl, found.encryption) == ("pc-01:5985", "ntlm", False, "auto")
    assert found.password == "password of Administrator on pc-01"


def test_tls_moves_to_its_own_port() -> None:
    assert settings(psrp_ssl=True).endpoint == "pc-01:5986"


def test_an_ipv6_address_is_named_in_brackets() -> None:
    assert settings(psrp_host="fd00::7").endpoint == "[fd00::7]:5985"


@pytest.mark.parametrize("secret", ["s3cret", HiddenValue("s3cret")], ids=["text", "hidden value"])
def test_a_password_is_used_but_never_shown(secret: str | HiddenValue) -> None:
    found = settings(psrp_password=secret)

    assert found.password == "s3cret"
    assert "s3cret" not in repr(found)


def test_a_certificate_needs_no_password() -> None:
    found = settings(
        psrp_auth="certificate",
        psrp_ssl=True,
        psrp_certificate_pem="me.pem",
        psrp_certificate_key_pem="me.key",
    )

    assert found.password is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"psrp_auth": "digest"}, "psrp_auth: 'digest' is unknown; write one of ntlm", id="auth"),
        pytest.param({"psrp_auth": "basic"}, "basic without TLS shows the password", id="basic in the clear"),
        pytest.param(
            {"psrp_auth": "basic", "psrp_ssl": True, "psrp_encryption": "always"},
            "psrp_encryption: basic knows no message encryption",
            id="basic, encrypted",
        ),
        pytest.param({"psrp_encryption": "yes"}, "psrp_encryption: 'yes' is unknown", id="encryption"),
        pytest.param({"psrp_auth": "certificate"}, "certificate needs TLS", id="certificate without TLS"),
        pytest.param({"psrp_ca": "ca.pem"}, "psrp_ca: has no meaning without TLS", id="CA without TLS"),
        pytest.param(
            {"psrp_ca": "ca.pem", "psrp_ssl": True, "psrp_cert_validation": False},
            "leave out one of the two",
            id="CA without validation",
        ),
        pytest.param({"psrp_port": 70000}, "psrp_port: 70000 is no port", id="port"),
        pytest.param({"psrp_host": None}, "psrp_host: no host to connect to", id="no host"),
        pytest.param({"psrp_idle_timeout": 0}, "psrp_idle_timeout: 0 is too short", id="time-out"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(given: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidConnection, match=problem):
        settings(**given)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidConnection) as caught:
        settings(psrp_auth="certificate", psrp_port=0)

    assert len(caught.value.problems) == 4


def test_basic_without_tls_can_be_forced() -> None:
    assert settings(psrp_auth="basic", psrp_allow_basic_without_tls=True).encryption == "never"


@pytest.mark.parametrize(
    ("environment", "password"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"PSRP_PASSWORD": "all"}, "all", id="for all hosts"),
        pytest.param({"PSRP_PASSWORD": "all", "PSRP_PASSWORD_PC_01_LAB": "own"}, "own", id="for this host"),
    ],
)
def test_a_password_can_come_from_the_environment(environment: dict[str, str], password: str | None) -> None:
    assert password_from_environment("pc-01.lab", environment) == password


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("10.20.0.11", {"psrp_host": "10.20.0.11"}, id="address"),
        pytest.param("pc-01:15985", {"psrp_host": "pc-01", "psrp_port": 15985}, id="name and port"),
        pytest.param("fd00::7", {"psrp_host": "fd00::7"}, id="IPv6"),
        pytest.param("[fd00::7]:5986", {"psrp_host": "fd00::7", "psrp_port": 5986}, id="IPv6 and port"),
    ],
)
def test_a_name_in_the_inventory_says_where_to_connect(name: str, expected: dict[str, object]) -> None:
    assert list(PsrpConnector.make_names_data(name)) == [(f"@psrp/{name}", expected, [])]
