"""Manifests and tags: pushed, pulled, listed, moved, deleted; kept byte for byte, with their media type."""

import json
import os
from collections.abc import Callable

import httpx
import pytest

from .content import (
    ALL,
    DOCKER_FOREIGN,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    codes,
    descriptor,
    digest_of,
    index,
    manifest,
    pull,
    push_image,
    push_manifest,
)
from .servers import RunningRegistry

ODD = b'{\n "schemaVersion": 2,   "config": %s, "layers": [], "x": [1.50, "\\u00e9\xc3\xa9"], "x": 2 }\n'
CONFIG = json.dumps(descriptor(b"{}", "application/vnd.oci.image.config.v1+json")).encode()


@pytest.mark.parametrize(
    ("content", "sent", "served"),
    [
        pytest.param(manifest(), OCI_MANIFEST, OCI_MANIFEST, id="oci-image"),
        pytest.param(index(manifest()), OCI_INDEX, OCI_INDEX, id="oci-index"),
        pytest.param(manifest(docker=True), DOCKER_MANIFEST, DOCKER_MANIFEST, id="docker-image"),
        pytest.param(index(manifest(), docker=True), DOCKER_LIST, DOCKER_LIST, id="docker-list"),
        pytest.param(index(index(manifest())), OCI_INDEX, OCI_INDEX, id="nested-index"),
        pytest.param(
            manifest(docker=True), "application/json", DOCKER_MANIFEST, id="content-type-says-nothing"
        ),
        pytest.param(manifest(), f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST, id="with-parameters"),
        pytest.param(ODD % CONFIG, OCI_MANIFEST, OCI_MANIFEST, id="odd-json-without-media-type"),
        pytest.param(
            b'{"schemaVersion": 2, "manifests": []}', OCI_INDEX, OCI_INDEX, id="index-without-media-type"
        ),
        pytest.param(
            b"no json at all \x00\xff", "application/vnd.x.y+z", "application/vnd.x.y+z", id="unknown"
        ),
        pytest.param(
            manifest(), "application/vnd.x.wraps+json", "application/vnd.x.wraps+json", id="overruled"
        ),
        pytest.param(manifest(b"{}", b"", data="e30="), OCI_MANIFEST, OCI_MANIFEST, id="data-field"),
    ],
)
def test_a_manifest_is_served_as_it_came(
    registry: RunningRegistry, repository: str, content: bytes, sent: str, served: str
) -> None:
    path, digest = f"/v2/{repository}/manifests", digest_of(content)

    pushed = registry.http.put(f"{path}/v1", content=content, headers={"Content-Type": sent})

    assert (pushed.status_code, pushed.headers["docker-content-digest"]) == (201, digest)
    assert pushed.headers["location"] == f"{path}/{digest}"
    for reference in ("v1", digest):
        answer = registry.http.get(f"{path}/{reference}", headers={"Accept": f"{served}, text/plain"})
        head = registry.http.head(f"{path}/{reference}", headers={"Accept": served})
        assert (answer.status_code, answer.content) == (200, content)
        for headers in (answer.headers, head.headers):
            assert headers["content-type"] == served
            assert headers["docker-content-digest"] == digest
            assert headers["content-length"] == str(len(content))


def test_a_media_type_that_was_corrected_is_served_corrected(
    registry: RunningRegistry, repository: str
) -> None:
    path, content = f"/v2/{repository}/manifests/v1", manifest()
    for media_type in ("application/vnd.x.y+json", OCI_MANIFEST, "application/vnd.x.z+json"):
        registry.http.put(path, content=content, headers={"Content-Type": media_type})

        assert registry.http.get(path).headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("docker", "accept", "status"),
    [
        pytest.param(False, OCI_MANIFEST, 200, id="named"),
        pytest.param(False, "*/*", 200, id="anything"),
        pytest.param(False, "application/*;q=0.5", 200, id="any-application"),
        pytest.param(False, DOCKER_MANIFEST, 404, id="an-old-docker"),
        pytest.param(True, OCI_MANIFEST, 200, id="docker-types-go-to-everyone"),
    ],
)
def test_no_manifest_is_converted(
    registry: RunningRegistry, repository: str, docker: bool, accept: str, status: int
) -> None:
    content = push_image(registry.http, repository, "v1", docker=docker)

    answer = registry.http.get(f"/v2/{repository}/manifests/v1", headers={"Accept": accept})

    assert answer.status_code == status
    assert answer.content == content if status == 200 else codes(answer) == ["MANIFEST_UNKNOWN"]


def test_a_tag_moves_and_the_old_image_stays(registry: RunningRegistry, repository: str) -> None:
    old = push_image(registry.http, repository, "latest", b"old")
    assert pull(registry.http, repository, "latest").content == old
    new = push_image(registry.http, repository, "latest", b"new")

    answer = pull(registry.http, repository, "latest")

    assert answer.content == new
    assert pull(registry.http, repository, digest_of(old)).content == old
    unchanged = registry.http.get(
        f"/v2/{repository}/manifests/latest", headers=ALL | {"If-None-Match": answer.headers["etag"]}
    )
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_tags_are_set_beside_a_digest(registry: RunningRegistry, repository: str) -> None:
    content = manifest()
    path = f"/v2/{repository}/manifests/{digest_of(content, 'sha512')}?tag=a&tag=b"

    answer = registry.http.put(path, content=content, headers={"Content-Type": OCI_MANIFEST})

    assert (answer.status_code, answer.headers.get_list("oci-tag")) == (201, ["a", "b"])
    for tag in ("a", "b"):
        assert pull(registry.http, repository, tag).headers["docker-content-digest"] == digest_of(
            content, "sha512"
        )


def test_a_wrong_tag_beside_a_digest_stores_nothing(registry: RunningRegistry, repository: str) -> None:
    content = manifest()
    path = f"/v2/{repository}/manifests/{digest_of(content)}"

    answer = registry.http.put(
        f"{path}?tag=a&tag=.b", content=content, headers={"Content-Type": OCI_MANIFEST}
    )

    assert (answer.status_code, codes(answer)) == (400, ["TAG_INVALID"])
    assert registry.http.get(path).status_code == 404


def test_an_image_of_a_thousand_layers_is_served_as_it_came(
    registry: RunningRegistry, repository: str
) -> None:
    content = manifest(b"{}", *(b"%d" % number for number in range(1000)))

    push_manifest(registry.http, repository, "v1", content)

    assert pull(registry.http, repository, "v1").content == content


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, "application/vnd.x.y", None])
def test_an_empty_body_is_no_manifest(
    registry: RunningRegistry, repository: str, media_type: str | None
) -> None:
    """A client that lost the body must not learn that it has pushed something."""
    headers = {"Content-Type": media_type} if media_type else {}

    answer = registry.http.put(f"/v2/{repository}/manifests/v1", content=b"", headers=headers)

    assert (answer.status_code, codes(answer)) == (400, ["MANIFEST_INVALID"])
    assert pull(registry.http, repository, "v1").status_code == 404


def test_a_wrong_digest_is_refused(registry: RunningRegistry, repository: str) -> None:
    path = f"/v2/{repository}/manifests/{digest_of(b'another')}"

    answer = registry.http.put(path, content=manifest(), headers={"Content-Type": OCI_MANIFEST})

    assert (answer.status_code, codes(answer)) == (400, ["DIGEST_INVALID"])
    assert registry.http.get(path).status_code == 404


def test_a_deleted_tag_goes_alone(registry: RunningRegistry, repository: str) -> None:
    content = push_image(registry.http, repository, "a")
    push_manifest(registry.http, repository, "b", content)

    answer = registry.http.delete(f"/v2/{repository}/manifests/a")

    assert answer.status_code == 202
    assert pull(registry.http, repository, "a").status_code == 404
    assert pull(registry.http, repository, "b").content == content
    assert registry.http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["b"]


def test_a_deleted_manifest_takes_its_tags_with_it(registry: RunningRegistry, repository: str) -> None:
    content = push_image(registry.http, repository, "a")
    push_manifest(registry.http, repository, "b", content)
    kept = push_image(registry.http, repository, "c", b"layer")

    answer = registry.http.delete(f"/v2/{repository}/manifests/{digest_of(content)}")

    assert answer.status_code == 202
    for reference in ("a", "b", digest_of(content)):
        assert pull(registry.http, repository, reference).status_code == 404
    assert pull(registry.http, repository, "c").content == kept
    assert registry.http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["c"]


def test_what_was_deleted_can_be_pushed_again(registry: RunningRegistry, repository: str) -> None:
    content = push_image(registry.http, repository, "v1", b"layer")
    registry.http.delete(f"/v2/{repository}/manifests/{digest_of(content)}")

    push_image(registry.http, repository, "v1", b"layer")

    assert pull(registry.http, repository, "v1").content == content


def test_deletion_can_be_switched_off(start: Callable[..., RunningRegistry]) -> None:
    running = start(STORAGE_DELETE_ENABLED="false")
    push_image(running.http, "tests/kept", "v1")

    answer = running.http.delete("/v2/tests/kept/manifests/v1")

    assert (answer.status_code, codes(answer)) == (405, ["UNSUPPORTED"])
    assert pull(running.http, "tests/kept", "v1").status_code == 200


def test_missing_content_can_be_refused(start: Callable[..., RunningRegistry]) -> None:
    running = start(VALIDATION_MANIFESTS_SPARSE="false")
    foreign = descriptor(b"far away", DOCKER_FOREIGN, urls=["https://example.com/layer"])
    push_image(running.http, "tests/strict", "v1")
    config = json.loads(pull(running.http, "tests/strict", "v1").content)["config"]
    windows = json.dumps(
        {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [foreign]}
    ).encode()

    refused = [
        running.http.put(
            f"/v2/tests/strict/manifests/{tag}", content=content, headers={"Content-Type": media_type}
        )
        for tag, content, media_type in [
            ("image", manifest(b"{}", b"nowhere"), OCI_MANIFEST),
            ("index", index(manifest(b"{}", b"nowhere")), OCI_INDEX),
        ]
    ]

    assert [(answer.status_code, codes(answer)) for answer in refused] == [
        (400, ["MANIFEST_BLOB_UNKNOWN"])
    ] * 2
    assert push_manifest(running.http, "tests/strict", "windows", windows) == digest_of(windows)


def test_tags_come_sorted_and_in_pages(registry: RunningRegistry, repository: str) -> None:
    content = manifest()
    names = ["v10", "v2", "V1", "_x", "a.b", "1"]
    for name in names:
        push_manifest(registry.http, repository, name, content)

    pages, path = [], f"/v2/{repository}/tags/list?n=4"
    while path:
        answer = registry.http.get(path)
        pages.append(answer.json())
        path = str(answer.links["next"]["url"]) if "next" in answer.links else ""

    assert [page["tags"] for page in pages] == [["1", "V1", "_x", "a.b"], ["v10", "v2"]]
    assert {page["name"] for page in pages} == {repository}
    assert registry.http.get(f"/v2/{repository}/tags/list?n=0").json()["tags"] == []
    assert registry.http.get(f"/v2/{repository}/tags/list?last=V1&n=1").json()["tags"] == ["_x"]


def test_the_catalog_comes_sorted_in_pages_and_without_what_is_empty(
    start: Callable[..., RunningRegistry],
) -> None:
    running = start()
    for name in ("a/b", "a-b", "a", "b", "a/b/c", "a.b", "a0/manifests", "b/gone", "tags/list"):
        push_image(running.http, name, "v1")
    running.http.delete(
        f"/v2/b/gone/manifests/{pull(running.http, 'b/gone', 'v1').headers['docker-content-digest']}"
    )

    pages: list[list[str]] = []
    path = "/v2/_catalog?n=3"
    while path:
        answer = running.http.get(path)
        pages.append(answer.json()["repositories"])
        path = str(answer.links["next"]["url"]) if "next" in answer.links else ""

    assert pages == [["a", "a-b", "a.b"], ["a/b", "a/b/c", "a0/manifests"], ["b", "tags/list"]]


def referrers(http: httpx.Client, repository: str, subject: bytes, query: str = "") -> list[str]:
    answer = http.get(f"/v2/{repository}/referrers/{digest_of(subject)}{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, OCI_INDEX)
    return [entry["digest"] for entry in answer.json()["manifests"]]


def test_referrers_are_listed_by_subject_and_type(registry: RunningRegistry, repository: str) -> None:
    image = push_image(registry.http, repository, "v1")
    subject = descriptor(image, OCI_MANIFEST)
    sbom = manifest(subject=subject, artifactType="application/x.sbom", annotations={"by": "test"})
    signature = manifest(b"{} ", subject=subject)
    listing = index(subject=subject, artifactType="application/x.sbom")
    pushed = [
        registry.http.put(
            f"/v2/{repository}/manifests/{digest_of(content)}",
            content=content,
            headers={"Content-Type": media_type},
        )
        for content, media_type in [(sbom, OCI_MANIFEST), (signature, OCI_MANIFEST), (listing, OCI_INDEX)]
    ]

    everything = referrers(registry.http, repository, image)
    filtered = registry.http.get(
        f"/v2/{repository}/referrers/{digest_of(image)}", params={"artifactType": "application/x.sbom"}
    )

    assert [answer.headers["oci-subject"] for answer in pushed] == [digest_of(image)] * 3
    assert set(everything) == {digest_of(content) for content in (sbom, signature, listing)}
    assert filtered.headers["oci-filters-applied"] == "artifactType"
    entries = {entry["digest"]: entry for entry in filtered.json()["manifests"]}
    assert entries.keys() == {digest_of(sbom), digest_of(listing)}
    assert entries[digest_of(sbom)] == {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(sbom),
        "size": len(sbom),
        "artifactType": "application/x.sbom",
        "annotations": {"by": "test"},
    }
    registry.http.delete(f"/v2/{repository}/manifests/{digest_of(sbom)}")
    assert set(referrers(registry.http, repository, image)) == {digest_of(signature), digest_of(listing)}


def test_many_referrers_come_in_pages_that_clients_can_read(
    registry: RunningRegistry, repository: str
) -> None:
    """Clients read no more than 4 MiB of an index, and annotations can be long."""
    image = push_image(registry.http, repository, "v1")
    pushed = []
    for number, kind in enumerate(["x", "y", "x", "x", "y", "x", "x"]):
        content = manifest(
            subject=descriptor(image, OCI_MANIFEST),
            artifactType=f"application/{kind}+json",
            annotations={"number": str(number), "text": "a" * 1_500_000},
        )
        pushed.append((push_manifest(registry.http, repository, digest_of(content), content), kind))

    for query, kinds in (("", "xy"), ("?artifactType=application%2Fx%2Bjson", "x")):
        path, found, pages = f"/v2/{repository}/referrers/{digest_of(image)}{query}", [], 0
        while path:
            answer = registry.http.get(path)
            assert answer.status_code == 200
            assert len(answer.content) <= 4 << 20
            assert answer.headers.get("oci-filters-applied") == ("artifactType" if query else None)
            found += [entry["digest"] for entry in answer.json()["manifests"]]
            path, pages = str(answer.links["next"]["url"]) if "next" in answer.links else "", pages + 1
        assert pages > 1
        assert found == sorted(digest for digest, kind in pushed if kind in kinds)


def test_a_subject_need_not_exist(registry: RunningRegistry, repository: str) -> None:
    assert referrers(registry.http, repository, b"nothing") == []


def test_a_mirror_says_whom_it_stands_for(registry: RunningRegistry, repository: str) -> None:
    push_image(registry.http, repository, "v1")

    answer = registry.http.get(f"/v2/{repository}/manifests/v1?ns=mcr.microsoft.com", headers=ALL)
    strange = registry.http.get(f"/v2/{repository}/manifests/v1?ns=a%0d%0ab", headers=ALL)

    assert answer.headers["oci-namespace"] == "mcr.microsoft.com"
    assert (strange.status_code, "oci-namespace" in strange.headers) == (200, False)


def test_a_damaged_manifest_is_never_served(start: Callable[..., RunningRegistry]) -> None:
    running = start()
    content = push_image(running.http, "tests/damaged", "v1")
    encoded = digest_of(content).partition(":")[2]
    assert pull(running.http, "tests/damaged", "v1").status_code == 200
    (running.store / "blobs/sha256" / encoded[:2] / encoded / "data").write_bytes(content.replace(b"2", b"3"))

    answer = pull(running.http, "tests/damaged", "v1")

    assert (answer.status_code, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    push_manifest(running.http, "tests/damaged", "v1", content)
    assert pull(running.http, "tests/damaged", "v1").content == content


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"a" * 600, b"text/html\r\nX-Injected: 1", b""])
def test_a_damaged_media_type_hides_no_manifest(
    registry: RunningRegistry, repository: str, noise: bytes
) -> None:
    subject, refers = manifest(), manifest(subject=descriptor(manifest(), OCI_MANIFEST))
    digest = push_manifest(registry.http, repository, "v1", refers)
    revisions = registry.store / "repositories" / repository / "_manifests" / "revisions" / "sha256"
    (revisions / digest.removeprefix("sha256:") / "mediatype").write_bytes(noise)

    answer = pull(registry.http, repository, "v1")

    assert (answer.status_code, answer.content) == (200, refers)
    assert answer.headers["content-type"] == OCI_MANIFEST
    assert "x-injected" not in answer.headers
    assert referrers(registry.http, repository, subject) == [digest]


def test_a_manifest_too_large_to_be_served_is_not_called_a_full_disk(registry: RunningRegistry) -> None:
    digest = push_manifest(registry.http, "tests/huge", "v1", manifest())
    encoded = digest.removeprefix("sha256:")
    os.truncate(registry.store / "blobs" / "sha256" / encoded[:2] / encoded / "data", (64 << 20) + 1)

    answer = registry.http.get("/v2/tests/huge/manifests/v1")

    assert (answer.status_code, codes(answer)) == (500, ["UNKNOWN"])
