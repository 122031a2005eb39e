"""Errors of the connector: what went wrong on which host, and what to do about it.

pyinfra keeps a failure on its host only if the connector answers with ``ConnectError`` (while connecting)
or with an `OSError` (later). pypsrp, requests and pyspnego raise plain exceptions of their own, which would
end the run on every host; `explain` turns each of them into one of these:

    HostError (OSError)
    ├── HostUnreachable    no connection: the address, the port, TLS, a proxy
    ├── LogonRefused       the host does not accept the account
    ├── HostTimeout        no answer in time (also a TimeoutError)
    ├── SessionLost        the host no longer knows the session, as after a restart
    └── CommandRefused     asked for something that cannot be done on a Windows host
"""

from __future__ import annotations

import binascii
import struct
import xml.etree.ElementTree as ET
from typing import Final

from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from requests import exceptions as http
from spnego.exceptions import SpnegoError
from urllib3.exceptions import HTTPError

TRANSPORT_ERRORS: Final = (
    WinRMError,
    SpnegoError,
    http.RequestException,
    HTTPError,
    OSError,
    ET.ParseError,
    binascii.Error,
    struct.error,
)
"""What pypsrp lets through when a connection fails or an answer makes no sense."""

OPERATION_TIMED_OUT: Final = 2150858793
"""WSMan fault: nothing happened within the operation time-out (ERROR_WSMAN_OPERATION_TIMEDOUT)."""

SHELL_UNKNOWN: Final = 2150858843
"""WSMan fault: there is no such shell (ERROR_WSMAN_UNEXPECTED_SELECTORS)."""

_ACCESS_DENIED: Final = 5
_QUOTA_CODES: Final = frozenset({2150859173, 2150859174, 2150859179})

_REMEDY_WINRM: Final = "is it up, and does WinRM listen there? On the host: Enable-PSRemoting -Force"
_REMEDY_LOGON: Final = (
    "check psrp_user and the password (psrp_password, or the environment variable PSRP_PASSWORD); "
    r"a local account is written HOST\user or .\user"
)


class HostError(OSError):
    """Something failed on one host; ``cause`` says what, ``remedy`` what a person can do about it."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}: {self.remedy}" if self.remedy else self.cause


class HostUnreachable(HostError):
    """There is no connection to the host."""


class LogonRefused(HostError):
    """The host does not accept the account."""


class HostTimeout(HostError, TimeoutError):
    """The host, or a command on it, gave no answer in time."""


class SessionLost(HostError):
    """The host no longer knows our session; the next command opens another."""


class CommandRefused(HostError):
    """The connector was asked for something that it cannot do on a Windows host."""


def explain(error: Exception, endpoint: str, account: str) -> HostError:
    """Say what ``error`` means for the host at ``endpoint``, to which ``account`` logs on (``user
    (ntlm)``).
    """
    match error:
        case HostError():
            return error
        case AuthenticationError():
            return LogonRefused(f"{endpoint} refused the logon of {account}", _REMEDY_LOGON)
        case WSManFaultError():
            return _explain_fault(error, endpoint, account)
        case WinRMTransportError():
            return _explain_status(int(error.code), endpoint)
        case SpnegoError():
            remedy = "psrp_auth='ntlm' needs no domain; Kerberos needs a ticket (kinit) or a password"
            return LogonRefused(f"could not log on to {endpoint} as {account}: {_first_line(error)}", remedy)
        case http.Timeout() | TimeoutError():
            return HostTimeout(f"{endpoint} does not answer", _REMEDY_WINRM)
        case http.SSLError():
            remedy = "name the authority's file in psrp_ca, or give up the check: psrp_cert_validation=False"
            return HostUnreachable(f"{endpoint}: TLS failed: {_reason(error)}", remedy)
        case http.ProxyError():
            return HostUnreachable(f"{endpoint}: the proxy failed: {_reason(error)}", "check psrp_proxy")
        case ImportError():
            return HostError(
                f"{endpoint}: {_first_line(error)}", "install what it names, or choose another psrp_auth"
            )
        case http.ConnectionError() | OSError():
            return HostUnreachable(f"{endpoint} cannot be reached: {_reason(error)}", _REMEDY_WINRM)
        case _:
            return HostError(f"{endpoint}: {type(error).__name__}: {_first_line(error)}")


def _explain_fault(fault: WSManFaultError, endpoint: str, account: str) -> HostError:
    reason = fault.provider_fault or fault.reason or f"WSMan fault {fault.code}"
    if fault.code == OPERATION_TIMED_OUT:
        return HostTimeout(f"{endpoint} did not answer within the operation time-out")
    if fault.code == SHELL_UNKNOWN:
        return SessionLost(f"{endpoint} no longer knows our session", "was the host restarted? Run again")
    if fault.code == _ACCESS_DENIED:
        return LogonRefused(
            f"{endpoint} denied access to {account}", "the account must be an administrator there"
        )
    if fault.code in _QUOTA_CODES:
        remedy = "wait for other sessions to end, or raise MaxShellsPerUser in WSMan:\\localhost\\Shell"
        return HostError(f"{endpoint} has no session to spare: {reason}", remedy)
    return HostError(f"{endpoint}: {reason}")


def _explain_status(status: int, endpoint: str) -> HostError:
    remedies = {
        400: "the message encryption of this connection was lost; run again",
        403: "the WinRM service or a firewall refuses this address",
        404: "is this WinRM's port, and psrp_path its path?",
        411: "is this WinRM's port?",
        413: "the host takes smaller messages only; raise MaxEnvelopeSizekb in WSMan:\\localhost",
        503: "the WinRM service is starting, or overloaded",
    }
    return HostError(f"{endpoint} answered with HTTP status {status}", remedies.get(status, ""))


def _reason(error: BaseException) -> str:
    """The innermost reason: requests wraps urllib3, which wraps the error of the socket."""
    while True:
        inner = error.__cause__ or error.__context__ or _argument(error)
        if inner is None:
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return _first_line(error)


def _argument(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
