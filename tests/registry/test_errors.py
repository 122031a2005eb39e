"""What cannot be served is answered with the specification's JSON and the right status; nothing is stored."""

import http.client
import json
import re

import httpx
import pytest

from .content import codes, digest_of
from .servers import RunningRegistry

UNKNOWN = digest_of(b"never pushed")
UPLOAD = "5c1b2a9e-3d57-4a0c-8f61-0d2f3f9f5a11"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/", 404, "NOT_FOUND", id="root"),
        pytest.param("GET", "/v1/_ping", 404, "NOT_FOUND", id="version-1"),
        pytest.param("GET", "/v2/x", 404, "NOT_FOUND", id="no-resource"),
        pytest.param("GET", "/v2/x/manifests/v1/", 404, "NOT_FOUND", id="trailing-slash"),
        pytest.param("GET", "/v2//manifests/v1", 400, "NAME_INVALID", id="empty-name"),
        pytest.param("GET", "/v2/a//b/manifests/v1", 400, "NAME_INVALID", id="empty-component"),
        pytest.param("GET", "/v2/../../etc/manifests/v1", 400, "NAME_INVALID", id="dots"),
        pytest.param("GET", "/v2/%2e%2e/x/manifests/v1", 400, "NAME_INVALID", id="quoted-dots"),
        pytest.param("GET", "/v2/a%2fb/manifests/v1", 404, "NOT_FOUND", id="quoted-slash"),
        pytest.param("GET", "/v2/Upper/manifests/v1", 400, "NAME_INVALID", id="upper-case"),
        pytest.param("GET", "/v2/_uploads/manifests/v1", 400, "NAME_INVALID", id="a-directory-of-the-layout"),
        pytest.param("GET", f"/v2/{'a' * 256}/manifests/v1", 400, "NAME_INVALID", id="too-long"),
        pytest.param("GET", f"/v2/{'a/' * 2000}manifests/v1", 404, "NOT_FOUND", id="far-too-long"),
        pytest.param("GET", "/v2/nobody/tags/list", 404, "NAME_UNKNOWN", id="tags-of-nobody"),
        pytest.param("GET", "/v2/_catalog?n=x", 400, "PAGINATION_NUMBER_INVALID", id="n-is-a-word"),
        pytest.param("GET", "/v2/_catalog?n=-1", 400, "PAGINATION_NUMBER_INVALID", id="n-is-negative"),
        pytest.param("GET", "/v2/nobody/manifests/v1", 404, "MANIFEST_UNKNOWN", id="unknown-tag"),
        pytest.param("GET", "/v2/nobody/manifests/.v1", 404, "MANIFEST_UNKNOWN", id="impossible-tag"),
        pytest.param(
            "GET", f"/v2/nobody/manifests/{UNKNOWN}", 404, "MANIFEST_UNKNOWN", id="unknown-manifest"
        ),
        pytest.param("GET", "/v2/nobody/manifests/sha256:abc", 400, "DIGEST_INVALID", id="short-digest"),
        pytest.param("GET", "/v2/nobody/blobs/md5:abc", 400, "DIGEST_INVALID", id="unknown-algorithm"),
        pytest.param("GET", f"/v2/nobody/blobs/{UNKNOWN}", 404, "BLOB_UNKNOWN", id="unknown-blob"),
        pytest.param(
            "GET", f"/v2/nobody/blobs/{UNKNOWN.upper()}", 400, "DIGEST_INVALID", id="upper-case-digest"
        ),
        pytest.param("DELETE", f"/v2/nobody/blobs/{UNKNOWN}", 404, "BLOB_UNKNOWN", id="delete-unknown-blob"),
        pytest.param(
            "DELETE", f"/v2/nobody/manifests/{UNKNOWN}", 404, "MANIFEST_UNKNOWN", id="delete-unknown"
        ),
        pytest.param("DELETE", "/v2/nobody/manifests/v1", 404, "MANIFEST_UNKNOWN", id="delete-unknown-tag"),
        pytest.param(
            "GET", f"/v2/nobody/blobs/uploads/{UPLOAD}", 404, "BLOB_UPLOAD_UNKNOWN", id="unknown-upload"
        ),
        pytest.param("GET", "/v2/nobody/blobs/uploads/..", 404, "BLOB_UPLOAD_UNKNOWN", id="upload-with-dots"),
        pytest.param(
            "PATCH", f"/v2/nobody/blobs/uploads/{UPLOAD}", 404, "BLOB_UPLOAD_UNKNOWN", id="patch-unknown"
        ),
        pytest.param(
            "PUT", f"/v2/nobody/blobs/uploads/{UPLOAD}", 400, "DIGEST_INVALID", id="put-without-digest"
        ),
        pytest.param(
            "PUT",
            f"/v2/nobody/blobs/uploads/{UPLOAD}?digest={UNKNOWN}",
            404,
            "BLOB_UPLOAD_UNKNOWN",
            id="put-unknown",
        ),
        pytest.param(
            "POST", "/v2/nobody/blobs/uploads/?mount=x", 400, "DIGEST_INVALID", id="mount-no-digest"
        ),
        pytest.param(
            "POST",
            "/v2/nobody/blobs/uploads/?digest-algorithm=md5",
            400,
            "DIGEST_INVALID",
            id="announced-algorithm",
        ),
        pytest.param("GET", "/v2/nobody/referrers/v1", 400, "DIGEST_INVALID", id="referrers-of-a-tag"),
        pytest.param("POST", "/v2/", 405, "UNSUPPORTED", id="post-to-base"),
        pytest.param("POST", "/v2/x/manifests/v1", 405, "UNSUPPORTED", id="post-to-manifest"),
        pytest.param("PUT", f"/v2/x/blobs/{UNKNOWN}", 405, "UNSUPPORTED", id="put-to-blob"),
        pytest.param("POST", "/v2/x/blobs/uploads", 405, "UNSUPPORTED", id="uploads-without-slash"),
        pytest.param("DELETE", "/v2/x/tags/list", 405, "UNSUPPORTED", id="delete-a-list"),
        pytest.param("BREW", "/v2/x/tags/list", 405, "UNSUPPORTED", id="a-method-of-another-protocol"),
    ],
)
def test_what_cannot_be_served_is_answered_by_the_specification(
    registry: RunningRegistry, method: str, path: str, status: int, code: str
) -> None:
    # Not by httpx, which would tidy the path up.
    connection = http.client.HTTPConnection(registry.address, timeout=30)
    connection.request(method, path)

    answer = connection.getresponse()

    errors = json.load(answer)["errors"]
    assert (answer.status, [error["code"] for error in errors]) == (status, [code])
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch("[A-Z_]+", code)
    connection.close()


def test_a_wrong_method_is_told_the_right_ones(registry: RunningRegistry) -> None:
    answer = registry.http.post("/v2/_catalog")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_nothing_was_stored_by_what_was_refused(registry: RunningRegistry) -> None:
    for path in ("/v2/refused/blobs/uploads/?digest=sha256:abc", "/v2/refused/blobs/uploads/?mount=md5:a"):
        assert registry.http.post(path, content=b"content").status_code == 400

    assert not (registry.store / "repositories" / "refused").exists()


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        pytest.param(b"{", "application/vnd.oci.image.manifest.v1+json", "MANIFEST_INVALID", id="no-json"),
        pytest.param(b"[]", "application/vnd.oci.image.manifest.v1+json", "MANIFEST_INVALID", id="no-object"),
        pytest.param(b"\xff", "application/vnd.oci.image.manifest.v1+json", "MANIFEST_INVALID", id="no-text"),
        pytest.param(
            b"[" * 100_000,
            "application/vnd.oci.image.manifest.v1+json",
            "MANIFEST_INVALID",
            id="deeply-nested",
        ),
        pytest.param(
            b'{"schemaVersion": %s}' % (b"9" * 10_000),
            "application/vnd.oci.image.manifest.v1+json",
            "MANIFEST_INVALID",
            id="huge-number",
        ),
        pytest.param(
            b'{"schemaVersion": 2, "config": null, "x": NaN}',
            "application/vnd.oci.image.manifest.v1+json",
            "MANIFEST_INVALID",
            id="a-number-that-json-has-not",
        ),
        pytest.param(
            b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}',
            "application/vnd.oci.image.manifest.v1+json",
            "MANIFEST_INVALID",
            id="contradicts-itself",
        ),
        pytest.param(
            b'{"schemaVersion": 2, "layers": [{"digest": "sha256:1"}]}',
            "application/vnd.oci.image.manifest.v1+json",
            "MANIFEST_INVALID",
            id="broken-descriptor",
        ),
        pytest.param(
            b'{"schemaVersion": 2, "manifests": {}}',
            "application/vnd.oci.image.index.v1+json",
            "MANIFEST_INVALID",
            id="list-that-is-none",
        ),
        pytest.param(b"{}", "text/html", "MANIFEST_INVALID", id="a-web-page"),
        pytest.param(b"{}", "nonsense", "MANIFEST_INVALID", id="no-media-type"),
        pytest.param(b"{}", "application/json", "MANIFEST_INVALID", id="says-nothing"),
        pytest.param(
            b'{"schemaVersion": 1}',
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "MANIFEST_INVALID",
            id="schema-1",
        ),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    registry: RunningRegistry, content: bytes, media_type: str, code: str
) -> None:
    path = "/v2/tests/nonsense/manifests/v1"

    answer = registry.http.put(path, content=content, headers={"Content-Type": media_type})

    assert (answer.status_code, codes(answer)) == (400, [code])
    assert registry.http.get(path).status_code == 404


def test_a_manifest_over_the_limit_is_refused_before_it_is_read(registry: RunningRegistry) -> None:
    content = b" " * (5 << 20)

    answer = registry.http.put("/v2/tests/large/manifests/v1", content=content)

    assert (answer.status_code, codes(answer)) == (413, ["MANIFEST_INVALID"])


def test_a_client_that_tries_tls_first_learns_at_once_that_it_is_plain_http(
    registry: RunningRegistry,
) -> None:
    with pytest.raises(httpx.ConnectError, match=r"(?i)wrong.version|record layer"):
        httpx.get(f"https://{registry.address}/v2/", timeout=5)
