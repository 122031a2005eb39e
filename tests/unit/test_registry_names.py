"""Names, digests and addresses of the registry: what is one, what is none, and what a path means."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.errors import DigestInvalid, NameInvalid, RegistryError, RouteUnknown, TagInvalid
from registry_app.reference import Digest, Repository, Tag, parse_reference
from registry_app.routes.addresses import Resource, read_address
from registry_app.storage.layout import Layout

HEX = "0123456789abcdef" * 4
SHA256 = f"sha256:{HEX}"
SHA512 = f"sha512:{HEX * 2}"


@pytest.mark.parametrize("name", ["a", "a/b/c", "a.b", "a_b", "a__b", "a---b", "0/1", "con/aux", "a" * 255])
def test_these_are_repositories(name: str) -> None:
    assert Repository.parse(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a..b",
        "a.",
        "-a",
        "a_-b",
        "a___b",
        "_a",
        "ä",
        "a b",
        "a\n",
        "a" * 256,
    ],
)
def test_these_are_none(name: str) -> None:
    with pytest.raises(NameInvalid):
        Repository.parse(name)


@pytest.mark.parametrize("tag", ["a", "A", "_", "1.0-rc_1", "x" * 128])
def test_these_are_tags(tag: str) -> None:
    assert parse_reference(tag) == Tag(tag)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "a b", "x" * 129, "é", "a\n"])
def test_these_are_no_tags(tag: str) -> None:
    with pytest.raises(TagInvalid):
        parse_reference(tag)


@pytest.mark.parametrize("text", [SHA256, SHA512])
def test_these_are_digests(text: str) -> None:
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        ":",
        "sha256:",
        f"sha256:{HEX.upper()}",
        f"sha256:{HEX}0",
        f"sha256:{HEX[1:]}",
        f"md5:{HEX}",
        f"sha256:{HEX}\n",
    ],
)
def test_these_are_no_digests(text: str) -> None:
    with pytest.raises(DigestInvalid):
        parse_reference(text)


@pytest.mark.parametrize(
    ("path", "resource", "repository", "last"),
    [
        pytest.param("/v2/", Resource.BASE, "", "", id="base"),
        pytest.param("/v2", Resource.BASE, "", "", id="base-without-slash"),
        pytest.param("/v2/_catalog", Resource.CATALOG, "", "", id="catalog"),
        pytest.param(f"/v2/a/blobs/{SHA256}", Resource.BLOB, "a", SHA256, id="blob"),
        pytest.param(
            f"/v2/a/blobs/{SHA256.replace(':', '%3A')}", Resource.BLOB, "a", SHA256, id="quoted-colon"
        ),
        pytest.param(
            f"/v2/a/blobs/b/blobs/{SHA256}", Resource.BLOB, "a/blobs/b", SHA256, id="a-name-with-blobs"
        ),
        pytest.param(
            f"/v2/blobs/uploads/blobs/{SHA256}",
            Resource.BLOB,
            "blobs/uploads",
            SHA256,
            id="a-name-like-uploads",
        ),
        pytest.param("/v2/a/blobs/uploads/", Resource.UPLOADS, "a", "", id="uploads"),
        pytest.param("/v2/a/blobs/uploads/1-2", Resource.UPLOAD, "a", "1-2", id="upload"),
        pytest.param("/v2/a/manifests/v1", Resource.MANIFEST, "a", "v1", id="manifest"),
        pytest.param("/v2/a/manifests/tags/list", Resource.TAGS, "a/manifests", "", id="tags-of-a-manifests"),
        pytest.param(
            "/v2/a/tags/manifests/list", Resource.MANIFEST, "a/tags", "list", id="a-tag-called-list"
        ),
        pytest.param(f"/v2/a/b/referrers/{SHA512}", Resource.REFERRERS, "a/b", SHA512, id="referrers"),
    ],
)
def test_a_path_is_read_from_its_right_end(path: str, resource: Resource, repository: str, last: str) -> None:
    address = read_address(path)

    assert (address.resource, address.repository.name, address.last) == (resource, repository, last)


def test_a_prefix_comes_before_everything() -> None:
    assert read_address("/lab/v2/a/tags/list", "/lab/").repository == Repository("a")
    with pytest.raises(RouteUnknown):
        read_address("/v2/a/tags/list", "/lab/")


@given(st.text(alphabet=string.printable + "é\0%", max_size=400))
def test_no_path_leaves_the_root(text: str) -> None:
    """Whatever is asked for, a path on disk is made of components that the grammar let pass."""
    try:
        address = read_address(f"/v2/{text}")
        reference = parse_reference(address.last)
    except RegistryError:
        return

    layout = Layout("/root")
    path = (
        layout.tag_current(address.repository, reference)
        if isinstance(reference, Tag)
        else layout.blob_data(reference)
    )

    assert path.startswith("/root/docker/registry/v2/")
    assert not {"", ".", ".."} & set(path[1:].split("/"))


@given(
    st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+)*", fullmatch=True).filter(
        lambda name: len(name) < 256
    )
)
def test_every_name_of_the_grammar_comes_back_from_its_path(name: str) -> None:
    assert read_address(f"/v2/{name}/manifests/v1").repository.name == name
    assert read_address(f"/v2/{name}/blobs/uploads/").repository.name == name


DIGEST = Digest("sha256", HEX)


NAME = Repository("a/b")
LAYOUT = Layout("/data")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LAYOUT.blob_data(DIGEST), f"blobs/sha256/01/{HEX}/data"),
        (LAYOUT.blob_data(Digest("sha512", HEX * 2)), f"blobs/sha512/01/{HEX * 2}/data"),
        (LAYOUT.layer_link(NAME, DIGEST), f"repositories/a/b/_layers/sha256/{HEX}/link"),
        (LAYOUT.revision_link(NAME, DIGEST), f"repositories/a/b/_manifests/revisions/sha256/{HEX}/link"),
        (LAYOUT.tag_current(NAME, Tag("T")), "repositories/a/b/_manifests/tags/T/current/link"),
        (
            LAYOUT.tag_index(NAME, Tag("T"), DIGEST),
            f"repositories/a/b/_manifests/tags/T/index/sha256/{HEX}/link",
        ),
        (LAYOUT.upload_data(NAME, "1-2"), "repositories/a/b/_uploads/1-2/data"),
        (LAYOUT.upload_started_at(NAME, "1-2"), "repositories/a/b/_uploads/1-2/startedat"),
    ],
)
def test_the_layout_is_that_of_the_reference_registry(path: str, expected: str) -> None:
    assert path == f"/data/docker/registry/v2/{expected}"
