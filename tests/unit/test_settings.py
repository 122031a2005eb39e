"""Settings of hosts: what is refused, in which words, and that everything is said at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy.settings import (
    EngineOptions,
    EngineSettings,
    ImageSettings,
    LabSettings,
    RolloutSettings,
    SettingsErrors,
    base_image,
    deep_merge,
    validate,
    validate_all,
)
from deploy.settings.engine_options import OPTIONS
from deploy.settings.lab import covered


def lines(data: dict[str, Any]) -> list[str]:
    """Everything that is wrong with one host's data."""
    with pytest.raises(SettingsErrors) as raised:
        validate_all({"host": data})
    return raised.value.lines


def engine(**options: Any) -> dict[str, Any]:  # noqa: ANN401 -- anything that JSON may hold
    return {"engine": {"options": {key.replace("_", "-"): value for key, value in options.items()}}}


def test_nothing_said_is_the_lab() -> None:
    settings = validate_all({"host": {}})["host"]

    assert settings.registry.address == "172.24.194.96:5000"
    assert settings.engine_options() == {
        "fixed-cidr": "172.24.192.0/20",
        "insecure-registries": ["172.24.194.96:5000"],
    }


def test_the_sample_of_the_documentation_is_valid() -> None:
    sample = {
        "windows_build": 20348,
        "engine": {
            "delivery": "daemon.json",
            "options": {
                "group": "docker",
                "hosts": ["npipe://", "tcp://0.0.0.0:2375"],
                "insecure-registries": ["10.0.0.0/8"],
                "labels": ["room=lab"],
                "debug": False,
            },
            "extra": {"brand-new": [1]},
            "data_root": "D:\\docker",
            "allow_tcp_without_tls": True,
            "allow_restart": ["web"],
            "start_timeout": 60,
            "service": {"start_mode": "auto", "recovery": {"restart_after": [5]}, "depends_on": ["hns"]},
        },
        "network": {"name": "nat", "subnet": "172.24.192.0/20", "gateway": None},
        "image": {"base": None, "repository": "registry-lab/registry"},
        "registry": {
            "name": "registry",
            "ip": "172.24.194.96",
            "port": 5000,
            "published_port": 5000,
            "data_directory": "C:\\registry-data",
            "restart": "unless-stopped",
            "environment": {"REGISTRY_LOG_LEVEL": "debug"},
            "dns_name": "registry.class.lan",
            "insecure": True,
            "tls": None,
        },
        "proof": {
            "image": "sixeyed/hello-world:nanoserver",
            "repository": "labs/hello-world",
            "tag": "nanoserver",
        },
    }

    settings = validate_all({"host": sample})["host"]

    assert settings.warnings() == [
        "engine.extra.brand-new: is passed through unchecked",
        "engine.options.hosts: everyone who reaches the TCP port is administrator of the host",
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({"fingerprint": False}, "engine.fingerprint: without it", id="no fingerprint"),
        pytest.param(
            {"options": {"features": {"buildkit": True}}}, "buildkit is not supported", id="buildkit"
        ),
    ],
)
def test_what_works_but_not_well_is_warned_about(data: dict[str, Any], words: str) -> None:
    (warning,) = LabSettings.model_validate({"engine": data}).warnings()

    assert words in warning


# Everything at once


def test_all_errors_of_all_hosts_are_said_at_once() -> None:
    inventory = {
        "one": {"registry": {"ip": "10.0.0.1"}, "engine": {"options": {"debug": 1, "mtu": 1400}}},
        "two": {},
        "three": {"windows_build": 14393, "registry": {"port": 0}},
    }

    with pytest.raises(SettingsErrors) as raised:
        validate_all(inventory)

    assert str(raised.value).splitlines() == raised.value.lines
    assert sorted(line.partition(" ")[0] for line in raised.value.lines) == ["one:"] * 3 + ["three:"] * 2


def test_a_wrong_value_does_not_hide_the_rules() -> None:
    data = {
        "windows_build": 14393,
        "engine": {
            "data_root": r"D:\a",
            "options": {
                "debug": "true",
                "mtu": 1,
                "data-root": r"D:\b",
                "hosts": ["npipe://", "0.0.0.0:2375"],
            },
        },
        "registry": {"restart": "never", "ip": "10.0.0.1", "insecure": False},
    }

    found = [line.split(": ")[1] for line in lines(data)]

    assert sorted(found) == [
        "engine.data_root",
        "engine.options.debug",
        "engine.options.hosts",
        "engine.options.mtu",
        "image.base",
        "registry.insecure",
        "registry.restart",
    ]


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        pytest.param(
            {"network": {"subnet": "x"}, "registry": {"ip": "10.9.0.96"}}, ["network.subnet"], id="subnet"
        ),
        pytest.param(
            {"registry": {"ip": "x"}, "network": {"subnet": "10.9.0.0/16"}}, ["registry.ip"], id="address"
        ),
        pytest.param(
            engine(hosts=["fd://"], tlsverify=True, tlscacert=r"C:\a", tlscert="b", tlskey=r"C:\c"),
            ["engine.options.hosts.0", "engine.options.tlscert"],
            id="tls",
        ),
    ],
)
def test_a_wrong_value_is_not_said_twice(data: dict[str, Any], settings: list[str]) -> None:
    assert sorted(line.split(": ")[1] for line in lines(data)) == settings


def test_a_host_is_named_once() -> None:
    with pytest.raises(SettingsErrors, match="two: psrp_host: SRV1 is also the address of one"):
        validate_all({"one": {}, "two": {}}, {"one": "srv1", "two": "SRV1"})


def test_a_secret_in_the_environment_is_not_repeated() -> None:
    found = lines({"registry": {"environment": {"REGISTRY_HTTP_SECRET": 12345678}}})

    assert "12345678" not in " ".join(found)


def test_other_models_are_checked_in_the_same_words() -> None:
    with pytest.raises(SettingsErrors) as raised:
        validate(RolloutSettings, {"batch": "lots", "canery": 1}, "rollout")

    assert [line.partition(";")[0] for line in raised.value.lines] == [
        "rollout: batch: must be a whole number, not 'lots'",
        "rollout: batch: 'lots' is neither a number of hosts nor a share",
        "rollout: canery: is not known",
    ]


# The registry's own address


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        pytest.param({}, ["172.24.194.96:5000"], id="added"),
        pytest.param(
            engine(insecure_registries=["a.lab:1"]), ["a.lab:1", "172.24.194.96:5000"], id="behind others"
        ),
        pytest.param(
            engine(insecure_registries=["172.24.0.0/16"]), ["172.24.0.0/16"], id="covered by a network"
        ),
        pytest.param(
            {"registry": {"dns_name": "reg.lab"}},
            ["172.24.194.96:5000", "reg.lab:5000"],
            id="the name as well",
        ),
        pytest.param({"registry": {"port": 80}}, ["172.24.194.96:80"], id="its own port"),
        pytest.param({"registry": {"tls": {"directory": r"C:\tls"}}}, None, id="not with TLS"),
    ],
)
def test_the_engine_is_told_of_the_registry(data: dict[str, Any], entries: list[str] | None) -> None:
    assert LabSettings.model_validate(data).engine_options().get("insecure-registries") == entries


def test_a_name_is_covered_by_no_network() -> None:
    assert not covered("registry.lab:5000", ["0.0.0.0/0"])


# Images, merging, waves, adoption


@pytest.mark.parametrize(
    ("build", "base", "image"),
    [
        pytest.param(20348, None, "python:3.13-windowsservercore-ltsc2022", id="2022"),
        pytest.param(26100, None, "python:3.13-windowsservercore-ltsc2025", id="2025"),
        pytest.param(17763, "lab/python:3.13-1809", "lab/python:3.13-1809", id="2019 with its own"),
        pytest.param(26100, "lab/python:ltsc2022", "lab/python:ltsc2022", id="older base on newer host"),
        pytest.param(20348, "lab/python:mine", "lab/python:mine", id="a tag that does not say"),
    ],
)
def test_the_base_image_follows_the_build(build: int, base: str | None, image: str) -> None:
    assert base_image(ImageSettings(base=base), build) == image


def test_layers_are_merged_in_depth() -> None:
    everyone = {"registry": {"port": 5000, "ip": "10.0.0.9"}, "engine": {"options": {"hosts": ["npipe://"]}}}
    host = {"registry": {"port": 80}, "engine": {"options": {"hosts": ["a"], "debug": None}}}

    merged = deep_merge(everyone, {}, host)

    assert merged == {
        "registry": {"port": 80, "ip": "10.0.0.9"},
        "engine": {"options": {"hosts": ["a"], "debug": None}},
    }
    assert everyone["registry"] == {"port": 5000, "ip": "10.0.0.9"}


@pytest.mark.parametrize(
    ("settings", "hosts", "sizes"),
    [
        pytest.param({}, 12, [1, 3, 3, 3, 2], id="a quarter"),
        pytest.param({"batch": 5}, 12, [1, 5, 5, 1], id="five"),
        pytest.param({"batch": "1%"}, 3, [1, 1, 1], id="at least one"),
        pytest.param({"canary": 0, "batch": "100%"}, 4, [4], id="all at once"),
        pytest.param({}, 1, [1], id="one host"),
        pytest.param({}, 0, [], id="none"),
    ],
)
def test_a_fleet_goes_in_waves(settings: dict[str, Any], hosts: int, sizes: list[int]) -> None:
    names = [f"h{number}" for number in range(hosts)]

    waves = RolloutSettings.model_validate(settings).waves(names)

    assert [len(wave) for wave in waves] == sizes
    assert [name for wave in waves for name in wave] == names


def test_an_existing_file_is_adopted() -> None:
    text = (
        '{"group": "docker", "hosts": ["npipe://"], "labels": ["a=b", "registry-lab.start=1"], "debug": null}'
    )

    settings = EngineSettings.from_daemon_json(text)

    assert settings.wanted_options() == {"group": "docker", "hosts": ["npipe://"], "labels": ["a=b"]}


def test_an_adopted_file_that_opens_tcp_says_so() -> None:
    with pytest.raises(ValidationError, match="allow_tcp_without_tls"):
        EngineSettings.from_daemon_json('{"hosts": ["npipe://", "tcp://0.0.0.0:2375"]}')


def test_settings_do_not_change() -> None:
    settings = LabSettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.registry.port = 80  # type: ignore[misc]


# The options


def test_every_option_is_documented() -> None:
    undocumented = [name for name, field in EngineOptions.model_fields.items() if not field.description]

    assert not undocumented


def test_every_option_but_two_is_a_service_option_as_well() -> None:
    assert {name for name, option in OPTIONS.items() if option.flag is None} == {"proxies", "builder"}
    assert len({option.flag for option in OPTIONS.values()}) == len(OPTIONS) - 1


def test_options_come_out_under_the_names_that_went_in() -> None:
    given = {
        "insecure-registries": ["a:1"],
        "debug": True,
        "builder": {"gc": {"enabled": True, "defaultKeepStorage": "20GB"}},
    }

    assert EngineOptions.model_validate(given).given() == given


HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True)


@given(HOSTS, st.integers(1, 65535))
def test_every_host_and_port_can_be_insecure(host: str, port: int) -> None:
    EngineOptions.model_validate({"insecure-registries": [f"{host}:{port}"]})


@given(HOSTS, st.integers(1, 65535), st.sampled_from([" ", "/", "/x", ",b:1", "*", "_", "\n", "é", ":1"]))
def test_nothing_may_follow_the_port(host: str, port: int, more: str) -> None:
    with pytest.raises(ValidationError):
        EngineOptions.model_validate({"insecure-registries": [f"{host}:{port}{more}"]})
