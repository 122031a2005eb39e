"""The certificate files of a registry as its settings name them: the user's own, or the lab's authority's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from deploy.certificates import own
from deploy.certificates.authority import AuthorityUnusable, first_certificate
from deploy.certificates.keeper import Keeper, ServerFiles
from deploy.certificates.names import Names
from deploy.settings.access import RegistryTls
from deploy.settings.lab import LabSettings
from deploy.settings.problems import Problem
from deploy.settings.registry import RegistrySettings


def names_of(registry: RegistrySettings, host: str) -> Names:
    """Return all that clients call the registry: its name, its address on its host, and ``host``'s own."""
    return Names.of([registry.ip, host, *([registry.dns_name] if registry.dns_name else [])])


def own_certificate_problems(registry: RegistrySettings, host: str) -> list[Problem]:
    """Return what is wrong with the user's own files for the registry on ``host``."""
    tls = registry.tls
    if tls is None or tls.certificate_file is None:
        return []
    try:
        files = own_files(tls)
    except OSError as error:
        return [Problem("registry.tls", f"{error.filename}: {error.strerror}")]
    wanted = names_of(registry, host)
    found = own.problems(files.certificate, files.key, files.authority, wanted, datetime.now(UTC))
    return [Problem("registry.tls", f"{tls.certificate_file}: {text}") for text in found]


def own_files(tls: RegistryTls) -> ServerFiles:
    """Return the user's own files; raise OSError."""
    return ServerFiles(
        certificate=_read(tls.certificate_file or ""),
        key=_read(tls.key_file or ""),
        authority=_read(tls.authority_file) if tls.authority_file else None,
        renewed=None,
    )


def server_files(registry: RegistrySettings, host: str, keeper: Keeper) -> ServerFiles | None:
    """Return what the host of the registry gets; None if there is no TLS, or the files are there already.

    Raises `AuthorityUnusable` or OSError.
    """
    tls = registry.tls
    if tls is None or not tls.is_uploaded:
        return None
    if tls.lab_ca:
        return keeper.server(f"{host}-{registry.name}", names_of(registry, host))
    return own_files(tls)


def authority_of(registry: RegistrySettings, keeper: Keeper) -> bytes | None:
    """Return what engines are to trust for the registry; None if they trust it already.

    Raises `AuthorityUnusable` or OSError.
    """
    tls = registry.tls
    if tls is None:
        return None
    if tls.lab_ca:
        return keeper.authority().certificate_pem()
    return read_authority(tls.authority_file) if tls.authority_file else None


def authority_file_problems(lab: LabSettings) -> list[Problem]:
    """Return what is wrong with the files of authorities that a host is to trust."""
    named = {f"trust.registries.{at}": each for at, each in enumerate(lab.trust.registries)}
    files = {f"{setting}.authority_file": remote.authority_file for setting, remote in named.items()}
    if lab.registry.tls is not None and lab.registry.tls.certificate_file is None:
        # With a certificate of the user's own it is looked at together with that.
        files["registry.tls.authority_file"] = lab.registry.tls.authority_file
    return [
        Problem(setting, problem) for setting, path in files.items() if path and (problem := _unusable(path))
    ]


def _unusable(path: str) -> str:
    try:
        read_authority(path)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except AuthorityUnusable as error:
        return str(error)
    return ""


def read_authority(path: str) -> bytes:
    """Return an authority's certificate; raises `AuthorityUnusable` for what is none, or OSError."""
    content = _read(path)
    try:
        first_certificate(content)
    except AuthorityUnusable as error:
        raise AuthorityUnusable(f"{path}: {error}") from error
    return content


def _read(path: str) -> bytes:
    return Path(path).expanduser().read_bytes()
