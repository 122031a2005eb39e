"""Pushing images to registries, layer by layer (moby ``daemon/internal/distribution/push_v2.go``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rehearsal.engine.blobs import digest_of
from rehearsal.engine.catalogue import manifest_of
from rehearsal.engine.errors import NotFoundError
from rehearsal.engine.images import short_id
from rehearsal.engine.reaching import client_for, registry_end_points, remember_layers
from rehearsal.engine.records import Image, Layer
from rehearsal.engine.references import DEFAULT_REGISTRY, Reference
from rehearsal.engine.registry_client import (
    MANIFEST,
    NoCredentials,
    RegistryClient,
    RegistryFailure,
    TransportError,
)

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

Print = Callable[[str], None]
_MOUNT_ATTEMPTS = 3


class PushError(Exception):
    """A push failed after it had begun: docker prints the text as it is."""


def push(engine: Engine, reference: Reference, out: Print) -> None:
    """Push an image; raises `PushError` once docker has said that it pushes."""
    wanted = reference.tagged()
    out(f"The push refers to repository [{wanted.registry}/{wanted.repository}]")
    try:
        image = engine.images.find(str(wanted))
    except NotFoundError as error:
        raise PushError(f"An image does not exist locally with the tag: {wanted.name}") from error
    if wanted.registry == DEFAULT_REGISTRY:
        raise PushError("denied: requested access to the resource is denied")
    last = ""
    for point in registry_end_points(engine, wanted.registry):
        client = client_for(engine, point, wanted, "pull,push")
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
        remember_layers(engine, wanted, [layer.digest])
        return "Layer already exists"
    others = [
        name
        for name in engine.state.pushed.get(layer.digest, [])
        if name.startswith(f"{wanted.registry}/") and name != wanted.name
    ]
    for other in others[:_MOUNT_ATTEMPTS]:
        source = other.removeprefix(f"{wanted.registry}/")
        query = f"blobs/uploads/?mount={layer.digest}&from={source}"
        answer = client.call("POST", query, expected=(201, 202))
        if answer.status == 201:
            remember_layers(engine, wanted, [layer.digest])
            return f"Mounted from {source}"
        client.call("DELETE", client.location(answer), expected=(200, 202, 204, 404, 405))
    _upload(client, layer.digest, engine.state.blobs.read(layer.digest))
    remember_layers(engine, wanted, [layer.digest])
    return "Pushed"


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
