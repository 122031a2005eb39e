"""What is rendered: the file, the command line, the Dockerfile, and the fingerprints of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from deploy import rendering
from deploy.rendering import (
    LINUX,
    daemon_json,
    daemon_json_content,
    dockerfile,
    fingerprint,
    keys_that_were_ours,
    needs_start,
    our_labels,
    service_options,
)
from deploy.settings import EngineOptions

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
BASE = "python:3.13-windowsservercore-ltsc2022"


# daemon.json


@given(st.dictionaries(st.text(), JSON))
def test_the_file_says_exactly_what_it_is_given(content: dict[str, Any]) -> None:
    assert json.loads(daemon_json(content)) == content


def test_the_file_is_written_for_people() -> None:
    text = daemon_json({"hosts": ["npipe://"], "labels": ["ort=Zürich"], "proxies": {"no-proxy": ".lab"}})

    assert text == (
        "{\n"
        '  "hosts": [\n    "npipe://"\n  ],\n'
        '  "labels": [\n    "ort=Zürich"\n  ],\n'
        '  "proxies": {\n    "no-proxy": ".lab"\n  }\n'
        "}\n"
    )


def test_a_name_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendering.render("registry.Dockerfile.j2", base=BASE)


@given(st.dictionaries(st.sampled_from(["a", "b", "group", "debug"]), JSON))
def test_what_is_not_ours_is_kept(existing: dict[str, Any]) -> None:
    content = daemon_json_content({"debug": True}, existing, labelled=False)

    assert content == {**existing, "debug": True}


def test_rendering_the_result_again_changes_nothing() -> None:
    existing = {"x": 1, "labels": ["room=lab"]}
    first = daemon_json_content({"debug": True, "dns": ["10.0.0.1"]}, existing, labelled=True)

    second = daemon_json_content({"debug": True, "dns": ["10.0.0.1"]}, first, labelled=True)
    third = daemon_json_content({"insecure-registries": ["a:1"]}, second, labelled=True)

    assert second == first
    assert daemon_json_content({"insecure-registries": ["a:1"]}, third, labelled=True) == third


def test_keys_keep_their_place() -> None:
    content = daemon_json_content(
        {"debug": True, "group": "x"}, {"b": 1, "debug": False, "a": 2}, labelled=False
    )

    assert list(content) == ["b", "debug", "a", "group"]


def test_the_users_labels_stand_before_ours() -> None:
    content = daemon_json_content({"labels": ["a=b"]}, {"labels": ["old=1"]}, labelled=True)

    assert content["labels"][0] == "a=b"
    assert all(label.startswith("registry-lab.") for label in content["labels"][1:])


def test_labels_of_somebody_else_stay() -> None:
    first = daemon_json_content({"debug": True}, {"labels": ["room=lab"]}, labelled=True)

    assert daemon_json_content({}, first, labelled=False)["labels"] == ["room=lab"]


def test_labels_that_were_ours_go() -> None:
    first = daemon_json_content({"labels": ["a=b"]}, {}, labelled=True)

    content = daemon_json_content({}, first, labelled=True)

    assert all(label.startswith("registry-lab.") for label in content["labels"])


def test_the_file_remembers_which_keys_are_ours() -> None:
    content = daemon_json_content({"debug": True, "dns": ["10.0.0.1"]}, {"group": "x"}, labelled=True)

    assert keys_that_were_ours(content) == {"debug", "dns"}


@pytest.mark.parametrize(
    "existing", [{}, {"labels": None}, {"labels": "x"}, {"labels": [1]}, {"labels": ["a=b"]}], ids=str
)
def test_a_file_without_our_label_has_no_keys_of_ours(existing: dict[str, Any]) -> None:
    assert keys_that_were_ours(existing) == frozenset()


# Fingerprints


def test_a_fingerprint_is_twelve_hexadecimal_digits() -> None:
    assert len(fingerprint({"a": 1})) == 12
    assert int(fingerprint({"a": 1}), 16) >= 0


def test_a_fingerprint_depends_on_content_alone() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_only_what_a_start_takes_up_is_in_the_second_fingerprint() -> None:
    before, reloaded, restarted = (
        {"dns": ["10.0.0.1"]},
        {"dns": ["10.0.0.1"], "debug": True},
        {"dns": ["10.0.0.2"]},
    )

    assert our_labels(before)[0] != our_labels(reloaded)[0]
    assert our_labels(before)[1] == our_labels(reloaded)[1]
    assert our_labels(before)[1] != our_labels(restarted)[1]


@pytest.mark.parametrize(
    "key",
    [
        "authorization-plugins",
        "debug",
        "default-stop-timeout",
        "features",
        "insecure-registries",
        "labels",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "network-diagnostic-port",
        "registry-mirrors",
        "shutdown-timeout",
        "fixed-cidr",
    ],
)
def test_these_keys_and_no_others_need_no_start(key: str) -> None:
    """The list is dockerd's own (daemon/reload.go); fixed-cidr is read when the network is made."""
    names = {field.alias or name for name, field in EngineOptions.model_fields.items()}

    assert not needs_start(key)
    assert sum(not needs_start(name) for name in names) == 13


# Service options


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"debug": True}, ["--debug"], id="switch on"),
        pytest.param({"tls": False}, ["--tls=false"], id="switch off"),
        pytest.param({"shutdown-timeout": 30}, ["--shutdown-timeout", "30"], id="number"),
        pytest.param({"data-root": r"D:\docker data"}, ["--data-root", r"D:\docker data"], id="text"),
        pytest.param({"hosts": ["npipe://", "0.0.0.0:1"]}, ["-H", "npipe://", "-H", "0.0.0.0:1"], id="list"),
        pytest.param({"labels": []}, [], id="empty list"),
        pytest.param(
            {"log-opts": {"max-size": "1m", "max-file": "3"}},
            ["--log-opt", "max-size=1m", "--log-opt", "max-file=3"],
            id="mapping",
        ),
        pytest.param({"features": {"cdi": False}}, ["--feature", "cdi=false"], id="switches in a mapping"),
        pytest.param(
            {"proxies": {"http-proxy": "http://p:1", "no-proxy": ".lab"}},
            ["--http-proxy", "http://p:1", "--no-proxy", ".lab"],
            id="proxies",
        ),
        pytest.param(
            {"default-network-opts": {"nat": {"a": "b"}}},
            ["--default-network-opt", "nat=a=b"],
            id="nested mapping",
        ),
        pytest.param(
            {"labels": ["ort=Zürich\u2028東京"]}, ["--label", "ort=Zürich\u2028東京"], id="odd separator"
        ),
    ],
)
def test_options_become_arguments(options: dict[str, Any], arguments: list[str]) -> None:
    assert service_options(options) == arguments


def test_an_option_without_a_flag_is_an_error() -> None:
    with pytest.raises(ValueError, match="builder exists in"):
        service_options({"builder": {"gc": {}}})


# Dockerfile


def test_the_dockerfile_needs_no_network_beyond_its_base() -> None:
    text = dockerfile(BASE, "1.2.3", mark="0123456789ab")

    assert text.startswith("# escape=`\n")
    assert f"FROM {BASE}\n" in text
    assert (
        r"RUN python -m pip install --no-cache-dir --no-index --find-links C:\wheels registry-app==1.2.3"
        in text
    )
    assert 'LABEL registry-lab.fingerprint="0123456789ab"' in text


def test_the_entry_point_is_in_exec_form() -> None:
    """So that the registry is the process that docker stops, not a shell around it."""
    instructions = dockerfile(BASE, "1.2.3").splitlines()

    assert 'ENTRYPOINT ["python", "-m", "registry_app"]' in instructions
    assert 'CMD ["serve"]' in instructions


def test_only_known_instructions_are_used() -> None:
    text = dockerfile(BASE, "1.2.3")

    used = {line.partition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}

    assert used == {"FROM", "LABEL", "COPY", "RUN", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def test_the_same_dockerfile_serves_linux() -> None:
    text = dockerfile("python-minimal:test", "1.2.3", platform=LINUX)

    assert text.startswith("# escape=\\\n")
    assert "COPY wheels /wheels\n" in text
    assert 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="/var/lib/registry"' in text
    assert "C:" not in text
