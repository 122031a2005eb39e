"""Every error of the libraries below becomes one that names the host, the cause and the remedy."""

from __future__ import annotations

import errno

import pytest
import requests
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from spnego.exceptions import NoContextError, SpnegoError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from deploy.connector_errors import (
    OPERATION_TIMED_OUT,
    SHELL_UNKNOWN,
    TRANSPORT_ERRORS,
    HostError,
    HostTimeout,
    HostUnreachable,
    LogonRefused,
    SessionLost,
    explain,
)


def refused_connection() -> requests.ConnectionError:
    socket_error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    inner = NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]
    inner.__cause__ = socket_error
    return requests.ConnectionError(MaxRetryError(None, "/wsman", inner))  # type: ignore[arg-type]


def fault(code: int, reason: str = "") -> WSManFaultError:
    return WSManFaultError(code, "pc-01", reason, None, None, None)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        pytest.param(
            refused_connection(),
            HostUnreachable,
            "pc-01:5985 cannot be reached: connection refused",
            id="refused",
        ),
        pytest.param(requests.ConnectTimeout(), HostTimeout, "pc-01:5985 does not answer", id="silence"),
        pytest.param(requests.ReadTimeout(), HostTimeout, "does not answer", id="silence later"),
        pytest.param(requests.exceptions.SSLError("bad certificate"), HostUnreachable, "psrp_ca", id="TLS"),
        pytest.param(requests.exceptions.ProxyError("no"), HostUnreachable, "psrp_proxy", id="proxy"),
        pytest.param(
            AuthenticationError("401"), LogonRefused, "refused the logon of bob (ntlm)", id="wrong password"
        ),
        pytest.param(NoContextError(context_msg="no ticket"), LogonRefused, "kinit", id="Kerberos"),
        pytest.param(
            fault(5, "Access is denied."), LogonRefused, "must be an administrator", id="not an admin"
        ),
        pytest.param(fault(SHELL_UNKNOWN), SessionLost, "no longer knows our session", id="restarted"),
        pytest.param(fault(OPERATION_TIMED_OUT), HostTimeout, "operation time-out", id="nothing in time"),
        pytest.param(fault(2150859174, "shells"), HostError, "MaxShellsPerUser", id="quota"),
        pytest.param(fault(1, "Something else."), HostError, "pc-01:5985: Something else.", id="other fault"),
        pytest.param(
            WinRMTransportError("http", 404, ""), HostError, "status 404: is this WinRM's port", id="404"
        ),
        pytest.param(ImportError("no requests-credssp"), HostError, "choose another psrp_auth", id="CredSSP"),
        pytest.param(WinRMError("odd"), HostError, "WinRMError: odd", id="anything else"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, kind: type[HostError], text: str) -> None:
    found = explain(error, "pc-01:5985", "bob (ntlm)")

    assert type(found) is kind
    assert text in str(found)
    assert "pc-01:5985" in str(found)


def test_pyinfra_keeps_every_error_on_its_host() -> None:
    """pyinfra 3.10 catches TimeoutError and OSError around commands, and nothing else of ours."""
    assert issubclass(HostError, OSError)
    assert issubclass(HostTimeout, TimeoutError)


def test_an_error_of_our_own_passes_unchanged() -> None:
    own = HostTimeout("the command took longer than 2 s and was stopped")

    assert explain(own, "pc-01:5985", "bob (ntlm)") is own


@pytest.mark.parametrize("error", [WinRMError, SpnegoError, requests.RequestException, OSError], ids=str)
def test_what_the_libraries_raise_is_caught(error: type[Exception]) -> None:
    assert issubclass(error, TRANSPORT_ERRORS)
