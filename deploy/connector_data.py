"""What an inventory says about how to reach a Windows host, read once into a type. Nothing here talks to a
host.

Every key can stand in host data, group data or `--data`; the defaults suit a lab without a domain: NTLM with
message encryption over HTTP.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.connectors.base import ConnectorData, DataMeta

Auth = Literal["ntlm", "negotiate", "kerberos", "certificate", "credssp", "basic"]
Encryption = Literal["auto", "always", "never"]

AUTHS: Final[tuple[Auth, ...]] = ("ntlm", "negotiate", "kerberos", "certificate", "credssp", "basic")
ENCRYPTIONS: Final[tuple[Encryption, ...]] = ("auto", "always", "never")
PASSWORD_VARIABLE: Final = "PSRP_PASSWORD"  # noqa: S105 - the name of a variable


class PsrpConnectorData(ConnectorData, total=False):
    """Keys of host data that the connector reads."""

    psrp_host: str
    psrp_port: int
    psrp_user: str
    psrp_password: str | HiddenValue
    psrp_auth: str
    psrp_encryption: str
    psrp_ssl: bool
    psrp_cert_validation: bool
    psrp_ca: str
    psrp_certificate_pem: str
    psrp_certificate_key_pem: str
    psrp_certificate_key_password: str | HiddenValue
    psrp_allow_basic_without_tls: bool
    psrp_path: str
    psrp_configuration: str
    psrp_proxy: str
    psrp_negotiate_service: str
    psrp_negotiate_hostname: str
    psrp_negotiate_delegate: bool
    psrp_connect_timeout: int
    psrp_operation_timeout: int
    psrp_command_timeout: int
    psrp_idle_timeout: int


DATA_META: Final[dict[str, DataMeta]] = {
    "psrp_host": DataMeta("Address or name to connect to (default: the inventory's name after @psrp/)"),
    "psrp_port": DataMeta("Port of WinRM (default: 5985, with TLS 5986)"),
    "psrp_user": DataMeta("Account to log on with", "Administrator"),
    "psrp_password": DataMeta(f"Its password (default: the environment's {PASSWORD_VARIABLE}, or a prompt)"),
    "psrp_auth": DataMeta(f"How to log on: {', '.join(AUTHS)}", "ntlm"),
    "psrp_encryption": DataMeta("Message encryption: auto (whenever there is no TLS), always, never", "auto"),
    "psrp_ssl": DataMeta("Use HTTPS", default=False),
    "psrp_cert_validation": DataMeta("With HTTPS: check the host's certificate", default=True),
    "psrp_ca": DataMeta("With HTTPS: file with the authorities to trust (PEM)"),
    "psrp_certificate_pem": DataMeta("With auth certificate: file with the client's certificate"),
    "psrp_certificate_key_pem": DataMeta("With auth certificate: file with its key"),
    "psrp_certificate_key_password": DataMeta("With auth certificate: password of the key"),
    "psrp_allow_basic_without_tls": DataMeta("Send password and messages in the clear", default=False),
    "psrp_path": DataMeta("Path of the WinRM address", "wsman"),
    "psrp_configuration": DataMeta("Session configuration (endpoint)", "Microsoft.PowerShell"),
    "psrp_proxy": DataMeta("HTTP proxy (default: none, whatever the environment says)"),
    "psrp_negotiate_service": DataMeta("Kerberos: service in the principal's name", "WSMAN"),
    "psrp_negotiate_hostname": DataMeta("Kerberos: host in the principal's name"),
    "psrp_negotiate_delegate": DataMeta("Kerberos: hand the ticket on to the host", default=False),
    "psrp_connect_timeout": DataMeta("Seconds to wait for a connection (default: pyinfra's CONNECT_TIMEOUT)"),
    "psrp_operation_timeout": DataMeta("Seconds until a silent host must show a sign of life", 20),
    "psrp_command_timeout": DataMeta(
        "Seconds a command may take without a _timeout of its own (default: no end)"
    ),
    "psrp_idle_timeout": DataMeta(
        "Seconds after which an idle connection is made anew (Windows drops it at 120)", 90
    ),
}


@dataclass(frozen=True)
class ConnectionSettings:
    """How to reach one host. Times are seconds; ``password`` is in no text that is ever shown."""

    host: str
    user: str
    password: str | None = field(repr=False)
    auth: Auth = "ntlm"
    port: int = 5985
    ssl: bool = False
    encryption: Encryption = "auto"
    cert_validation: bool | str = True
    certificate_pem: str | None = None
    certificate_key_pem: str | None = None
    certificate_key_password: str | None = field(default=None, repr=False)
    path: str = "wsman"
    configuration: str = "Microsoft.PowerShell"
    proxy: str | None = None
    negotiate_service: str = "WSMAN"
    negotiate_hostname: str | None = None
    negotiate_delegate: bool = False
    connect_timeout: int = 10
    operation_timeout: int = 20
    command_timeout: int | None = None
    idle_timeout: int = 90

    @property
    def endpoint(self) -> str:
        """``host:port``, as messages name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def account(self) -> str:
        """``user (auth)``, as messages name it."""
        return f"{self.user} ({self.auth})"


class InvalidConnection(ValueError):
    """The connection data of a host cannot work; ``problems`` has one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def connection_settings(
    data: Mapping[str, Any], password: Callable[[str, str], str | None], *, connect_timeout: int = 10
) -> ConnectionSettings:
    """Read the connector's ``data``, with its defaults in place.

    ``password(host, user)`` is asked only if the data has none and the logon needs one. Raise
    `InvalidConnection` with all faults at once.
    """
    if problems := _problems(data):
        raise InvalidConnection(problems)
    ssl, auth, host, user = data["psrp_ssl"], data["psrp_auth"], data["psrp_host"], data["psrp_user"]
    secret = _reveal(data["psrp_password"])
    if secret is None and auth != "certificate":
        secret = password(host, user)
    return ConnectionSettings(
        host=host,
        user=user,
        password=secret,
        auth=auth,
        port=data["psrp_port"] or (5986 if ssl else 5985),
        ssl=ssl,
        encryption="never" if auth == "basic" else data["psrp_encryption"],
        cert_validation=data["psrp_ca"] or data["psrp_cert_validation"],
        certificate_pem=data["psrp_certificate_pem"],
        certificate_key_pem=data["psrp_certificate_key_pem"],
        certificate_key_password=_reveal(data["psrp_certificate_key_password"]),
        path=data["psrp_path"],
        configuration=data["psrp_configuration"],
        proxy=data["psrp_proxy"],
        negotiate_service=data["psrp_negotiate_service"],
        negotiate_hostname=data["psrp_negotiate_hostname"],
        negotiate_delegate=data["psrp_negotiate_delegate"],
        connect_timeout=data["psrp_connect_timeout"] or connect_timeout,
        operation_timeout=data["psrp_operation_timeout"],
        command_timeout=data["psrp_command_timeout"],
        idle_timeout=data["psrp_idle_timeout"],
    )


def password_from_environment(host: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password for ``host``: ``PSRP_PASSWORD_PC_01`` for a host pc-01, else ``PSRP_PASSWORD``."""
    own = f"{PASSWORD_VARIABLE}_{re.sub('[^A-Z0-9]', '_', host.upper())}"
    return environment.get(own) or environment.get(PASSWORD_VARIABLE)


def _reveal(secret: str | HiddenValue | None) -> str | None:
    return secret.unmask() if isinstance(secret, HiddenValue) else secret


def _problems(data: Mapping[str, Any]) -> list[str]:
    found = [
        *_unknown(data, "psrp_auth", AUTHS),
        *_unknown(data, "psrp_encryption", ENCRYPTIONS),
        *_clashes(data),
    ]
    if not data["psrp_host"]:
        found.append("psrp_host: no host to connect to; name it as @psrp/HOST or set psrp_host")
    if (port := data["psrp_port"]) is not None and not 0 < port < 65536:
        found.append(f"psrp_port: {port} is no port; write 1 to 65535")
    found.extend(f"{key}: {data[key]} is too short; write whole seconds from 1" for key in _too_short(data))
    return found


def _too_short(data: Mapping[str, Any]) -> list[str]:
    keys = ("psrp_connect_timeout", "psrp_operation_timeout", "psrp_command_timeout", "psrp_idle_timeout")
    return [key for key in keys if data[key] is not None and data[key] < 1]


def _unknown(data: Mapping[str, Any], key: str, known: tuple[str, ...]) -> list[str]:
    return [] if data[key] in known else [f"{key}: {data[key]!r} is unknown; write one of {', '.join(known)}"]


def _clashes(data: Mapping[str, Any]) -> list[str]:
    found = []
    auth, ssl, encryption = data["psrp_auth"], data["psrp_ssl"], data["psrp_encryption"]
    in_the_clear = data["psrp_allow_basic_without_tls"]
    if auth == "basic" and not ssl and not in_the_clear:
        found.append(
            "psrp_auth: basic without TLS shows the password to the network; use ntlm, set psrp_ssl=True, "
            "or force it with psrp_allow_basic_without_tls=True"
        )
    if auth == "basic" and encryption == "always":
        found.append("psrp_encryption: basic knows no message encryption; leave it out and set psrp_ssl=True")
    if auth == "certificate":
        if not ssl:
            found.append("psrp_auth: certificate needs TLS; set psrp_ssl=True")
        missing = [key for key in ("psrp_certificate_pem", "psrp_certificate_key_pem") if not data[key]]
        found.extend(f"{key}: missing; auth certificate needs it" for key in missing)
    if data["psrp_ca"] and not ssl:
        found.append("psrp_ca: has no meaning without TLS; set psrp_ssl=True or leave it out")
    if data["psrp_ca"] and not data["psrp_cert_validation"]:
        found.append("psrp_ca: has no meaning while psrp_cert_validation is off; leave out one of the two")
    return found
