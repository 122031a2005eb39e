"""The registry container of a host, and what proves that it works."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from deploy.places import REPLACED
from deploy.settings import checks
from deploy.settings.access import AccessSettings
from deploy.settings.base import Settings
from deploy.settings.engine_options import Path
from deploy.settings.image import a_reference, a_repository, a_tag
from deploy.settings.network import IPv4
from deploy.settings.problems import Problem, Problems

Port = Annotated[StrictInt, Field(ge=1, le=65535)]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::[1-9][0-9]*)?")
_OURS = {
    "REGISTRY_HTTP_ADDR": "port",
    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "data_directory",
    "REGISTRY_HTTP_TLS_CERTIFICATE": "tls.certificate",
    "REGISTRY_HTTP_TLS_KEY": "tls.key",
    "REGISTRY_AUTH_HTPASSWD_PATH": "users",
    "REGISTRY_AUTH_RULES_PATH": "rules",
    "REGISTRY_AUDIT_PATH": "audit_directory",
}


def a_container_name(value: str) -> str:
    """Refuse what docker takes for no container name."""
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no container name; write letters, digits, '_', '.' and '-'")
    return value


def a_restart_policy(value: str) -> str:
    """Refuse what is no restart policy."""
    if not _RESTART.fullmatch(value):
        raise ValueError(
            f"{value!r} is no restart policy; write 'unless-stopped', 'always', 'on-failure:3' or 'no'"
        )
    return value


def a_dns_name(value: str) -> str:
    """Refuse what is no host name."""
    if checks.host_port(value)[1] is not None or "." not in value:
        raise ValueError(f"{value!r} is no full host name; write it with its domain and without port")
    return value


class RegistrySettings(AccessSettings):
    """The registry container."""

    name: Annotated[StrictStr, AfterValidator(a_container_name)] = "registry"
    """The container's name."""

    ip: IPv4 = "172.24.194.96"
    """Its address in the nat network; images are named after it, so it must never change."""

    port: Port = 5000
    """Where the registry listens in the container, and what image names say after the address."""

    published_port: Port = 5000
    """Where the registry is reached from outside, at the host's own address."""

    data_directory: Path = "C:\\registry-data"
    """Directory of the host that holds all images; created if absent, never emptied or removed."""

    restart: Annotated[StrictStr, AfterValidator(a_restart_policy)] = "unless-stopped"
    """docker's restart policy."""

    environment: Mapping[StrictStr, StrictStr] = {}
    """More of the registry's own settings, as ``REGISTRY_…`` variables."""

    dns_name: Annotated[StrictStr, AfterValidator(a_dns_name)] | None = None
    """A name under which clients know it as well."""

    insecure: StrictBool | Literal["auto"] = "auto"
    """Whether the engine reaches it without TLS; ``auto``: if it has none."""

    @property
    def address(self) -> str:
        """What image names begin with on this host: ``ip:port``."""
        return f"{self.ip}:{self.port}"

    @property
    def is_insecure(self) -> bool:
        """Whether the engine must be told that there is no TLS."""
        return self.tls is None if self.insecure == "auto" else self.insecure

    @property
    def addresses(self) -> list[str]:
        """Every ``host:port`` under which this host's engine may come to the registry."""
        return [self.address, *([f"{self.dns_name}:{self.port}"] if self.dns_name else [])]

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if problems := list(self._problems()):
            raise Problems(problems)
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from self.access_problems()
        if self.name == REPLACED:
            yield Problem("name", f"{REPLACED} is what the container of before is called; choose another")
        if self.tls and self.insecure is True:
            yield Problem(
                "insecure", "a registry is not insecure and trusted at once: leave insecure or tls out"
            )
        if not self.tls and self.insecure is False:
            yield Problem(
                "insecure", "is false, but the registry has no TLS, so no engine would talk to it: add tls"
            )
        if len(self.data_directory.rstrip("\\/")) == 2:
            yield Problem(
                "data_directory", "is a whole drive; write a directory on it, as in 'C:\\registry-data'"
            )
        for name, value in self.environment.items():
            if not _VARIABLE.fullmatch(name):
                yield Problem(
                    f"environment.{name}", "is no name of a variable; write letters, digits and '_'"
                )
            if name.upper() in _OURS:
                yield Problem(
                    f"environment.{name}", f"is set by registry.{_OURS[name.upper()]}; leave it out here"
                )
            if "\n" in value or "\r" in value or "\0" in value:
                yield Problem(
                    f"environment.{name}", "holds a line break, which no variable of a container may"
                )


class ProofSettings(Settings):
    """What is pulled, tagged, pushed, removed and pulled again to prove that the registry works."""

    image: Annotated[StrictStr, AfterValidator(a_reference)] = "sixeyed/hello-world:nanoserver"
    """A public image."""

    repository: Annotated[StrictStr, AfterValidator(a_repository)] = "labs/hello-world"
    """Where it goes in the registry."""

    tag: Annotated[StrictStr, AfterValidator(a_tag)] = "nanoserver"
    """And under which tag."""
