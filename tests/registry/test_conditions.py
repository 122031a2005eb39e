"""Requests under conditions (RFC 9110, section 13): nothing sent twice, nobody's tag overwritten."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .content import ALL, OCI_MANIFEST, codes, digest_of, manifest, pull, push_blob, push_image
from .servers import RunningRegistry

CONTENT = bytes(range(256)) * 4
TYPE = {"Content-Type": OCI_MANIFEST}


def images(number: int) -> list[bytes]:
    return [manifest(b"{}", annotations={"number": str(index)}) for index in range(number)]


@pytest.mark.parametrize(
    ("header", "whole"),
    [
        pytest.param('"{digest}"', False, id="the-same"),
        pytest.param('W/"{digest}"', True, id="weak"),
        pytest.param("{digest}", True, id="bare"),
        pytest.param("*", True, id="anything"),
        pytest.param('"another"', True, id="another"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", True, id="a-date"),
    ],
)
def test_a_part_is_sent_only_to_who_surely_has_the_rest(
    registry: RunningRegistry, repository: str, header: str, whole: bool
) -> None:
    digest = push_blob(registry.http, repository, CONTENT)
    asked = {"Range": "bytes=1-2", "If-Range": header.format(digest=digest)}

    answer = registry.http.get(f"/v2/{repository}/blobs/{digest}", headers=asked)

    assert (answer.status_code, answer.content) == ((200, CONTENT) if whole else (206, CONTENT[1:3]))


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("If-None-Match", '"{digest}"', 304),
        ("If-None-Match", 'W/"{digest}"', 304),
        ("If-None-Match", '"x", W/"{digest}"', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x,{digest}"', 200),
        ("If-Match", '"{digest}"', 200),
        ("If-Match", '"x", "{digest}"', 200),
        ("If-Match", "*", 200),
        ("If-Match", 'W/"{digest}"', 412),
        ("If-Match", '"x"', 412),
    ],
)
def test_a_pull_under_a_condition(
    registry: RunningRegistry, repository: str, name: str, value: str, status: int
) -> None:
    digest = push_blob(registry.http, repository, CONTENT)
    image = digest_of(push_image(registry.http, repository, "v1"))

    for path, entity in [
        (f"/v2/{repository}/blobs/{digest}", digest),
        (f"/v2/{repository}/manifests/v1", image),
        (f"/v2/{repository}/manifests/{image}", image),
    ]:
        headers = ALL | {name: value.format(digest=entity)}
        answer, head = registry.http.get(path, headers=headers), registry.http.head(path, headers=headers)
        assert (answer.status_code, head.status_code) == (status, status)
        if status == 304:
            assert (answer.headers["etag"], answer.content) == (f'"{entity}"', b"")
        if status == 412:
            assert codes(answer) == ["PRECONDITION_FAILED"]


def test_conditions_do_not_matter_where_the_answer_is_an_error(
    registry: RunningRegistry, repository: str
) -> None:
    """RFC 9110, section 13.2.1: 304 would say that the client may use what it cannot even read."""
    digest = digest_of(push_image(registry.http, repository, "v1"))
    asked = {"Accept": "application/vnd.x", "If-None-Match": f'"{digest}"'}

    answer = registry.http.get(f"/v2/{repository}/manifests/v1", headers=asked)

    assert (answer.status_code, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])


def test_a_tag_is_made_only_if_there_is_none(registry: RunningRegistry, repository: str) -> None:
    first, second = images(2)
    path, new = f"/v2/{repository}/manifests/v1", TYPE | {"If-None-Match": "*"}

    made = registry.http.put(path, content=first, headers=new)
    refused = registry.http.put(path, content=second, headers=new)

    assert made.status_code == 201
    assert (refused.status_code, codes(refused)) == (412, ["PRECONDITION_FAILED"])
    assert pull(registry.http, repository, "v1").content == first
    assert pull(registry.http, repository, digest_of(second)).status_code == 404


def test_a_tag_moves_only_from_where_its_mover_saw_it(registry: RunningRegistry, repository: str) -> None:
    first, second, third = images(3)
    path = f"/v2/{repository}/manifests/v1"
    registry.http.put(path, content=first, headers=TYPE)
    seen = TYPE | {"If-Match": pull(registry.http, repository, "v1").headers["etag"]}

    moved = registry.http.put(path, content=second, headers=seen)
    late = registry.http.put(path, content=third, headers=seen)
    gone = registry.http.delete(path, headers=seen)

    assert (moved.status_code, late.status_code, gone.status_code) == (201, 412, 412)
    assert pull(registry.http, repository, "v1").content == second
    assert registry.http.delete(path, headers={"If-Match": "*"}).status_code == 202
    assert registry.http.put(path, content=third, headers=TYPE | {"If-Match": "*"}).status_code == 412


def test_of_many_that_make_a_tag_at_once_one_succeeds(registry: RunningRegistry, repository: str) -> None:
    contents = images(16)

    with httpx.Client(base_url=registry.url, timeout=30) as http, ThreadPoolExecutor(8) as pool:

        def push(content: bytes) -> int:
            headers = TYPE | {"If-None-Match": "*"}
            return http.put(f"/v2/{repository}/manifests/v1", content=content, headers=headers).status_code

        statuses = list(pool.map(push, contents))

    assert sorted(statuses) == [201] + [412] * 15
    assert pull(registry.http, repository, "v1").content == contents[statuses.index(201)]


def test_a_manifest_is_deleted_under_a_condition(registry: RunningRegistry, repository: str) -> None:
    digest = digest_of(push_image(registry.http, repository, "v1"))
    path = f"/v2/{repository}/manifests/{digest}"

    assert registry.http.delete(path, headers={"If-Match": '"another"'}).status_code == 412
    assert registry.http.delete(path, headers={"If-Match": f'"{digest}"'}).status_code == 202
