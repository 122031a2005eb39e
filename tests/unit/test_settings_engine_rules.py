"""Engine options that dockerd refuses, fails on or ignores are refused, and nothing that works is.

What dockerd does is what the rehearsal's model of it says; its own tests say where it has that from.
"""

import json
import re
from typing import Any

import pytest

from deploy.settings import SettingsErrors, validate_all
from deploy.settings.daemon_json import parse_daemon_json
from deploy.settings.engine_options import OPTIONS
from rehearsal.engine import check
from rehearsal.engine.daemon.flags import daemon_flags
from rehearsal.engine.daemon.keys import CONFIG, KEYS_WITHOUT_FLAG


def lines(options: dict[str, Any]) -> list[str]:
    """Everything that is wrong with the engine options of one host."""
    engine = {"options": options, "allow_tcp_without_tls": True}
    with pytest.raises(SettingsErrors) as raised:
        validate_all({"host": {"engine": engine}})
    return raised.value.lines


def dockerd(options: dict[str, Any]) -> check.Verdict:
    flags = ["--validate", "--config-file", "<config>"]
    return check.check_case({"daemon_json": json.dumps(options), "flags": flags})


BUILDER_RULE = "engine.options.builder.gc.policy"
STOPS_THE_ENGINE: list[tuple[dict[str, Any], str]] = [
    ({"labels": ["com.docker.room=1"]}, "engine.options.labels"),
    ({"labels": ["IO.Docker.room=1"]}, "engine.options.labels"),
    ({"dns-search": ["lab_local"]}, "engine.options.dns-search"),
    ({"dns-search": ["10"]}, "engine.options.dns-search"),
    ({"dns-search": ["a" * 255]}, "engine.options.dns-search"),
    ({"storage-opts": ["size=40  GB"]}, "engine.options.storage-opts"),
    ({"storage-opts": ["size=40Gi"]}, "engine.options.storage-opts"),
    ({"storage-opts": ["size=٣"]}, "engine.options.storage-opts"),
    ({"node-generic-resources": ["GPU=-1"]}, "engine.options.node-generic-resources"),
    ({"node-generic-resources": ["GPU=1", "GPU=2"]}, "engine.options.node-generic-resources"),
    ({"node-generic-resources": ["GPU=1", "GPU=UUID1"]}, "engine.options.node-generic-resources"),
    ({"insecure-registries": ["10.0.0.0/08"]}, "engine.options.insecure-registries"),
    ({"insecure-registries": ["[fe80::1%e]:5000"]}, "engine.options.insecure-registries"),
    ({"insecure-registries": ["fe80::1%e/64"]}, "engine.options.insecure-registries"),
    ({"registry-mirrors": ["http://m/%zz"]}, "engine.options.registry-mirrors"),
    ({"group": "Administrators,"}, "engine.options.group"),
    ({"min-api-version": "1.57"}, "engine.options.min-api-version"),
    ({"shutdown-timeout": 1 << 63}, "engine.options.shutdown-timeout"),
    ({"tlsverify": False}, "engine.options.tlsverify"),
    ({"features": {"containerd-migration": True}}, "engine.options.features"),
    ({"hosts": ["npipe://", "npipe:////./pipe/Docker_Engine"]}, "engine.options.hosts"),
    ({"hosts": ["npipe://", "tcp://127.0.0.1:2375", "tcp://localhost:2375"]}, "engine.options.hosts"),
    (
        {"hosts": ["npipe://", "tcp://127.0.0.1:2375"], "metrics-addr": "127.0.0.1:2375"},
        "engine.options.metrics-addr",
    ),
    ({"hosts": ["npipe://", "0.0.0.0:2375"], "metrics-addr": ":2375"}, "engine.options.metrics-addr"),
    ({"builder": {"gc": {"defaultKeepStorage": "10%"}}}, "engine.options.builder.gc.defaultKeepStorage"),
    ({"builder": {"gc": {"policy": [{"keepStorage": "much"}]}}}, BUILDER_RULE),
    ({"builder": {"gc": {"policy": [{"keepStorage": 5}]}}}, BUILDER_RULE),
    ({"builder": {"gc": {"policy": [{"filter": "until=1h"}]}}}, BUILDER_RULE),
    ({"builder": {"gc": {"policy": [{"filter": ["until=soon"]}]}}}, BUILDER_RULE),
    ({"builder": {"gc": {"policy": [{"filter": ["until=1h", "unused-for=2h"]}]}}}, BUILDER_RULE),
    ({"builder": {"gc": {"policy": [{"filter": ["type=a", "type=b"]}]}}}, BUILDER_RULE),
]
LOG_OPTIONS: list[tuple[str, dict[str, str], str]] = [
    ("json-file", {"mode": "fast"}, "mode"),
    ("json-file", {"max-buffer-size": "4m"}, "max-buffer-size"),
    ("local", {"cache-disabled": "yes"}, "cache-disabled"),
    ("syslog", {"syslog-address": "10.0.0.1:514"}, "syslog-address"),
    ("syslog", {"syslog-facility": "lab"}, "syslog-facility"),
    ("syslog", {"syslog-format": "json"}, "syslog-format"),
    ("gelf", {"tag": "x"}, "gelf-address"),
    ("gelf", {"gelf-address": "udp://10.0.0.1"}, "gelf-address"),
    ("gelf", {"gelf-address": "tcp://h:1", "gelf-compression-type": "gzip"}, "gelf-compression-type"),
    ("gelf", {"gelf-address": "udp://h:1", "gelf-tcp-max-reconnect": "3"}, "gelf-tcp-max-reconnect"),
    ("fluentd", {"fluentd-async": "yes"}, "fluentd-async"),
    ("fluentd", {"fluentd-address": "udp://h:24224"}, "fluentd-address"),
    ("fluentd", {"fluentd-address": "h/x"}, "fluentd-address"),
    ("fluentd", {"fluentd-address": "h:65536"}, "fluentd-address"),
    ("fluentd", {"fluentd-retry-wait": "5"}, "fluentd-retry-wait"),
    ("awslogs", {"awslogs-region": "x"}, "awslogs-group"),
    ("awslogs", {"awslogs-group": "g", "env": "X"}, "env"),
    ("gcplogs", {"tag": "x"}, "tag"),
    ("splunk", {"splunk-host": "x"}, "splunk-host"),
]
NO_CONTAINER_STARTS: list[tuple[str, dict[str, str], str]] = [
    ("json-file", {"max-size": "big"}, "max-size"),
    ("json-file", {"max-size": "0"}, "max-size"),
    ("json-file", {"max-file": "0"}, "max-file"),
    ("json-file", {"compress": "true"}, "compress"),
    ("json-file", {"max-file": "3", "compress": "true"}, "compress"),
    ("local", {"max-file": "1"}, "compress"),
]
"""dockerd starts with these and looks at them with each container (moby jsonfilelog.New, local newConfig)."""


@pytest.mark.parametrize(("options", "setting"), STOPS_THE_ENGINE, ids=str)
def test_what_stops_the_engine_is_refused(options: dict[str, Any], setting: str) -> None:
    verdict = dockerd(options)

    assert not (verdict.accepted and verdict.starts)
    said = lines(options)
    assert any(line.startswith(f"host: {setting}") for line in said), said


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("proxy.lab:3128", id="no scheme"),
        pytest.param("u:geheim@proxy.lab:3128", id="no scheme and a password"),
        pytest.param("ftp://u:geheim@proxy.lab", id="unknown scheme"),
        pytest.param("http://u:geheim,b@proxy.lab", id="comma"),
        pytest.param("http://u:geheim'b@proxy.lab", id="apostrophe"),
        pytest.param("http://u:geheim/b@proxy.lab", id="slash"),
        pytest.param("http://u:geheim b@proxy.lab", id="blank"),
        pytest.param("http://u:geheim\x07b@proxy.lab", id="control character"),
        pytest.param("http://u:geheim%zz@proxy.lab", id="percent sign"),
        pytest.param("http://u:geheim@", id="no host"),
    ],
)
def test_a_proxy_whose_password_would_show_is_refused_without_showing_it(address: str) -> None:
    """dockerd starts with all of them, and shows some of them as they are."""
    (line,) = lines({"proxies": {"http-proxy": address}})

    assert line.startswith("host: engine.options.proxies.http-proxy: ")
    assert "geheim" not in line


@pytest.mark.parametrize(("driver", "log_opts", "name"), [*LOG_OPTIONS, *NO_CONTAINER_STARTS], ids=str)
def test_log_options_that_do_not_work_are_refused(driver: str, log_opts: dict[str, str], name: str) -> None:
    options = {"log-driver": driver, "log-opts": log_opts}

    assert dockerd(options).starts == ((driver, log_opts, name) in NO_CONTAINER_STARTS)
    assert any(line.startswith(f"host: engine.options.log-opts.{name}") for line in lines(options)), lines(
        options
    )


@pytest.mark.parametrize(
    "options",
    [
        {"storage-opts": ["SIZE=40 GB"]},
        {"storage-opts": ["size=1.5g"]},
        {"dns-search": ["lab.local.", ".", "x1"]},
        {"node-generic-resources": ["GPU=UUID1", "GPU=UUID2", "SSD=3"]},
        {"registry-mirrors": ["http://m/%41"]},
        {
            "proxies": {
                "http-proxy": "http://u:a%2Cb%27@proxy.lab:3128/",
                "https-proxy": "socks5://[::1]:1080",
            }
        },
        {"hosts": ["npipe://", "tcp://127.0.0.1:2375", "127.0.0.1:2375"]},
        {"hosts": ["npipe://", "tcp://127.0.0.1:2375"], "metrics-addr": "127.0.0.1:2376"},
        {"min-api-version": "1.56"},
        {"builder": {"gc": {"policy": [{"keepStorage": "1GB", "filter": ["until=48h", "type=regular"]}]}}},
        {"features": {"containerd-migration": False}},
        {"log-driver": "local", "log-opts": {"max-file": "1", "compress": "false", "tag": "x"}},
        {"log-opts": {"max-size": "10m", "max-file": "3", "compress": "true", "cache-max-size": "1m"}},
        {"log-opts": {"mode": "non-blocking", "max-buffer-size": "4m"}},
        {"log-driver": "syslog", "log-opts": {"syslog-address": "tcp+tls://h", "syslog-facility": "local7"}},
        {"log-driver": "gelf", "log-opts": {"gelf-address": "udp://[::1]:1", "gelf-compression-level": "-1"}},
        {"log-driver": "fluentd", "log-opts": {"fluentd-address": "h:24224", "fluentd-retry-wait": "1s"}},
        {"log-driver": "awslogs", "log-opts": {"awslogs-group": "g", "awslogs-format": "json/emf"}},
        {"log-driver": "splunk", "log-opts": {"splunk-url": "https://h:8088", "splunk-token": "x"}},
        {"log-driver": "gcplogs", "log-opts": {"gcp-project": "x", "env": "A"}},
    ],
    ids=str,
)
def test_what_works_is_accepted(options: dict[str, Any]) -> None:
    verdict = dockerd(options)
    assert verdict.accepted
    assert verdict.starts

    validate_all({"host": {"engine": {"options": options, "allow_tcp_without_tls": True}}})


NAMES = [name for flag in daemon_flags({}, verify_by_default=False) for name in (flag.name, flag.config_name)]


@pytest.mark.parametrize("key", sorted({*NAMES, *CONFIG.fields, *KEYS_WITHOUT_FLAG} - {"", *OPTIONS}))
def test_a_name_that_dockerd_knows_and_settings_do_not_is_explained(key: str) -> None:
    assert not lines({key: None})[0].endswith("is not known")


@pytest.mark.parametrize("key", sorted(OPTIONS))
def test_a_key_that_settings_know_is_one_of_dockerds(key: str) -> None:
    value: object = {} if key == "proxies" else None

    assert "directives" not in dockerd({key: value}).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": "\xff"}', "is not UTF-8 (byte 7); save it as UTF-8"),
        (b'\xef\xbb\xbf{"a": "\xff"}', "is not UTF-8 (byte 10); save it as UTF-8"),
        (b"\xff\xfe{\x00\x00", "is not UTF-16-LE (byte 4); save it as UTF-8"),
        (b"[" * 100_000, "is nested too deeply to be meant"),
    ],
    ids=["no mark", "marked", "cut off", "deep"],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_daemon_json(content)
