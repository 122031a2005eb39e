"""What hosts need to trust a registry: hosts file, certificate folders, the client's log-in."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.trust import certs_directory, credentials, hosts_file
from deploy.trust.credentials import ConfigUnreadable, Login
from deploy.trust.hosts_file import HostsConflict

ENTRY = {"registry.class.lan": "172.24.194.96"}
OURS = b"172.24.194.96\tregistry.class.lan\t# registry-lab"
WINDOWS = b"# Copyright (c) 1993-2009 Microsoft Corp.\r\n#\r\n\r\n127.0.0.1 localhost\r\n"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        pytest.param(b"", OURS + b"\r\n", id="empty"),
        pytest.param(WINDOWS, WINDOWS + OURS + b"\r\n", id="as Windows ships it"),
        pytest.param(b"10.0.0.1 a", b"10.0.0.1 a\r\n" + OURS + b"\r\n", id="no line end at the end"),
        pytest.param(b"10.0.0.1 a\n", b"10.0.0.1 a\n" + OURS + b"\n", id="LF"),
        pytest.param(
            b"\xef\xbb\xbf10.0.0.1 a\r\n", b"\xef\xbb\xbf10.0.0.1 a\r\n" + OURS + b"\r\n", id="mark"
        ),
        pytest.param(b"10.0.0.1 a # \xfc\r\n", b"10.0.0.1 a # \xfc\r\n" + OURS + b"\r\n", id="ANSI umlaut"),
        pytest.param(
            b"1.1.1.1\tregistry.class.lan\t# registry-lab\r\n10.0.0.1 a\r\n",
            OURS + b"\r\n10.0.0.1 a\r\n",
            id="replaced where it stands",
        ),
        pytest.param(
            (OURS + b"\r\n") * 2 + b"10.0.0.1 a\r\n" + OURS + b"\r\n",
            OURS + b"\r\n10.0.0.1 a\r\n",
            id="doubled",
        ),
        pytest.param(b"9.9.9.9 old.name # registry-lab\r\n", OURS + b"\r\n", id="another name before"),
        pytest.param(
            b"172.24.194.96 REGISTRY.class.lan\r\n",
            b"172.24.194.96 REGISTRY.class.lan\r\n",
            id="given by another",
        ),
        pytest.param(
            b"# 1.1.1.1 registry.class.lan\r\n",
            b"# 1.1.1.1 registry.class.lan\r\n" + OURS + b"\r\n",
            id="commented",
        ),
    ],
)
def test_the_name_is_written_once_and_foreign_lines_stay(found: bytes, wanted: bytes) -> None:
    assert hosts_file.edit(found, ENTRY) == wanted
    assert hosts_file.edit(wanted, ENTRY) == wanted


@given(
    st.lists(st.sampled_from([b"10.0.0.1 a\r\n", b"\r\n", b"# x\xff\n", OURS + b"\r\n", b"\t \n", b"no end"]))
)
def test_twice_is_once_and_every_foreign_byte_stays(parts: list[bytes]) -> None:
    found = b"".join(parts)

    once = hosts_file.edit(found, ENTRY)

    assert hosts_file.edit(once, ENTRY) == once
    assert once.count(b"registry-lab") == 1
    assert (
        hosts_file.edit(once, {}).replace(b"\r\n", b"\n").strip()
        == b"".join(
            line
            for line in found.replace(b"\r\n", b"\n").splitlines(keepends=True)
            if b"registry-lab" not in line
        ).strip()
    )


def test_without_names_our_lines_go() -> None:
    assert hosts_file.edit(WINDOWS + OURS + b"\r\n", {}) == WINDOWS


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(
            b"\r\n10.9.9.9 x Registry.Class.LAN # mine\r\n",
            "gives registry.class.lan to 10.9.9.9 (line 2 of those not ours: '10.9.9.9 x Registry",
            id="contradiction",
        ),
        pytest.param(
            "127.0.0.1 localhost\r\n".encode("utf-16"), "UTF-16, which Windows does not read", id="UTF-16"
        ),
    ],
)
def test_a_file_that_says_otherwise_is_left_to_its_owner(found: bytes, reason: str) -> None:
    with pytest.raises(HostsConflict) as caught:
        hosts_file.edit(found, ENTRY)

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("registry", "classic", "containerd"),
    [
        pytest.param("172.24.194.96:5000", "172.24.194.965000", "172.24.194.96_5000_", id="address"),
        pytest.param(
            "registry.class.lan:5000", "registry.class.lan5000", "registry.class.lan_5000_", id="name"
        ),
    ],
)
def test_each_image_store_has_its_own_form_of_folder(registry: str, classic: str, containerd: str) -> None:
    root = r"C:\ProgramData\docker\certs.d"

    assert certs_directory.authority_files(registry, containerd=False) == [rf"{root}\{classic}\ca.crt"]
    assert certs_directory.authority_files(registry, containerd=True) == [
        rf"{root}\{classic}\ca.crt",
        rf"{root}\{containerd}\ca.crt",
    ]


LOGIN = Login("registry.class.lan:5000", "host", "sécret")
AUTH = {"auth": base64.b64encode("host:sécret".encode()).decode()}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        pytest.param(None, {"auths": {LOGIN.registry: AUTH}}, id="no file"),
        pytest.param(
            {"auths": {"other": {"auth": "eA=="}}, "psFormat": "x"},
            {"auths": {"other": {"auth": "eA=="}, LOGIN.registry: AUTH}, "psFormat": "x"},
            id="others stay",
        ),
        pytest.param(
            {"credsStore": "wincred"},
            {"credsStore": "wincred", "auths": {LOGIN.registry: AUTH}, "credHelpers": {LOGIN.registry: ""}},
            id="the account's own store stays, and is not asked for this registry",
        ),
        pytest.param(
            {"credHelpers": {LOGIN.registry: "wincred", "gcr.io": "gcloud"}},
            {"credHelpers": {LOGIN.registry: "", "gcr.io": "gcloud"}, "auths": {LOGIN.registry: AUTH}},
            id="a helper for this registry",
        ),
        pytest.param(
            {"auths": {LOGIN.registry: {"auth": "b2xk"}}},
            {"auths": {LOGIN.registry: AUTH}},
            id="an old password",
        ),
    ],
)
def test_the_log_in_is_written_and_nothing_else_touched(found: object, wanted: object) -> None:
    content = b"" if found is None else json.dumps(found).encode()

    changed = credentials.edit(content, [LOGIN])

    assert json.loads(changed) == wanted
    assert credentials.edit(changed, [LOGIN]) == changed


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"auths": 1}', b"\xff\xfe{"])
def test_a_file_that_cannot_be_read_is_not_overwritten_and_not_shown(content: bytes) -> None:
    with pytest.raises(ConfigUnreadable):
        credentials.edit(content, [LOGIN])


def test_a_log_in_does_not_print_its_password() -> None:
    assert "sécret" not in f"{LOGIN} {LOGIN!r}"
