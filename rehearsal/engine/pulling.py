"""Pulling images, from registries and from the catalogue (moby ``daemon/internal/distribution``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.engine import catalogue
from rehearsal.engine.blobs import digest_of
from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.images import short_id
from rehearsal.engine.reaching import client_for, mirror_end_points, registry_end_points, remember_layers
from rehearsal.engine.records import FOREIGN_LAYER, LAYER, Image, Layer
from rehearsal.engine.references import DEFAULT_REGISTRY, Reference
from rehearsal.engine.registry_client import (
    MANIFEST,
    MANIFEST_LIST,
    OCI_INDEX,
    OCI_MANIFEST,
    NoCredentials,
    RegistryClient,
    RegistryFailure,
    TransportError,
)

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

Print = Callable[[str], None]
_OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
_ACCESS_DENIED = "requested access to the resource is denied"
_ACCEPT = ", ".join((MANIFEST, MANIFEST_LIST, OCI_MANIFEST, OCI_INDEX))


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
        known = wanted.registry != DEFAULT_REGISTRY or _known_repository(wanted)
        code, text = ("manifest unknown",) * 2 if known else ("denied", _ACCESS_DENIED)
        raise _not_found(wanted, RegistryFailure(404, code, text))
    raise last or EngineError(f"no end point for {wanted.registry}")


def _known_repository(wanted: Reference) -> bool:
    return any(Reference.parse(name).name == wanted.name for name in catalogue.published())


def _pull_clients(engine: Engine, wanted: Reference) -> list[RegistryClient]:
    public = wanted.registry in (DEFAULT_REGISTRY, "mcr.microsoft.com")
    points = mirror_end_points(engine) if wanted.registry == DEFAULT_REGISTRY else []
    points += [] if public else registry_end_points(engine, wanted.registry)
    return [client_for(engine, point, wanted, "pull") for point in points]


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
        chosen = _choose(engine, manifest)
        content = client.call("GET", f"manifests/{chosen}", headers={"Accept": _ACCEPT}).body
        manifest = json.loads(content)
    config_digest = manifest["config"]["digest"]
    out(f"{wanted.tag or wanted.digest}: Pulling from {wanted.repository}")
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
        remember_layers(engine, wanted, [layer.digest for layer in layers])
    return _finish(engine, known, wanted, digest, out)


def _diffs(config: Mapping[str, Any]) -> list[str]:
    return list(config.get("rootfs", {}).get("diff_ids", []))


def _layer(item: Mapping[str, Any], diff_id: str) -> Layer:
    foreign = item.get("mediaType") in (FOREIGN_LAYER, _OCI_FOREIGN)
    kind = FOREIGN_LAYER if foreign else LAYER
    return Layer(item["digest"], diff_id, int(item["size"]), kind, list(item.get("urls") or []))


def _choose(engine: Engine, index: Mapping[str, Any]) -> str:
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


def _pull_public(engine: Engine, public: catalogue.PublicImage, wanted: Reference, out: Print) -> Image:
    check_platform(engine, {"os": "windows", "os.version": public.os_version})
    out(f"{wanted.tag}: Pulling from {wanted.repository}")
    contents = catalogue.blobs_of(public)
    image = catalogue.image_of(public)
    _fetch_layers(engine, image.layers, lambda layer: contents[layer.digest], out)
    engine.state.blobs.write(contents[image.id])
    return _finish(engine, image, wanted, digest_of(contents["manifest"]), out)
