"""Where and how an engine reaches a registry: end points, trust from certs.d, credentials."""

from __future__ import annotations

import base64
import json
import ntpath
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError
from rehearsal.engine.references import DEFAULT_REGISTRY, Reference
from rehearsal.engine.registry_client import Credentials, EndPoint, RegistryClient, end_points
from rehearsal.engine.registry_transport import Network, Trusted
from rehearsal.interfaces import WindowsError

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine


def network_of(engine: Engine) -> Network:
    """Return how an engine reaches registries."""
    return Network(engine.host.address, engine.machine.addresses, engine.runtime.where)


def registry_end_points(engine: Engine, registry: str) -> list[EndPoint]:
    """Return where to look for a registry; raises `EngineError` if its certs.d folder is broken."""
    trust = engine.started.trust
    secure = trust.is_secure(registry, engine.machine.addresses)
    trusted = _trusted(engine, registry) if secure else Trusted(verify=False)
    return end_points(registry, secure=secure, trusted=trusted)


def mirror_end_points(engine: Engine) -> list[EndPoint]:
    """Return the mirrors of Docker Hub, in order."""
    found = []
    for mirror in engine.started.trust.mirrors:
        url = mirror.rstrip("/")
        url = url if url.startswith(("http://", "https://")) else f"https://{url}"
        name = url.partition("://")[2].partition("/")[0]
        secure = engine.started.trust.is_secure(name, engine.machine.addresses)
        found.append(EndPoint(url, _trusted(engine, name) if secure else Trusted(verify=False), mirror=True))
    return found


def _trusted(engine: Engine, registry: str) -> Trusted:
    """Return what ``certs.d`` says of a registry: authorities (*.crt), client certificates with their keys.

    The folder is named after the registry with its colons left out; it is not below data-root.
    """
    program_data = engine.machine.environment.get("PROGRAMDATA", "C:\\ProgramData")
    folder = ntpath.join(program_data, "docker", "certs.d", registry.replace(":", ""))
    try:
        names = [entry.name for entry in engine.host.files.list(folder) if not entry.is_directory]
    except WindowsError:
        return Trusted()
    files = engine.host.files
    authorities, pairs = [], []
    for name in names:
        stem, _, ending = name.rpartition(".")
        if ending == "crt":
            authorities.append(files.read(ntpath.join(folder, name)))
        elif ending == "cert":
            if f"{stem}.key" not in names:
                raise EngineError(
                    f"missing key {stem}.key for client certificate {name}. "
                    "CA certificates must use the extension .crt"
                )
            paths = (ntpath.join(folder, name), ntpath.join(folder, f"{stem}.key"))
            pairs.append((files.real(paths[0]), files.real(paths[1])))
        elif ending == "key" and f"{stem}.cert" not in names:
            raise EngineError(f"missing client certificate {stem}.cert for key {name}")
    return Trusted(authorities=tuple(authorities), client_certificates=tuple(pairs))


def credentials(engine: Engine, registry: str) -> Credentials | None:
    r"""Return who the user is to a registry, from ``%USERPROFILE%\.docker\config.json``."""
    profile = engine.machine.environment.get("USERPROFILE", "")
    path = ntpath.join(profile, ".docker", "config.json")
    try:
        config = json.loads(engine.host.files.read(path).decode("utf-8-sig"))
    except (WindowsError, ValueError):
        return None
    entry = (config.get("auths") or {}).get(registry)
    if not entry or not entry.get("auth"):
        return None
    user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    return Credentials(user, password)


def client_for(engine: Engine, point: EndPoint, reference: Reference, actions: str) -> RegistryClient:
    """Return a client of one end point for a reference's repository."""
    known = credentials(engine, reference.registry)
    return RegistryClient(network_of(engine), point, reference.repository, known, actions)


def remember_layers(engine: Engine, wanted: Reference, digests: list[str]) -> None:
    """Remember that a repository has these layers: another one of its registry can mount them from there."""
    with engine.state.change():
        for digest in digests:
            known = engine.state.pushed.setdefault(digest, [])
            if wanted.name not in known and wanted.registry != DEFAULT_REGISTRY:
                known.append(wanted.name)
