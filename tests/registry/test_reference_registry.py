"""One directory, two registries: what Debian's docker-registry wrote is ours to serve and delete, and the
reverse.
"""

import json
import shutil
import subprocess
from collections.abc import Callable

import pytest

from .content import (
    DOCKER_FOREIGN,
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    index,
    manifest,
    pull,
    push_blob,
    push_image,
    push_manifest,
)
from .servers import RunningRegistry

pytestmark = pytest.mark.skipif(
    shutil.which("docker-registry") is None, reason="docker-registry is not installed"
)

Pair = tuple[RunningRegistry, RunningRegistry]
LAYERS = [bytes([number]) * 100_000 for number in range(3)]


@pytest.fixture(params=["they-write", "we-write"])
def pair(
    request: pytest.FixtureRequest,
    start: Callable[..., RunningRegistry],
    start_reference: Callable[[], RunningRegistry],
) -> Pair:
    """The registry that writes, and the one that reads."""
    ours, theirs = start(), start_reference()
    return (theirs, ours) if request.param == "they-write" else (ours, theirs)


def test_images_of_one_are_pulled_from_the_other(pair: Pair) -> None:
    writer, reader = pair
    oci = push_image(writer.http, "labs/oci", "v1", *LAYERS)
    docker = push_image(writer.http, "labs/docker", "v1", *LAYERS, docker=True)

    for repository, content, media_type in [
        ("labs/oci", oci, OCI_MANIFEST),
        ("labs/docker", docker, DOCKER_MANIFEST),
    ]:
        for reference in ("v1", digest_of(content)):
            answer = pull(reader.http, repository, reference)
            assert (answer.content, answer.headers["content-type"]) == (content, media_type)
        for layer in LAYERS:
            assert reader.http.get(f"/v2/{repository}/blobs/{digest_of(layer)}").content == layer


def test_lists_of_one_are_those_of_the_other(pair: Pair) -> None:
    writer, reader = pair
    for repository, tag in [("a/b", "v2"), ("a/b", "v10"), ("a", "v1"), ("z", "Latest")]:
        push_image(writer.http, repository, tag)

    assert reader.http.get("/v2/_catalog").json() == {"repositories": ["a", "a/b", "z"]}
    for registry in pair:
        # Theirs come in the order of the directory: sorting came with version 3.
        answer = registry.http.get("/v2/a/b/tags/list").json()
        assert (answer["name"], sorted(answer["tags"])) == ("a/b", ["v10", "v2"])


def test_a_manifest_list_with_a_foreign_layer_passes(pair: Pair) -> None:
    writer, reader = pair
    config = b'{"architecture": "amd64", "os": "windows"}'
    push_blob(writer.http, "labs/windows", config)
    push_blob(writer.http, "labs/windows", LAYERS[0])
    foreign = descriptor(b"of Microsoft", DOCKER_FOREIGN, urls=["https://example.com/layer"])
    document = json.loads(manifest(config, LAYERS[0], docker=True))
    document["layers"].insert(0, foreign)
    image = json.dumps(document).encode()
    push_manifest(writer.http, "labs/windows", digest_of(image), image)
    listing = index(image, docker=True)
    push_manifest(writer.http, "labs/windows", "ltsc2022", listing)

    assert pull(reader.http, "labs/windows", "ltsc2022").content == listing
    assert pull(reader.http, "labs/windows", digest_of(image)).content == image


def test_a_deletion_by_one_is_seen_by_the_other(pair: Pair) -> None:
    writer, reader = pair
    kept, gone = (
        push_image(writer.http, "labs/x", "kept", b"1"),
        push_image(writer.http, "labs/x", "gone", b"2"),
    )
    assert pull(reader.http, "labs/x", "gone").content == gone
    assert pull(writer.http, "labs/x", "gone").content == gone

    deleted = reader.http.delete(f"/v2/labs/x/manifests/{digest_of(gone)}")
    blob = reader.http.delete(f"/v2/labs/x/blobs/{digest_of(b'2')}")

    assert (deleted.status_code, blob.status_code) == (202, 202)
    for registry in pair:
        assert pull(registry.http, "labs/x", digest_of(gone)).status_code == 404
        assert pull(registry.http, "labs/x", "gone").status_code == 404
        assert registry.http.get(f"/v2/labs/x/blobs/{digest_of(b'2')}").status_code == 404
        assert registry.http.get("/v2/labs/x/tags/list").json()["tags"] == ["kept"]
        assert pull(registry.http, "labs/x", "kept").content == kept


def test_a_tag_that_we_deleted_is_gone_for_them(
    start: Callable[..., RunningRegistry], start_reference: Callable[[], RunningRegistry]
) -> None:
    ours, theirs = start(), start_reference()
    content = push_image(theirs.http, "labs/x", "v1")

    assert ours.http.delete("/v2/labs/x/manifests/v1").status_code == 202

    assert pull(theirs.http, "labs/x", "v1").status_code == 404
    assert pull(theirs.http, "labs/x", digest_of(content)).content == content


def test_a_tag_moved_by_one_is_moved_for_the_other(pair: Pair) -> None:
    writer, reader = pair
    push_image(writer.http, "labs/x", "v1", b"1")
    assert pull(reader.http, "labs/x", "v1").status_code == 200

    moved = push_image(writer.http, "labs/x", "v1", b"2")
    back = push_image(reader.http, "labs/x", "v1", b"3")

    assert moved != back
    assert pull(writer.http, "labs/x", "v1").content == back


def test_referrers_that_the_other_wrote_are_listed(
    start: Callable[..., RunningRegistry], start_reference: Callable[[], RunningRegistry]
) -> None:
    ours, theirs = start(), start_reference()
    image = push_image(theirs.http, "labs/x", "v1")
    first, second = (
        manifest(config, subject=descriptor(image, OCI_MANIFEST), artifactType="application/x.sbom")
        for config in (b"{}", b"{} ")
    )
    push_blob(theirs.http, "labs/x", b"{}"), push_blob(theirs.http, "labs/x", b"{} ")
    push_manifest(theirs.http, "labs/x", digest_of(first), first)
    path = f"/v2/labs/x/referrers/{digest_of(image)}"
    assert [entry["digest"] for entry in ours.http.get(path).json()["manifests"]] == [digest_of(first)]

    push_manifest(theirs.http, "labs/x", digest_of(second), second)
    theirs.http.delete(f"/v2/labs/x/manifests/{digest_of(first)}")

    assert [entry["digest"] for entry in ours.http.get(path).json()["manifests"]] == [digest_of(second)]


def test_an_upload_that_they_began_goes_on_with_us(
    start: Callable[..., RunningRegistry], start_reference: Callable[[], RunningRegistry]
) -> None:
    """As after a change from one registry to the other in the middle of a push."""
    ours, theirs = start(), start_reference()
    content = LAYERS[0] + LAYERS[1]
    begun = theirs.http.post("/v2/labs/x/blobs/uploads/")
    theirs.http.patch(
        begun.headers["location"],
        content=LAYERS[0],
        headers={"Content-Type": "application/octet-stream"},
    )
    location = f"/v2/labs/x/blobs/uploads/{begun.headers['docker-upload-uuid']}"

    status = ours.http.get(location)
    more = {"Content-Range": f"{len(LAYERS[0])}-{len(content) - 1}"}
    finished = ours.http.put(f"{location}?digest={digest_of(content)}", content=LAYERS[1], headers=more)

    assert status.headers["range"] == f"0-{len(LAYERS[0]) - 1}"
    assert finished.status_code == 201
    for registry in (ours, theirs):
        assert registry.http.get(f"/v2/labs/x/blobs/{digest_of(content)}").content == content
    assert list((ours.store / "repositories/labs/x/_uploads").iterdir()) == []


def test_their_garbage_collection_keeps_what_we_wrote(
    start: Callable[..., RunningRegistry], start_reference: Callable[[], RunningRegistry]
) -> None:
    ours, theirs = start(), start_reference()
    kept = push_image(ours.http, "labs/x", "kept", LAYERS[0])
    gone = push_image(ours.http, "labs/x", "gone", LAYERS[1])
    ours.http.delete(f"/v2/labs/x/manifests/{digest_of(gone)}")
    configuration = theirs.log.with_suffix(".yml")

    subprocess.run(["docker-registry", "garbage-collect", configuration], check=True, capture_output=True)

    assert pull(ours.http, "labs/x", "kept").content == kept
    assert ours.http.get(f"/v2/labs/x/blobs/{digest_of(LAYERS[0])}").content == LAYERS[0]
    # What they swept is gone for us, too, and a client that asks first pushes it again.
    assert ours.http.head(f"/v2/labs/x/blobs/{digest_of(LAYERS[1])}").status_code == 404
    push_image(ours.http, "labs/x", "again", LAYERS[1])
    assert ours.http.get(f"/v2/labs/x/blobs/{digest_of(LAYERS[1])}").content == LAYERS[1]
