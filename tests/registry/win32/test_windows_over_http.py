"""What clients see of the Windows rules: exact answers or clear refusals, never another image."""

from collections.abc import Iterator

import httpx
import pytest

from tests.registry.content import codes, digest_of, pull, push_blob, push_image, push_manifest
from tests.registry.servers import our_registry


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a registry on a simulated Windows disk."""
    directory = tmp_path_factory.mktemp("windows")
    (directory / "C").mkdir()
    program = ("tests.registry.win32.serve", str(directory / "C"))
    with our_registry(directory / "C" / "registry-data", directory / "log", program=program) as running:
        yield running.http


def test_a_tag_that_differs_only_by_case_is_refused_at_push(http: httpx.Client) -> None:
    content = push_image(http, "labs/case", "Latest", b"first")

    answer = http.put(
        "/v2/labs/case/manifests/latest",
        content=content,
        headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
    )

    assert answer.status_code == 400
    assert codes(answer) == ["TAG_INVALID"]
    assert "differs only by case from 'Latest'" in answer.json()["errors"][0]["message"]
    assert http.get("/v2/labs/case/tags/list").json()["tags"] == ["Latest"]


def test_another_spelling_is_unknown_at_pull_and_delete(http: httpx.Client) -> None:
    content = push_image(http, "labs/spelling", "V1", b"layer")

    assert pull(http, "labs/spelling", "v1").status_code == 404
    assert http.head("/v2/labs/spelling/manifests/v1").status_code == 404
    assert http.delete("/v2/labs/spelling/manifests/v1").status_code == 404
    assert pull(http, "labs/spelling", "V1").content == content


def test_a_spelling_is_free_again_after_its_rival_is_deleted(http: httpx.Client) -> None:
    push_image(http, "labs/free", "RC1", b"layer")

    assert http.delete("/v2/labs/free/manifests/RC1").status_code == 202
    content = push_image(http, "labs/free", "rc1", b"layer", b"more")

    assert pull(http, "labs/free", "rc1").content == content
    assert pull(http, "labs/free", "RC1").status_code == 404


@pytest.mark.parametrize("tag", ["v1.", "aux", "COM1", "nul.txt", "LPT9.x"])
def test_a_tag_that_windows_cannot_hold_is_refused(http: httpx.Client, tag: str) -> None:
    content = push_image(http, "labs/odd", "v1", b"layer")

    answer = http.put(
        f"/v2/labs/odd/manifests/{tag}",
        content=content,
        headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
    )

    assert (answer.status_code, codes(answer)) == (400, ["TAG_INVALID"])
    assert pull(http, "labs/odd", tag).status_code == 404
    assert http.get("/v2/labs/odd/tags/list").json()["tags"] == ["v1"]


@pytest.mark.parametrize("name", ["labs/aux", "nul/x", "com1", "a/lpt9.x/b"])
def test_a_repository_that_windows_cannot_hold_is_refused(http: httpx.Client, name: str) -> None:
    answer = http.post(f"/v2/{name}/blobs/uploads/")

    assert (answer.status_code, codes(answer)) == (400, ["NAME_INVALID"])
    assert "reserves" in answer.json()["errors"][0]["message"]
    assert http.get(f"/v2/{name}/tags/list").status_code == 404


def test_a_tag_is_moved_while_its_image_is_pulled(http: httpx.Client) -> None:
    layer = b"a layer that takes its time" * 100_000
    push_image(http, "labs/busy", "v1", layer)

    with http.stream("GET", f"/v2/labs/busy/blobs/{digest_of(layer)}") as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        content = push_image(http, "labs/busy", "v1", layer, b"another")
        assert http.delete(f"/v2/labs/busy/blobs/{digest_of(layer)}").status_code == 202
        assert first + b"".join(chunks) == layer

    assert pull(http, "labs/busy", "v1").content == content


def test_the_longest_names_are_pushed_and_pulled(http: httpx.Client) -> None:
    repository, tag = "a/" * 99 + "b" * 57, "t" * 128
    digest = push_blob(http, repository, b"content", "sha512")

    content = push_image(http, repository, tag, b"layer")

    assert http.get(f"/v2/{repository}/blobs/{digest}").content == b"content"
    assert pull(http, repository, tag).content == content
    assert push_manifest(http, repository, digest_of(content, "sha512"), content)
