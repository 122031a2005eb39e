"""Manifests that only a fuzzer writes: refused with a reason, or stored and served byte for byte."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.registry.content import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of
from tests.registry.fuzz.strategies import request
from tests.registry.fuzz.wire import examples, first_answer, require_specified, talk
from tests.registry.servers import RunningRegistry

pytestmark = pytest.mark.timeout(1800)

TYPES = st.sampled_from(
    [
        OCI_MANIFEST,
        OCI_INDEX,
        DOCKER_MANIFEST,
        DOCKER_LIST,
        "application/json",
        "application/vnd.odd+json",
        "text/html",
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["sha256:" + "0" * 64, "sha256:..", "\ud800", "\0", "a" * 300, "application/json; x", -1, 2, 1e400]
    ),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_DESCRIPTORS = st.fixed_dictionaries(
    {},
    optional={
        "digest": st.sampled_from(["sha256:" + "0" * 64, "sha512:" + "0" * 128, "sha256:A"]) | _SCALARS,
        "mediaType": st.sampled_from([OCI_MANIFEST, "application/vnd.oci.empty.v1+json"]) | _SCALARS,
        "size": st.sampled_from([0, 2, -1, 10**30, 1.5, True]) | _SCALARS,
        "urls": _VALUES,
        "platform": _VALUES,
        "annotations": _VALUES,
        "data": _VALUES,
        "artifactType": _SCALARS,
    },
)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.sampled_from([2, 2, 2, 1, "2", 2.0, None]) | _SCALARS,
        "mediaType": st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, "", None]) | _SCALARS,
        "config": _DESCRIPTORS | _VALUES,
        "layers": st.lists(_DESCRIPTORS | _SCALARS, max_size=3) | _VALUES,
        "manifests": st.lists(_DESCRIPTORS | _SCALARS, max_size=3) | _VALUES,
        "subject": _DESCRIPTORS | _VALUES,
        "annotations": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3) | _VALUES,
        "artifactType": _SCALARS,
        "fsLayers": _VALUES,
        "signatures": _VALUES,
    },
)
_WELL_FORMED = _DOCUMENTS.map(lambda document: json.dumps(document).encode())


def push(registry: RunningRegistry, media_type: str, content: bytes) -> int:
    """Push ``content``; whatever is accepted must come back byte for byte, in lists too."""
    target = b"/v2/fuzz/manifests/" + digest_of(content).encode()
    sent = request(b"PUT", target, [(b"Content-Type", media_type.encode())], content)

    answer = first_answer(talk(registry, sent))

    require_specified(answer, b"PUT")
    if answer.status == 201:
        pulled = registry.http.get(target.decode(), headers={"Accept": "*/*"})
        assert pulled.status_code == 200, pulled.text
        assert pulled.content == content
        referrers = registry.http.get("/v2/fuzz/referrers/sha256:" + "0" * 64)
        assert referrers.json()["schemaVersion"] == 2
        assert registry.http.delete(target.decode()).status_code == 202
    return answer.status


@examples(1500)
@given(TYPES, _WELL_FORMED)
def test_any_json_is_refused_or_served_as_it_came(
    registry: RunningRegistry, media_type: str, content: bytes
) -> None:
    assert push(registry, media_type, content) in {201, 400}


@examples(400)
@given(TYPES, st.binary(max_size=200))
@example(OCI_MANIFEST, b"")
@example(OCI_MANIFEST, b"\xef\xbb\xbf{}")
@example(OCI_MANIFEST, b"\xff\xfe{\0}\0")
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "schemaVersion": 1}')
@example(OCI_MANIFEST, b'{"schemaVersion": NaN}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": Infinity}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": 1e999999}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": ' + b"9" * 100_000 + b"}")
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": "\\ud800"}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": "\xc3\x28"}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "x": "\x00"}')
@example(OCI_MANIFEST, b'{"schemaVersion": 2, "layers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
@example(OCI_INDEX, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
@example("application/vnd.odd+json", b"[" * 1_000_000)
@example(OCI_MANIFEST, b"[" * 3_000_000)
@example(OCI_MANIFEST, b'"' + b"\\u0000" * 100_000 + b'"')
def test_any_bytes_are_refused_or_served_as_they_came(
    registry: RunningRegistry, media_type: str, content: bytes
) -> None:
    assert push(registry, media_type, content) in {201, 400}


@pytest.mark.parametrize("surplus", [0, 1])
def test_the_largest_manifest_is_taken_and_one_byte_more_is_not(
    registry: RunningRegistry, surplus: int
) -> None:
    start = b'{"schemaVersion": 2, "manifests": [], "x": "'
    content = start + b"y" * ((4 << 20) + surplus - len(start) - 2) + b'"}'

    assert push(registry, OCI_INDEX, content) == (413 if surplus else 201)


@examples(100)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60))
@example("a/b\x85c")
@example("application/x\xa0")
def test_any_content_type_is_refused_or_served_as_it_came(registry: RunningRegistry, media_type: str) -> None:
    content = b'{"schemaVersion": 2, "manifests": []}'
    target = b"/v2/fuzz/manifests/" + digest_of(content).encode()
    sent = request(b"PUT", target, [(b"Content-Type", media_type.encode("latin-1"))], content)

    answer = first_answer(talk(registry, sent))

    require_specified(answer, b"PUT")
    assert answer.status in {201, 400}
    if answer.status == 201:
        assert first_answer(talk(registry, request(b"GET", target, [], b""))).status == 200
        assert registry.http.delete(target.decode()).status_code == 202
