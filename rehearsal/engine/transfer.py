"""Pull and push: images between the engine and registries (moby ``daemon/internal/distribution``)."""

from __future__ import annotations

import base64
import json
import ntpath
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.engine import catalogue
from rehearsal.engine.blobs import Blobs, digest_of
from rehearsal.engine.catalogue import manifest_of
from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.images import short_id
from rehearsal.engine.records import FOREIGN_LAYER, LAYER, Image, Layer
from rehearsal.engine.references import DEFAULT_REGISTRY, Reference
from rehearsal.engine.registry_client import (
    MANIFEST,
    MANIFEST_LIST,
    OCI_INDEX,
    OCI_MANIFEST,
    Credentials,
    EndPoint,
    NoCredentials,
    RegistryClient,
    RegistryFailure,
    TransportError,
    end_points,
)
from rehearsal.engine.registry_transport import Network, Trusted
from rehearsal.interfaces import WindowsError

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

Print = Callable[[str], None]
_HUB = "registry-1.docker.io"
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
_ACCEPT = ", ".join((MANIFEST, MANIFEST_LIST, OCI_MANIFEST, OCI_INDEX))


class PushError(Exception):
    """A push failed after it had begun: docker prints the text as it is."""


def network_of(engine: Engine) -> Network:
    """Return how an engine reaches registries."""
    return Network(engine.host.address, engine.machine.addresses, engine.runtime.where)


def _end_points(engine: Engine, registry: str) -> list[EndPoint]:
    trust = engine.started.trust
    secure = trust.is_secure(registry, engine.machine.addresses)
    trusted = _trusted(engine, registry) if secure else Trusted(verify=False)
    return end_points(registry, secure=secure, trusted=trusted)


def _mirrors(engine: Engine) -> list[EndPoint]:
    found = []
    for mirror in engine.started.trust.mirrors:
        url = mirror.rstrip("/")
        url = url if url.startswith(("http://", "https://")) else f"https://{url}"
        name = url.partition("://")[2].partition("/")[0]
        secure = engine.started.trust.is_secure(name, engine.machine.addresses)
        found.append(EndPoint(url, _trusted(engine, name) if secure else Trusted(verify=False), mirror=True))
    return found


def _trusted(engine: Engine, registry: str) -> Trusted:
    """Return what ``certs.d`` says of a registry: authorities from *.crt, client certificates with their keys.

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


# Pull


def pull(engine: Engine, reference: Reference, out: Print) -> Image:
    """Pull an image and give it its name; raises `EngineError`."""
    wanted = reference.tagged()
    last: EngineError | None = None
    for client in _pull_clients(engine, wanted):
        try:
            client.ping()
            return _pull_from(engine, client, wanted, out)
        except (TransportError, NoCredentials) as error:
            last = EngineError(str(error))
        except RegistryFailure as failure:
            last = _not_found(wanted, failure)
            if wanted.registry != DEFAULT_REGISTRY:
                raise last from failure
    public = catalogue.published().get(str(wanted))
    if public is not None:
        return _pull_public(engine, public, wanted, out)
    if wanted.registry in (DEFAULT_REGISTRY, "mcr.microsoft.com"):
        raise NotFoundError(
            f"manifest for {wanted} not found: manifest unknown: manifest unknown"
            if wanted.registry != DEFAULT_REGISTRY or _known_repository(wanted)
            else f"pull access denied for {wanted.name}, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied"
        )
    raise last or EngineError(f"no end point for {wanted.registry}")


def _known_repository(wanted: Reference) -> bool:
    return any(Reference.parse(name).name == wanted.name for name in catalogue.published())


def _pull_clients(engine: Engine, wanted: Reference) -> list[RegistryClient]:
    public = wanted.registry in (DEFAULT_REGISTRY, "mcr.microsoft.com")
    points = _mirrors(engine) if wanted.registry == DEFAULT_REGISTRY else []
    points += [] if public else _end_points(engine, wanted.registry)
    return [_client(engine, point, wanted, "pull") for point in points]


def _client(engine: Engine, point: EndPoint, reference: Reference, actions: str) -> RegistryClient:
    known = credentials(engine, reference.registry)
    return RegistryClient(network_of(engine), point, reference.repository, known, actions)


def _not_found(wanted: Reference, failure: RegistryFailure) -> EngineError:
    if failure.code == "manifest unknown":
        return NotFoundError(f"manifest for {wanted} not found: {failure}")
    if failure.code == "name unknown":
        return NotFoundError(f"repository {wanted.name} not found: {failure}")
    if failure.code == "denied":
        return NotFoundError(
            f"pull access denied for {wanted.name}, repository does not exist or may require 'docker login': "
            f"{failure}"
        )
    return EngineError(str(failure))


def _pull_from(engine: Engine, client: RegistryClient, wanted: Reference, out: Print) -> Image:
    answer = client.call("GET", f"manifests/{wanted.digest or wanted.tag}", headers={"Accept": _ACCEPT})
    content, manifest = answer.body, json.loads(answer.body)
    digest = digest_of(content)
    if manifest.get("mediaType", answer.header("content-type")) in (MANIFEST_LIST, OCI_INDEX):
        chosen = _choose(engine, wanted, manifest)
        content = client.call("GET", f"manifests/{chosen}", headers={"Accept": _ACCEPT}).body
        manifest = json.loads(content)
    config_digest = manifest["config"]["digest"]
    out(f"{wanted.tag or wanted.digest}: Pulling from {_path(wanted)}")
    known = engine.state.images.get(config_digest)
    if known is None:
        config = client.call("GET", f"blobs/{config_digest}").body
        _verify(config, config_digest)
        whole = json.loads(config)
        check_platform(engine, whole)
        layers = [_layer(item, diff) for item, diff in zip(manifest["layers"], _diffs(whole), strict=True)]
        _fetch_layers(engine, layers, lambda layer: _blob(client, layer), out)
        engine.state.blobs.write(config)
        known = Image(config_digest, whole, layers)
        _remember(engine, wanted, layers)
    return _finish(engine, known, wanted, digest, out)


def _path(wanted: Reference) -> str:
    return wanted.repository


def _diffs(config: Mapping[str, Any]) -> list[str]:
    return list(config.get("rootfs", {}).get("diff_ids", []))


def _layer(item: Mapping[str, Any], diff_id: str) -> Layer:
    foreign = item.get("mediaType") in (FOREIGN_LAYER, _OCI_FOREIGN)
    kind = FOREIGN_LAYER if foreign else LAYER
    return Layer(item["digest"], diff_id, int(item["size"]), kind, list(item.get("urls") or []))


def _choose(engine: Engine, wanted: Reference, index: Mapping[str, Any]) -> str:
    """Return the digest of the manifest for this host: its own build first, else an older one."""
    found = []
    for item in index.get("manifests", []):
        platform = item.get("platform") or {}
        if platform.get("os") == "windows" and platform.get("architecture", "amd64") == "amd64":
            build = _build_of(str(platform.get("os.version", "")))
            if build <= engine.host.build:
                found.append((build == engine.host.build, build, item["digest"]))
    if not found:
        raise EngineError(
            f"no matching manifest for windows/amd64 10.0.{engine.host.build} in the manifest list entries"
        )
    return str(max(found, key=lambda item: item[:2])[2])


def _build_of(version: str) -> int:
    parts = version.split(".")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0


def check_platform(engine: Engine, config: Mapping[str, Any]) -> None:
    """Raise `EngineError` if an image cannot run on this host: another system, or a newer Windows."""
    system = config.get("os")
    if system != "windows":
        raise EngineError(f'image operating system "{system}" cannot be used on this platform')
    version = str(config.get("os.version", ""))
    if _build_of(version) > engine.host.build:
        short = ".".join(version.split(".")[:3])
        raise EngineError(
            f"a Windows version {short}-based image is incompatible with a 10.0.{engine.host.build} host"
        )


def _blob(client: RegistryClient, layer: Layer) -> bytes:
    if layer.is_foreign:
        return foreign_content(layer)
    return client.call("GET", f"blobs/{layer.digest}").body


def foreign_content(layer: Layer) -> bytes:
    """Return a foreign layer from where its URLs point: the catalogue stands in for that server."""
    for public in catalogue.published().values():
        for name, content in catalogue.blobs_of(public).items():
            if name == layer.digest:
                return content
    raise EngineError(f"error pulling image configuration: download failed after attempts=6: {layer.urls}")


def _verify(content: bytes, digest: str) -> None:
    if digest_of(content) != digest:
        raise EngineError(f"filesystem layer verification failed for digest {digest}")


def _fetch_layers(engine: Engine, layers: list[Layer], fetch: Callable[[Layer], bytes], out: Print) -> None:
    engine.check_space()
    blobs = engine.state.blobs
    kept = {layer.digest for image in engine.state.images.values() for layer in image.layers}
    present = [layer.digest in kept and blobs.has(layer.digest) for layer in layers]
    for layer, there in zip(layers, present, strict=True):
        out(f"{short_id(layer.digest)}: {'Already exists' if there else 'Pulling fs layer'}")
    for layer, there in zip(layers, present, strict=True):
        if there:
            continue
        content = fetch(layer)
        _verify(content, layer.digest)
        blobs.write(content)
        out(f"{short_id(layer.digest)}: Verifying Checksum")
        out(f"{short_id(layer.digest)}: Download complete")
    for layer, there in zip(layers, present, strict=True):
        if not there:
            out(f"{short_id(layer.digest)}: Pull complete")


def _finish(engine: Engine, image: Image, wanted: Reference, digest: str, out: Print) -> Image:
    # A pull or push by tag also makes the reference by digest (moby ``addDigestReference``).
    known = engine.state.images.get(image.id)
    newer = known is None or str(wanted) not in (*known.tags, *known.digests)
    kept = engine.images.add(image, wanted, digest)
    if newer:
        engine.host.changed(f"image {wanted} pulled")
    out(f"Digest: {digest}")
    out(f"Status: {'Downloaded newer image' if newer else 'Image is up to date'} for {wanted}")
    return kept


def _remember(engine: Engine, wanted: Reference, layers: list[Layer]) -> None:
    with engine.state.change():
        for layer in layers:
            known = engine.state.pushed.setdefault(layer.digest, [])
            if wanted.name not in known and wanted.registry != DEFAULT_REGISTRY:
                known.append(wanted.name)


def _pull_public(engine: Engine, public: catalogue.PublicImage, wanted: Reference, out: Print) -> Image:
    check_platform(engine, {"os": "windows", "os.version": public.os_version})
    out(f"{wanted.tag}: Pulling from {_path(wanted)}")
    contents = catalogue.blobs_of(public)
    image = catalogue.image_of(public)
    _fetch_layers(engine, image.layers, lambda layer: contents[layer.digest], out)
    engine.state.blobs.write(contents[image.id])
    return _finish(engine, image, wanted, digest_of(contents["manifest"]), out)


# Push


def push(engine: Engine, reference: Reference, out: Print) -> None:
    """Push an image; raises `PushError` once docker has said that it pushes."""
    wanted = reference.tagged()
    out(f"The push refers to repository [{_full_name(wanted)}]")
    try:
        image = engine.images.find(str(wanted))
    except NotFoundError as error:
        raise PushError(f"An image does not exist locally with the tag: {wanted.name}") from error
    if wanted.registry == DEFAULT_REGISTRY:
        raise PushError("denied: requested access to the resource is denied")
    last = ""
    for point in _end_points(engine, wanted.registry):
        client = _client(engine, point, wanted, "pull,push")
        try:
            client.ping()
            _push_to(engine, client, wanted, image, out)
        except TransportError as error:
            last = str(error)
        except (NoCredentials, RegistryFailure) as error:
            raise PushError(str(error)) from error
        else:
            return
    raise PushError(last)


def _full_name(wanted: Reference) -> str:
    return f"{wanted.registry}/{wanted.repository}"


def _push_to(engine: Engine, client: RegistryClient, wanted: Reference, image: Image, out: Print) -> None:
    layers = list(reversed(image.layers))
    for layer in layers:
        out(f"{short_id(layer.diff_id)}: Preparing")
    for layer in layers:
        out(f"{short_id(layer.diff_id)}: {_push_layer(engine, client, wanted, layer)}")
    blobs = engine.state.blobs
    if not _exists(client, image.id):
        _upload(client, image.id, blobs.read(image.id))
    manifest = manifest_of(image, blobs)
    headers = {"Content-Type": MANIFEST}
    client.call("PUT", f"manifests/{wanted.tag}", headers=headers, body=manifest, expected=(200, 201, 202))
    digest = digest_of(manifest)
    engine.images.add(image, wanted, digest)
    out(f"{wanted.tag}: digest: {digest} size: {len(manifest)}")


def _push_layer(engine: Engine, client: RegistryClient, wanted: Reference, layer: Layer) -> str:
    if layer.is_foreign:
        return "Skipped foreign layer"
    if _exists(client, layer.digest):
        _remember(engine, wanted, [layer])
        return "Layer already exists"
    others = [
        name
        for name in engine.state.pushed.get(layer.digest, [])
        if name.startswith(f"{wanted.registry}/") and name != wanted.name
    ]
    for other in others[:3]:
        source = other.removeprefix(f"{wanted.registry}/")
        query = f"blobs/uploads/?mount={layer.digest}&from={source}"
        answer = client.call("POST", query, expected=(201, 202))
        if answer.status == 201:
            _remember(engine, wanted, [layer])
            return f"Mounted from {source}"
        client.call("DELETE", client.location(answer), expected=(200, 202, 204, 404, 405))
    _upload(client, layer.digest, _content(engine.state.blobs, layer))
    _remember(engine, wanted, [layer])
    return "Pushed"


def _content(blobs: Blobs, layer: Layer) -> bytes:
    return blobs.read(layer.digest)


def _exists(client: RegistryClient, digest: str) -> bool:
    return client.call("HEAD", f"blobs/{digest}", expected=(200, 404)).status == 200


def _upload(client: RegistryClient, digest: str, content: bytes) -> None:
    """Upload a blob as docker does: open a session, send everything in one PATCH, close with the digest."""
    opened = client.call("POST", "blobs/uploads/", expected=(202,))
    headers = {"Content-Type": "application/octet-stream"}
    sent = client.call("PATCH", client.location(opened), headers=headers, body=content, expected=(202, 204))
    place = client.location(sent)
    separator = "&" if "?" in place else "?"
    client.call("PUT", f"{place}{separator}digest={digest}", expected=(201, 204))
