"""Things to push: blobs, images, lists and artifacts; and pushing them over HTTP, by the specification."""

import hashlib
import json

import httpx

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
ALL = {"Accept": ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])}


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def manifest(config: bytes = b"{}", *layers: bytes, docker: bool = False, **more: object) -> bytes:
    """An image; ``more`` are further fields of the manifest."""
    types = (
        (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) if docker else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
    )
    document = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": descriptor(config, types[1]),
        "layers": [descriptor(layer, types[2]) for layer in layers],
        **more,
    }
    return json.dumps(document, indent=2).encode()


def index(*manifests: bytes, docker: bool = False, **more: object) -> bytes:
    """A list of images for several platforms."""
    types = (DOCKER_LIST, DOCKER_MANIFEST) if docker else (OCI_INDEX, OCI_MANIFEST)
    entries = [
        descriptor(content, types[1], platform={"architecture": f"arch{number}", "os": "linux"})
        for number, content in enumerate(manifests)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": types[0], "manifests": entries, **more}).encode()


def push_blob(http: httpx.Client, repository: str, content: bytes, algorithm: str = "sha256") -> str:
    """Push with POST and PUT; return the digest."""
    digest = digest_of(content, algorithm)
    started = http.post(f"/v2/{repository}/blobs/uploads/")
    assert started.status_code == 202, started.text
    location = httpx.URL(started.headers["location"]).copy_merge_params({"digest": digest})
    finished = http.put(location, content=content, headers={"Content-Type": "application/octet-stream"})
    assert finished.status_code == 201, finished.text
    return digest


def push_manifest(http: httpx.Client, repository: str, reference: str, content: bytes) -> str:
    """Push under the media type that the manifest names; return the digest."""
    media_type = json.loads(content)["mediaType"]
    answer = http.put(
        f"/v2/{repository}/manifests/{reference}", content=content, headers={"Content-Type": media_type}
    )
    assert answer.status_code == 201, answer.text
    return digest_of(content)


def push_image(http: httpx.Client, repository: str, tag: str, *layers: bytes, docker: bool = False) -> bytes:
    """Push an image with all it consists of; return its manifest."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode()
    for blob in (config, *layers):
        push_blob(http, repository, blob)
    content = manifest(config, *layers, docker=docker)
    push_manifest(http, repository, tag, content)
    return content


def pull(http: httpx.Client, repository: str, reference: str) -> httpx.Response:
    return http.get(f"/v2/{repository}/manifests/{reference}", headers=ALL)


def codes(answer: httpx.Response) -> list[str]:
    """The error codes in an answer."""
    return [error["code"] for error in answer.json()["errors"]]
