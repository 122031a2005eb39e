"""What can be set, read once from the environment under the names of the reference registry.

So that a ``docker run -e …`` line written for ``registry:2`` works unchanged, every name is one that the
reference registry derives from its configuration file (``REGISTRY_`` and the path to the value, with
underscores). A name that it knows and that means nothing here is a warning; a name that nobody knows is an
error: a misspelt setting that is silently ignored is worse than a registry that does not start.

Source: https://distribution.github.io/distribution/about/configuration/
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePath
from typing import Literal

from registry_app.environment import (
    at_least,
    duration,
    more_than_nothing,
    number,
    one_of,
    read,
    setting,
    size,
    some_text,
    switch,
    variables,
)
from registry_app.workers import can_fork

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


class SettingsError(Exception):
    """The environment does not make a registry; the text has one line per mistake."""


def _address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; an empty host means every interface, of both IP versions."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("not an address; write for example :5000 or 127.0.0.1:5000")
    return host.strip("[]"), int(port)


def _loopback(text: str) -> tuple[str, int]:
    host, port = _address(text)
    if host != "localhost" and not (_is_ip_address(host) and ip_address(host).is_loopback):
        raise ValueError("not a loopback address; write for example 127.0.0.1:5001")
    return host, port


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _level(text: str) -> str:
    known = {"error": "ERROR", "warn": "WARNING", "warning": "WARNING", "info": "INFO", "debug": "DEBUG"}
    if text.lower() not in known:
        raise ValueError(f"not a log level; write one of {', '.join(known)}")
    return known[text.lower()]


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/", text):
        raise ValueError("not a path prefix; write for example /registry/")
    return text


def _paths(text: str) -> tuple[str, ...]:
    """Return the paths in a list as the reference registry takes one from the environment, or one path."""
    text = some_text(text.strip())
    items = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return tuple(item.strip().strip("\"'") for item in items if item.strip())


def _origin(text: str) -> str:
    if text and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+/?", text):
        raise ValueError("not a scheme and a host; write for example https://registry.example.com")
    return text.rstrip("/")


def _root(text: str) -> str:
    if not PurePath(text).is_absolute():
        raise ValueError("is not an absolute path")
    return text


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a registry. Durations in seconds, sizes in bytes."""

    address: tuple[str, int] = setting("REGISTRY_HTTP_ADDR", ("", 5000), _address)
    """Where to listen."""
    host: str = setting("REGISTRY_HTTP_HOST", "", _origin)
    """Scheme and authority to put before the path in ``Location``; without it, locations are relative."""
    prefix: str = setting("REGISTRY_HTTP_PREFIX", "/", _prefix)
    """Path below which ``v2/`` lies."""
    drain_timeout: float = setting("REGISTRY_HTTP_DRAINTIMEOUT", 15.0, duration)
    """How long requests under way may go on after the registry was told to stop."""
    tls_certificate: str | None = setting("REGISTRY_HTTP_TLS_CERTIFICATE", None, some_text)
    tls_key: str | None = setting("REGISTRY_HTTP_TLS_KEY", None, some_text)
    tls_minimum: Literal["tls1.2", "tls1.3"] = setting(
        "REGISTRY_HTTP_TLS_MINIMUMTLS", "tls1.2", one_of("tls1.2", "tls1.3")
    )
    tls_client_authorities: tuple[str, ...] = setting("REGISTRY_HTTP_TLS_CLIENTCAS", (), _paths)
    """Clients need a certificate of one of these authorities; without any, clients show none."""
    tls_client_auth: Literal["require-and-verify-client-cert", "verify-client-cert-if-given"] = setting(
        "REGISTRY_HTTP_TLS_CLIENTAUTH",
        "require-and-verify-client-cert",
        one_of("require-and-verify-client-cert", "verify-client-cert-if-given"),
    )
    health_address: tuple[str, int] | None = setting("REGISTRY_HTTP_HEALTH_ADDR", None, _loopback)
    """A second listener without TLS that only says whether the registry is up; on the loopback only."""

    auth: Literal["htpasswd", "none"] | None = setting("REGISTRY_AUTH", None, one_of("htpasswd", "none"))
    """The reference registry's switch: may say what the paths below say anyway, and must not contradict."""
    htpasswd: str | None = setting("REGISTRY_AUTH_HTPASSWD_PATH", None, some_text)
    """File of users and their bcrypt hashes. Without it nobody logs in, and everybody may do everything."""
    realm: str = setting("REGISTRY_AUTH_HTPASSWD_REALM", "registry", some_text)
    rules: str | None = setting("REGISTRY_AUTH_RULES_PATH", None, some_text)
    """File of rules: who may do what. Without it, whoever logs in may do everything."""
    challenge: Literal["basic", "bearer"] | None = setting(
        "REGISTRY_AUTH_CHALLENGE", None, one_of("basic", "bearer")
    )
    """How clients are asked to log in. By default ``basic``, as in the reference registry; with rules
    ``bearer``, since Docker pulls without a log-in only where it can have an anonymous token.
    """
    token_key: str | None = setting("REGISTRY_AUTH_TOKEN_KEY", None, some_text)
    """File with the key that signs tokens, made if there is none; without it, tokens end with the process."""
    audit: str | None = setting("REGISTRY_AUDIT_PATH", None, some_text)
    """File to which a JSON line is added for each request."""

    congestion: str | None = setting("REGISTRY_HTTP_NET_CONGESTION", None, some_text)
    """TCP congestion control of the listener, where the platform has a choice; without it the host's own."""

    root: str = setting("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", DEFAULT_ROOT, _root)
    """The directory that holds ``docker/registry/v2``; an absolute path."""
    delete_enabled: bool = setting("REGISTRY_STORAGE_DELETE_ENABLED", True, switch)
    read_only: bool = setting("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", False, switch)
    purge_uploads: bool = setting("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", True, switch)
    upload_age: float = setting("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", 168 * 3600.0, duration)
    """An upload that nobody wrote to for so long is removed."""
    purge_interval: float = setting(
        "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL", 24 * 3600.0, at_least(1, duration)
    )
    reserve: int = setting("REGISTRY_STORAGE_FILESYSTEM_RESERVE", 256 * MEBIBYTE, size)
    """Free space that no upload may touch, so that the disk, and what else lives on it, survives a careless
    push.
    """

    max_manifest: int = setting("REGISTRY_HTTP_LIMITS_MANIFEST", 4 * MEBIBYTE, at_least(4 * MEBIBYTE, size))
    """Largest manifest. OCI spec, "Pushing manifests": at least 4 MiB."""
    max_header: int = setting("REGISTRY_HTTP_LIMITS_HEADER", 16384, at_least(1024, size))
    """Longest request head: request line and all header fields."""
    max_uploads: int = setting("REGISTRY_HTTP_LIMITS_UPLOADS", 1000, at_least(1, number))
    """Most uploads open at a time in one repository."""
    max_all_uploads: int = setting("REGISTRY_HTTP_LIMITS_ALLUPLOADS", 10_000, at_least(1, number))
    """Most uploads open at a time in all repositories together; what a killed server left open counts."""
    idle_timeout: float = setting("REGISTRY_HTTP_LIMITS_IDLE", 60.0, more_than_nothing(duration))
    """A client that sends or takes nothing for so long in the middle of a request is disconnected."""
    workers: int = setting("REGISTRY_HTTP_WORKERS", 1, at_least(1, number))
    """Processes that serve: more of them answer more small requests at once, each takes its own memory. One
    is enough to move large layers. Not on Windows.
    """
    threads: int = setting("REGISTRY_HTTP_LIMITS_THREADS", 32, at_least(1, number))
    """Most storage operations at a time that run beside the event loop, in each
    process.
    """

    max_catalog: int = setting("REGISTRY_CATALOG_MAXENTRIES", 1000, at_least(1, number))
    """Most repositories in one page of the catalog."""
    max_tags: int = setting("REGISTRY_TAGS_MAXTAGS", 10_000, at_least(1, number))
    """Most tags in one page of a repository's list."""
    sparse: bool = setting("REGISTRY_VALIDATION_MANIFESTS_SPARSE", True, switch)
    """Whether a manifest may name content that the repository does not hold."""

    log_level: str = setting("REGISTRY_LOG_LEVEL", "INFO", _level)
    access_log: bool = setting("REGISTRY_LOG_ACCESSLOG_ENABLED", False, switch)
    """One line on standard error for each request."""

    @property
    def scheme(self) -> str:
        """The scheme clients use when they talk to this process directly."""
        return "https" if self.tls_certificate else "http"


NAMES = variables(Settings)
"""Every variable that is read."""


def load(environment: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings and warnings for whoever reads the log; raise `SettingsError` with all mistakes at
    once.
    """
    ours = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    ignored = sorted(name for name in ours if name not in NAMES and IRRELEVANT.fullmatch(name))
    mistakes = [_unknown(name) for name in sorted(ours) if name not in NAMES and name not in ignored]
    settings, misread = read(Settings, ours)
    mistakes += misread or _contradictions(settings)
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings, [f"{name} is ignored: it means nothing to this registry" for name in ignored]


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yield what single settings that make sense do not make together."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        yield "REGISTRY_HTTP_TLS_CERTIFICATE and REGISTRY_HTTP_TLS_KEY are set together or not at all"
    if settings.tls_client_authorities and settings.tls_certificate is None:
        yield "REGISTRY_HTTP_TLS_CLIENTCAS needs REGISTRY_HTTP_TLS_CERTIFICATE"
    if settings.workers > 1 and not can_fork():
        yield "REGISTRY_HTTP_WORKERS: a registry on Windows is one process; unset the variable"
    if settings.auth == "htpasswd" and settings.htpasswd is None:
        yield "REGISTRY_AUTH=htpasswd needs REGISTRY_AUTH_HTPASSWD_PATH"
    if settings.auth == "none" and settings.htpasswd is not None:
        yield "REGISTRY_AUTH=none contradicts REGISTRY_AUTH_HTPASSWD_PATH"
    if settings.rules is not None and settings.htpasswd is None:
        yield "REGISTRY_AUTH_RULES_PATH needs users: set REGISTRY_AUTH_HTPASSWD_PATH"


def _unknown(name: str) -> str:
    if name.startswith(("REGISTRY_AUTH_TOKEN_", "REGISTRY_AUTH_SILLY_")):
        return f"{name}: this registry has its own users and issues its own tokens; unset the variable"
    if name.startswith("REGISTRY_PROXY"):
        return f"{name}: this version is no pull-through cache; unset the variable"
    import difflib  # noqa: PLC0415 - only for a mistake; costs a start 2 ms

    close = difflib.get_close_matches(name, NAMES, n=1)
    return f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")
