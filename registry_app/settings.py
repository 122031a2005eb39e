"""What can be set, read once from the environment under the names of the reference registry.

So that a ``docker run -e …`` line written for ``registry:2`` works unchanged, every name is one that the
reference registry derives from its configuration file (``REGISTRY_`` and the path to the value, with
underscores). A name that it knows and that means nothing here is a warning; a name that nobody knows is an
error: a misspelt setting that is silently ignored is worse than a registry that does not start.

Source: https://distribution.github.io/distribution/about/configuration/
"""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

PREFIX = "REGISTRY_"
MEBIBYTE = 1 << 20
DEFAULT_ROOT = r"C:\data" if os.name == "nt" else "/var/lib/registry"

IRRELEVANT = re.compile(
    r"REGISTRY_(VERSION|CONFIGURATION_PATH|LOG_(FORMATTER|FIELDS_.*|HOOKS.*|ACCESSLOG_FORMATTER|REPORTCALLER)"
    r"|LOGLEVEL|STORAGE|STORAGE_(CACHE|TAG|REDIRECT|FILESYSTEM_MAXTHREADS|MAINTENANCE_UPLOADPURGING_DRYRUN)(_.*)?"
    r"|HTTP_(SECRET|NET|RELATIVEURLS|DEBUG(_.*)?|HTTP2(_.*)?|H2C(_.*)?)"
    r"|HEALTH(_.*)?|REDIS(_.*)?|REPORTING(_.*)?|NOTIFICATIONS(_.*)?|COMPATIBILITY(_.*)?|POLICY(_.*)?"
    r"|MIDDLEWARE(_.*)?|OTEL(_.*)?"
    # What Docker links and Kubernetes put into a container beside a service called "registry".
    r"|NAME|ENV_.*|PORT(_.*)?|SERVICE_.*)"
)
"""Names of the reference registry that this one can do without: it behaves as if they were not set, and says
so.
"""

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_SIZE = re.compile(r"(\d+)\s*([KMGT]i?)?B?", re.IGNORECASE)


class SettingsError(Exception):
    """The environment does not make a registry; the text has one line per mistake."""


def parse_duration(value: object) -> object:
    """Return the seconds of a duration as Go writes it (``168h``, ``1m30s``); a bare number is seconds."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    parts = list(_DURATION.finditer(value))
    if not parts or "".join(part[0] for part in parts) != value:
        raise ValueError("not a duration; write for example 168h, 90s or 1m30s")
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)


def parse_size(value: object) -> object:
    """Return the bytes of a size as people write it (``4MiB``, ``512M``, ``1048576``); all units are powers
    of 1024.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a size; write for example 4MiB or 1048576")
    return int(match[1]) << (10 * " KMGT".index((match[2] or " ")[0].upper()))


def parse_address(value: object) -> object:
    """Return host and port of ``host:port``; an empty host means every interface, of both IP versions."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("not an address; write for example :5000 or 127.0.0.1:5000")
    return host.strip("[]"), int(port)


def _level(value: str) -> str:
    known = {"error": "ERROR", "warn": "WARNING", "warning": "WARNING", "info": "INFO", "debug": "DEBUG"}
    if value.lower() not in known:
        raise ValueError(f"not a log level; write one of {', '.join(known)}")
    return known[value.lower()]


def _prefix(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/", value):
        raise ValueError("not a path prefix; write for example /registry/")
    return value


def _paths(value: object) -> object:
    """Return the paths in a list as the reference registry takes one from the environment, or one path."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    items = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return tuple(item.strip().strip("\"'") for item in items if item.strip())


def _loopback(value: tuple[str, int]) -> tuple[str, int]:
    host, _ = value
    if host != "localhost" and not (_is_address(host) and ip_address(host).is_loopback):
        raise ValueError("not a loopback address; write for example 127.0.0.1:5001")
    return value


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


Paths = Annotated[tuple[str, ...], BeforeValidator(_paths)]


def _origin(value: str) -> str:
    if value and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+/?", value):
        raise ValueError("not a scheme and a host; write for example https://registry.example.com")
    return value.rstrip("/")


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Address = Annotated[tuple[str, int], BeforeValidator(parse_address)]


class Settings(BaseModel):
    """All settings of a registry. Durations in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    address: Address = Field(default=("", 5000), alias="REGISTRY_HTTP_ADDR")
    """Where to listen."""
    host: Annotated[str, AfterValidator(_origin)] = Field(default="", alias="REGISTRY_HTTP_HOST")
    """Scheme and authority to put before the path in ``Location``; without it, locations are relative."""
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(default="/", alias="REGISTRY_HTTP_PREFIX")
    """Path below which ``v2/`` lies."""
    drain_timeout: Seconds = Field(default=15.0, alias="REGISTRY_HTTP_DRAINTIMEOUT")
    """How long requests under way may go on after the registry was told to stop."""
    tls_certificate: str | None = Field(default=None, alias="REGISTRY_HTTP_TLS_CERTIFICATE")
    tls_key: str | None = Field(default=None, alias="REGISTRY_HTTP_TLS_KEY")
    tls_minimum: Literal["tls1.2", "tls1.3"] = Field(default="tls1.2", alias="REGISTRY_HTTP_TLS_MINIMUMTLS")
    tls_client_authorities: Paths = Field(default=(), alias="REGISTRY_HTTP_TLS_CLIENTCAS")
    """Clients need a certificate of one of these authorities; without any, clients show none."""
    tls_client_auth: Literal["require-and-verify-client-cert", "verify-client-cert-if-given"] = Field(
        default="require-and-verify-client-cert", alias="REGISTRY_HTTP_TLS_CLIENTAUTH"
    )
    health_address: Annotated[Address, AfterValidator(_loopback)] | None = Field(
        default=None, alias="REGISTRY_HTTP_HEALTH_ADDR"
    )
    """A second listener without TLS that only says whether the registry is up; on the loopback only."""

    auth: Literal["htpasswd", "none"] | None = Field(default=None, alias="REGISTRY_AUTH")
    """The reference registry's switch: may say what the paths below say anyway, and must not contradict."""
    htpasswd: str | None = Field(default=None, alias="REGISTRY_AUTH_HTPASSWD_PATH")
    """File of users and their bcrypt hashes. Without it nobody logs in, and everybody may do everything."""
    realm: str = Field(default="registry", alias="REGISTRY_AUTH_HTPASSWD_REALM", min_length=1)
    rules: str | None = Field(default=None, alias="REGISTRY_AUTH_RULES_PATH")
    """File of rules: who may do what. Without it, whoever logs in may do everything."""
    challenge: Literal["basic", "bearer"] | None = Field(default=None, alias="REGISTRY_AUTH_CHALLENGE")
    """How clients are asked to log in. By default ``basic``, as in the reference registry; with rules
    ``bearer``, since Docker pulls without a log-in only where it can have an anonymous token.
    """
    token_key: str | None = Field(default=None, alias="REGISTRY_AUTH_TOKEN_KEY")
    """File with the key that signs tokens, made if there is none; without it, tokens end with the process."""
    audit: str | None = Field(default=None, alias="REGISTRY_AUDIT_PATH")
    """File to which a JSON line is added for each request."""

    congestion: str | None = Field(default=None, alias="REGISTRY_HTTP_NET_CONGESTION", min_length=1)
    """TCP congestion control of the listener, where the platform has a choice; without it the host's own."""

    root: str = Field(default=DEFAULT_ROOT, alias="REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", min_length=1)
    """The directory that holds ``docker/registry/v2``."""
    delete_enabled: bool = Field(default=True, alias="REGISTRY_STORAGE_DELETE_ENABLED")
    read_only: bool = Field(default=False, alias="REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED")
    purge_uploads: bool = Field(default=True, alias="REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED")
    upload_age: Seconds = Field(default=168 * 3600.0, alias="REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE")
    """An upload that nobody wrote to for so long is removed."""
    purge_interval: Annotated[Seconds, Field(ge=1)] = Field(
        default=24 * 3600.0, alias="REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL"
    )
    reserve: Bytes = Field(default=256 * MEBIBYTE, alias="REGISTRY_STORAGE_FILESYSTEM_RESERVE")
    """Free space that no upload may touch, so that the disk, and what else lives on it, survives a careless
    push.
    """

    max_manifest: Annotated[Bytes, Field(ge=4 * MEBIBYTE)] = Field(
        default=4 * MEBIBYTE, alias="REGISTRY_HTTP_LIMITS_MANIFEST"
    )
    """Largest manifest. OCI spec, "Pushing manifests": at least 4 MiB."""
    max_header: Annotated[Bytes, Field(ge=1024)] = Field(default=16384, alias="REGISTRY_HTTP_LIMITS_HEADER")
    """Longest request head: request line and all header fields."""
    max_uploads: Annotated[int, Field(ge=1)] = Field(default=1000, alias="REGISTRY_HTTP_LIMITS_UPLOADS")
    """Most uploads open at a time in one repository."""
    idle_timeout: Annotated[Seconds, Field(gt=0)] = Field(default=60.0, alias="REGISTRY_HTTP_LIMITS_IDLE")
    """A client that sends or takes nothing for so long in the middle of a request is disconnected."""
    threads: Annotated[int, Field(ge=1)] = Field(default=32, alias="REGISTRY_HTTP_LIMITS_THREADS")
    """Most storage operations at a time that run beside the event loop."""

    max_catalog: Annotated[int, Field(ge=1)] = Field(default=1000, alias="REGISTRY_CATALOG_MAXENTRIES")
    """Most repositories in one page of the catalog."""
    max_tags: Annotated[int, Field(ge=1)] = Field(default=10_000, alias="REGISTRY_TAGS_MAXTAGS")
    """Most tags in one page of a repository's list."""
    sparse: bool = Field(default=True, alias="REGISTRY_VALIDATION_MANIFESTS_SPARSE")
    """Whether a manifest may name content that the repository does not hold."""

    log_level: Annotated[str, AfterValidator(_level)] = Field(
        default="info", alias="REGISTRY_LOG_LEVEL", validate_default=True
    )
    access_log: bool = Field(default=False, alias="REGISTRY_LOG_ACCESSLOG_ENABLED")
    """One line on standard error for each request."""

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                "REGISTRY_HTTP_TLS_CERTIFICATE and REGISTRY_HTTP_TLS_KEY are set together or not at all"
            )
        return self

    @model_validator(mode="after")
    def _users(self) -> Self:
        if self.auth == "htpasswd" and self.htpasswd is None:
            raise ValueError("REGISTRY_AUTH=htpasswd needs REGISTRY_AUTH_HTPASSWD_PATH")
        if self.auth == "none" and self.htpasswd is not None:
            raise ValueError("REGISTRY_AUTH=none contradicts REGISTRY_AUTH_HTPASSWD_PATH")
        if self.rules is not None and self.htpasswd is None:
            raise ValueError("REGISTRY_AUTH_RULES_PATH needs users: set REGISTRY_AUTH_HTPASSWD_PATH")
        if self.tls_client_authorities and self.tls_certificate is None:
            raise ValueError("REGISTRY_HTTP_TLS_CLIENTCAS needs REGISTRY_HTTP_TLS_CERTIFICATE")
        return self

    @model_validator(mode="after")
    def _absolute_root(self) -> Self:
        if not PurePath(self.root).is_absolute():
            raise ValueError("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY is not an absolute path")
        return self

    @property
    def scheme(self) -> str:
        """The scheme clients use when they talk to this process directly."""
        return "https" if self.tls_certificate else "http"


NAMES = frozenset(str(field.alias) for field in Settings.model_fields.values())
"""Every variable that is read."""


def load(environment: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings and warnings for whoever reads the log; raise `SettingsError` with all mistakes at
    once.
    """
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    known = {name: value for name, value in ours.items() if name in NAMES}
    ignored = sorted(name for name in ours if name not in NAMES and IRRELEVANT.fullmatch(name))
    mistakes = [_unknown(name) for name in sorted(ours) if name not in NAMES and name not in ignored]
    try:
        settings = Settings.model_validate(known)
    except ValidationError as error:
        mistakes += [_mistake(part["loc"], part["msg"], part["input"]) for part in error.errors()]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings, [f"{name} is ignored: it means nothing to this registry" for name in ignored]


def _unknown(name: str) -> str:
    if name.startswith(("REGISTRY_AUTH_TOKEN_", "REGISTRY_AUTH_SILLY_")):
        return f"{name}: this registry has its own users and issues its own tokens; unset the variable"
    if name.startswith("REGISTRY_PROXY"):
        return f"{name}: this version is no pull-through cache; unset the variable"
    import difflib  # noqa: PLC0415 - only for a mistake; costs a start 2 ms

    close = difflib.get_close_matches(name, NAMES, n=1)
    return f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")


def _mistake(location: tuple[int | str, ...], message: str, value: object) -> str:
    text = message.removeprefix("Value error, ")
    return f"{location[0]}={value!s}: {text}" if location else text
