"""What is said of settings that cannot work: which setting, what is wrong, what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.settings import (
    SettingsErrors,
    validate_all,
)


def lines(data: dict[str, Any]) -> list[str]:
    """Everything that is wrong with one host's data."""
    with pytest.raises(SettingsErrors) as raised:
        validate_all({"host": data})
    return raised.value.lines


def engine(**options: Any) -> dict[str, Any]:  # noqa: ANN401 -- anything that JSON may hold
    return {"engine": {"options": {key.replace("_", "-"): value for key, value in options.items()}}}


# Rules between settings


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(
            {"registry": {"ip": "10.0.0.1"}},
            "registry.ip: 10.0.0.1 is not in network.subnet 172.24.192.0/20",
            id="outside",
        ),
        pytest.param(
            {"registry": {"ip": "172.24.192.0"}},
            "registry.ip: 172.24.192.0 is the address of the network",
            id="network",
        ),
        pytest.param(
            {"registry": {"ip": "172.24.192.1"}}, "registry.ip: 172.24.192.1 is the gateway", id="gateway"
        ),
        pytest.param(
            {"registry": {"ip": "172.24.207.255"}},
            "registry.ip: 172.24.207.255 is the broadcast",
            id="broadcast",
        ),
        pytest.param(
            {"registry": {"name": "registry-lab-replaced"}},
            "registry.name: registry-lab-replaced is what the container of before is called",
            id="the name of the container of before",
        ),
        pytest.param({"image": {"keep": 0}}, "image.keep: must be 1 or more, not 0", id="no image kept"),
        pytest.param(
            engine(fixed_cidr="172.24.192.0/20"),
            "engine.options.fixed-cidr: is what network.subnet is for",
            id="cidr twice",
        ),
        pytest.param(
            engine(bridge="none"), "engine.options.bridge: 'none' makes no nat network", id="no network"
        ),
        pytest.param(
            {"engine": {"data_root": r"D:\a", "options": {"data-root": r"D:\a"}}},
            "engine.data_root: is also given as options.data-root",
            id="data root twice",
        ),
        pytest.param(
            {"engine": {"extra": {"debug": True}, "options": {"debug": True}}},
            "engine.extra.debug: is also given in options",
            id="extra and option",
        ),
        pytest.param(
            {"engine": {"extra": {"insecure-registry": ["a:1"]}}},
            "engine.extra.insecure-registry: is the name of a flag",
            id="extra without effect",
        ),
        pytest.param(
            {"engine": {"extra": {"live-restore": True}}},
            "engine.extra.live-restore: is for Linux",
            id="extra that stops the engine",
        ),
        pytest.param(
            {"engine": {"delivery": "service-options", "extra": {"x": 1}}},
            "engine.extra: can only be delivered in the file",
            id="extra without file",
        ),
        pytest.param(
            {"engine": {"delivery": "service-options", "options": {"labels": ["where=%SystemRoot%"]}}},
            "engine.options.labels: %SystemRoot% would be replaced",
            id="expanded at every start",
        ),
        pytest.param(
            {"engine": {"delivery": "service-options", "options": {"builder": {"gc": {"enabled": True}}}}},
            "engine.options.builder: exists in the file only",
            id="no such flag",
        ),
        pytest.param(
            engine(hosts=["npipe://", "0.0.0.0:2375"]),
            "engine.options.hosts: 0.0.0.0:2375 makes administrators of all who reach it",
            id="open TCP",
        ),
        pytest.param(
            engine(
                hosts=["tcp://0.0.0.0:2376"],
                tlsverify=True,
                tlscacert=r"C:\a",
                tlscert=r"C:\b",
                tlskey=r"C:\c",
            ),
            "engine.options.hosts: lacks 'npipe://'",
            id="no pipe",
        ),
        pytest.param(
            engine(tls=False, tlsverify=True),
            "engine.options.tls: is false while tlsverify is true",
            id="tls both",
        ),
        pytest.param(
            engine(hosts=["npipe://"], tlsverify=True),
            "engine.options.tlscert: is missing",
            id="tls without files",
        ),
        pytest.param(
            engine(tlscert=r"C:\b"),
            "engine.options.tlscert: has no effect without tlsverify",
            id="files without tls",
        ),
        pytest.param(
            engine(labels=["registry-lab.fingerprint=1"]),
            "engine.options.labels: registry-lab.fingerprint is the provisioner's own",
            id="our label",
        ),
        pytest.param(
            engine(labels=["a=1", "a=2"]), "engine.options.labels: a is both '1' and '2'", id="label twice"
        ),
        pytest.param(
            engine(log_opts={"max-sise": "1m"}),
            "engine.options.log-opts.max-sise: is not known",
            id="log option",
        ),
        pytest.param(
            engine(features={"containerd-snapshotter": True}),
            "engine.options.features: containerd-snapshotter needs containerd",
            id="snapshotter",
        ),
        pytest.param(
            engine(host_gateway_ips=["10.0.0.1", "10.0.0.2"]),
            "engine.options.host-gateway-ips: takes one IPv4",
            id="two gateways",
        ),
        pytest.param(
            engine(insecure_registries=["172.24.194.96"]),
            "engine.options.insecure-registries: '172.24.194.96' does not cover port 5000",
            id="entry without port",
        ),
        pytest.param(
            {
                "registry": {"tls": {"directory": r"C:\tls"}},
                "engine": {"options": {"insecure-registries": ["172.24.0.0/16"]}},
            },
            "engine.options.insecure-registries: covers 172.24.194.96:5000",
            id="insecure by network and trusted",
        ),
        pytest.param(
            {"registry": {"insecure": True, "tls": {"directory": r"C:\tls"}}},
            "registry.insecure: a registry is not insecure and trusted at once",
            id="insecure and trusted",
        ),
        pytest.param({"registry": {"insecure": False}}, "registry.insecure: is false, but", id="neither"),
        pytest.param(
            {"registry": {"data_directory": "C:\\"}}, "registry.data_directory: is a whole drive", id="drive"
        ),
        pytest.param(
            {"registry": {"environment": {"REGISTRY_HTTP_ADDR": ":1"}}},
            "registry.environment.REGISTRY_HTTP_ADDR: is set by registry.port",
            id="variable of ours",
        ),
        pytest.param(
            {"network": {"gateway": "172.24.192.9"}}, "network.gateway: the engine gives", id="gateway"
        ),
        pytest.param(
            {"network": {"subnet": "8.8.0.0/16"}},
            "network.subnet: 8.8.0.0/16 is a public network",
            id="public",
        ),
        pytest.param(
            {"network": {"subnet": "127.0.0.0/16"}},
            "network.subnet: 127.0.0.0/16 cannot be given",
            id="loopback",
        ),
        pytest.param(
            {"network": {"subnet": "172.24.194.96/30"}},
            "network.subnet: 172.24.194.96/30 has no room",
            id="tiny",
        ),
        pytest.param(
            {"network": {"subnet": "172.24.194.96/20"}},
            "network.subnet: '172.24.194.96/20' is an address",
            id="host bits",
        ),
        pytest.param(
            {"windows_build": 14393},
            "image.base: Windows Server 2016 (build 14393) is not supported",
            id="too old",
        ),
        pytest.param({"windows_build": 17763}, "image.base: there is no official Python image", id="no base"),
        pytest.param(
            {"windows_build": 20348, "image": {"base": "python:3.13-windowsservercore-ltsc2025"}},
            "image.base: python:3.13-windowsservercore-ltsc2025 needs build 26100",
            id="base too new",
        ),
    ],
)
def test_settings_that_cannot_work_together_are_refused(data: dict[str, Any], line: str) -> None:
    assert any(each.startswith(f"host: {line}") for each in lines(data)), lines(data)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param({"netwrk": {}}, "netwrk: is not known; did you mean network?", id="part"),
        pytest.param(
            {"registry": {"prot": 1}}, "registry.prot: is not known; did you mean port?", id="setting"
        ),
        pytest.param(
            engine(Debug=True), "engine.options.Debug: is not known; did you mean debug?", id="capital"
        ),
        pytest.param(
            {"engine": {"options": {"insecure_registries": []}}},
            "engine.options.insecure_registries: is not known; did you mean insecure-registries?",
            id="underscore",
        ),
        pytest.param(
            engine(host=["npipe://"]),
            "engine.options.host: is the name of a flag, which has no effect as a key; write hosts",
            id="flag",
        ),
        pytest.param(
            engine(proxies={"default": {}}),
            "engine.options.proxies.default: is not known; there are",
            id="inner",
        ),
        pytest.param(
            engine(debug="true"), "engine.options.debug: must be True or False, not 'true'", id="switch"
        ),
        pytest.param(
            engine(shutdown_timeout="30"),
            "engine.options.shutdown-timeout: must be a whole number, not '30'",
            id="number",
        ),
        pytest.param(
            engine(max_concurrent_downloads=3.0),
            "engine.options.max-concurrent-downloads: must be a whole number, not 3.0",
            id="point zero",
        ),
        pytest.param(
            engine(max_concurrent_downloads=-1),
            "engine.options.max-concurrent-downloads: must be 0 or more, not -1",
            id="negative",
        ),
        pytest.param(
            engine(hosts="npipe://"),
            "engine.options.hosts: must be a list, not 'npipe://'; write ['npipe://']",
            id="list",
        ),
        pytest.param(engine(group=["docker"]), "engine.options.group: must be a text", id="text"),
        pytest.param(
            engine(log_opts={"max-file": 3}),
            "engine.options.log-opts.max-file: must be a text, not 3",
            id="text inside",
        ),
        pytest.param({"engine": []}, "engine: must be a mapping of names to values", id="mapping"),
        pytest.param(
            {"registry": {"published_port": 70000}},
            "registry.published_port: must be 65535 or less, not 70000",
            id="port",
        ),
        pytest.param(
            {"registry": {"restart": "never"}}, "registry.restart: 'never' is no restart policy", id="policy"
        ),
        pytest.param(
            {"registry": {"dns_name": "registry"}},
            "registry.dns_name: 'registry' is no full host name",
            id="name",
        ),
        pytest.param(
            {"proof": {"image": "Hello World"}}, "proof.image: 'Hello World' is no image", id="image"
        ),
        pytest.param(
            {"engine": {"delivery": "file"}},
            "engine.delivery: must be 'daemon.json' or 'service-options', not 'file'",
            id="choice",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(data: dict[str, Any], line: str) -> None:
    assert any(each.startswith(f"host: {line}") for each in lines(data)), lines(data)
