"""Rules of dockerd that no recorded case shows.

Each expectation is what the daemon's own code answered when it was compiled and asked: moby of September
2026, packages daemon/config, daemon/command, daemon/logger and daemon/pkg/registry, with the JSON reader that
Go 1.27 has by default. The ids name the place in it that decides.
"""

import base64
import json
from typing import Any

import pytest

from rehearsal.engine import check

FILE = ["--validate", "--config-file", "<config>"]
UNUSABLE = "unable to configure the Docker daemon with file <config>: "
NOT_VALID = f"{UNUSABLE}merged configuration validation from file and command line flags failed: "
USAGE = "\nSee 'dockerd --help'., Code: 125"
TWICE = f"{UNUSABLE}the following directives are specified both as a flag and in the configuration file: "


def validate(content: str | bytes | None, *flags: str) -> check.Verdict:
    raw = content.encode() if isinstance(content, str) else content
    case: dict[str, Any] = {"flags": [*(FILE if raw is not None else FILE[:1]), *flags]}
    if raw is not None:
        case["daemon_json_base64"] = base64.b64encode(raw).decode()
    return check.check_case(case)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            '{"host-gateway-ip": "fe80::1%eth0"}',
            f"{UNUSABLE}invalid JSON: invalid IP address: fe80::1%eth0",
            id="net.IP has no zones",
        ),
        pytest.param(
            '{"": 1e400}',
            f"{UNUSABLE}invalid JSON: json: cannot unmarshal number 1e400 into Go value of type float64",
            id="encoding/json: a path without a letter counts as none",
        ),
        pytest.param(
            '{"log-opts": {"": 1}}',
            f"{UNUSABLE}invalid JSON: json: cannot unmarshal number into Go struct field Config.log-opts. "
            "of type string",
            id="encoding/json: an empty name below another",
        ),
        pytest.param(
            '{"nonsense": {"rubbish": 1}, "nonsense": {"waste": 1}}',
            f"{UNUSABLE}the following directives don't match any configuration option: waste",
            id="configValuesSet sees the last of two objects only",
        ),
        pytest.param(
            '{"labels": ["İo.docker.x=1"]}',
            f"{NOT_VALID}label İo.docker.x=1 is not allowed: the namespaces com.docker.*, io.docker.*, "
            "and org.dockerproject.* are reserved for internal use",
            id="strings.ToLower maps character by character",
        ),
        pytest.param(
            '{"dns-search": ["lab.local\\u00a0"]}',
            f"{NOT_VALID}lab.local\u00a0 is not a valid domain",
            id="the white space of Go's expressions is ASCII",
        ),
        pytest.param(
            '{"registry-mirrors": ["a b%41//ftp://*"]}',
            f'{NOT_VALID}invalid mirror: unsupported scheme "" in "a%20bA//ftp://%2A": '
            "must use either 'https://' or 'http://'",
            id="net/url escapes a path anew if it was not valid as written",
        ),
        pytest.param(
            '{"registry-mirrors": ["//a#://%2f"]}',
            f'{NOT_VALID}invalid mirror: unsupported scheme "" in "//a#://%2f": '
            "must use either 'https://' or 'http://'",
            id="net/url keeps a valid fragment as written",
        ),
        pytest.param(
            b" " * 4094 + "{é".encode() + b"\xff" + b" " * 6000,
            f"{UNUSABLE}failed to decode configuration JSON at offset 8191: encoding: invalid UTF-8",
            id="transform.Chain keeps a character that its buffer cut",
        ),
    ],
)
def test_a_file_is_refused(content: str | bytes, message: str) -> None:
    verdict = validate(content)

    assert (verdict.accepted, verdict.message) == (False, message)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-é"], f"Status: unknown shorthand flag: 'Ã' in -é{USAGE}"),
        (["-rx"], f"Status: unknown shorthand flag: 'x' in -x{USAGE}"),
        (
            ["-h=x"],
            (
                'Status: invalid argument "x" for "--help" flag: strconv.ParseBool: parsing "x": '
                f"invalid syntax{USAGE}"
            ),
        ),
        (
            ["--mtu", "0xfffffffffffffffff_"],
            (
                'Status: invalid argument "0xfffffffffffffffff_" for "--mtu" flag: strconv.ParseInt: '
                f'parsing "0xfffffffffffffffff_": value out of range{USAGE}'
            ),
        ),
    ],
)
def test_flags_are_refused_in_pflags_words(flags: list[str], message: str) -> None:
    verdict = validate(None, *flags)

    assert (verdict.accepted, verdict.message) == (False, message)


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        (
            '{"dns": ["1.2.3.4"]}',
            ["--dns", "::ffff:1.2.3.4"],
            f"{TWICE}dns: (from flag: [::ffff:1.2.3.4], from file: [1.2.3.4])",
        ),
        # printConflict takes both proxies for text and does not look
        (
            '{"http-proxy": null}',
            ["--http-proxy", "x"],
            "panic: interface conversion: interface {} is nil, not string",
        ),
        (
            '{"proxies": {"https-proxy": 1}}',
            ["--https-proxy", "x"],
            "panic: interface conversion: interface {} is float64, not string",
        ),
    ],
)
def test_flag_and_file_conflict(content: str, flags: list[str], message: str) -> None:
    verdict = validate(content, *flags)

    assert (verdict.accepted, verdict.message) == (False, message)


def test_the_environment_turns_a_switch_that_is_shown() -> None:
    """DOCKER_TLS_VERIFY sets the variable behind --tls, whatever the flag said (setDefaultOptions)."""
    flags = [*FILE, "--tls=false"]
    case = {"flags": flags, "daemon_json": '{"tls": true}', "env": {"DOCKER_TLS_VERIFY": "1"}}

    assert check.check_case(case).message == f"{TWICE}tls: (from flag: true, from file: true)"


def test_a_version_too_large_for_a_number_is_a_large_one() -> None:
    case = {"flags": ["--validate"], "env": {"DOCKER_MIN_API_VERSION": "99999999999999999999"}}

    assert check.check_case(case).message == (
        "invalid DOCKER_MIN_API_VERSION: maximum supported API version is 1.56: 99999999999999999999"
    )


def test_a_daemon_that_breaks_down_ends_with_2() -> None:
    assert validate('{"http-proxy": []}', "--http-proxy", "x").exit_code == 2


@pytest.mark.parametrize("flags", [["--help=false"], ["--version=false"], ["-h=0", "-v=0"]])
def test_help_and_version_that_are_off_change_nothing(flags: list[str]) -> None:
    assert validate('{"nonsense": 1}', *flags).message.startswith(("unable", "Flag shorthand -h"))


@pytest.mark.parametrize("flags", [["--help"], ["-h"], ["--version", "nonsense"], ["-Dv"]])
def test_help_and_version_end_well_before_anything_is_looked_at(flags: list[str]) -> None:
    verdict = validate('{"nonsense": 1}', *flags)

    assert (verdict.accepted, verdict.starts, verdict.exit_code) == (True, False, 0)


def test_the_last_config_file_counts() -> None:
    verdict = validate('{"nonsense": 1}', "--config-file=")

    assert not verdict.accepted
    assert "open C:\\ProgramData\\docker\\config\\daemon.json" in verdict.message


@pytest.mark.parametrize("host", ["]", "a]", "tcp://]:2375"])
def test_a_host_that_cannot_be_split_stops_the_start(host: str) -> None:
    verdict = validate(json.dumps({"hosts": [host]}))

    assert (verdict.accepted, verdict.starts) == (True, False)
    assert verdict.start_message.startswith(
        "failed to load listeners: error parsing tcp address: address ]"
    ) or (verdict.start_message.startswith("failed to load listeners: error parsing tcp address: address a]"))


def start_with_log(driver: str, **options: str) -> check.Verdict:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return validate(json.dumps({"log-driver": driver, "log-opts": named}))


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("local", {"tag": "x", "labels": "a", "env_regex": "("}),
        ("json-file", {"cache_labels": "a", "cache_tag": "x"}),
        ("fluentd", {"fluentd_address": "h"}),
        ("fluentd", {"fluentd_address": "tls://h:65535"}),
        ("fluentd", {"fluentd_address": "unix:///x"}),
        ("fluentd", {"fluentd_max_retries": "2147483647"}),
        ("fluentd", {"fluentd_async_reconnect_interval": "100ms"}),
        ("fluentd", {"fluentd_async_reconnect_interval": "0s"}),
        ("fluentd", {"fluentd_buffer_limit": "1_0k"}),
        ("fluentd", {"fluentd_write_timeout": "2562047h47m16.854775807s"}),
        ("awslogs", {"awslogs_group": "g", "awslogs_format": "json/emf"}),
        (
            "awslogs",
            {
                "awslogs_group": "g",
                "awslogs_entity_service_name": "s",
                "awslogs_entity_environment": "e",
                "awslogs_entity_attributes": "a=b, c=d",
            },
        ),
        ("etwlogs", {"nonsense": "x"}),
        ("none", {"nonsense": "x"}),
    ],
)
def test_log_options_that_a_driver_takes(driver: str, options: dict[str, str]) -> None:
    assert start_with_log(driver, **options).starts


ENTITY = {"awslogs_group": "g", "awslogs_entity_service_name": "s", "awslogs_entity_environment": "e"}


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        (
            "fluentd",
            {"fluentd_address": "udp://h"},
            "invalid fluentd-address (udp://h): unsupported scheme: 'udp'",
        ),
        ("fluentd", {"fluentd_address": "unix://"}, "invalid fluentd-address (unix://): path is empty"),
        (
            "fluentd",
            {"fluentd_address": "h/x"},
            "invalid fluentd-address (h/x): should not contain a path element",
        ),
        (
            "fluentd",
            {"fluentd_address": "h:65536"},
            (
                'invalid fluentd-address (h:65536): invalid port: strconv.ParseUint: parsing "65536": '
                "value out of range"
            ),
        ),
        (
            "fluentd",
            {"fluentd_address": "[a"},
            "invalid fluentd-address ([a): parse \"tcp://[a\": missing ']' in host",
        ),
        ("fluentd", {"fluentd_max_retries": "2147483648"}, "invalid fluentd-max-retries: value out of range"),
        ("fluentd", {"fluentd_max_retries": "-1"}, 'strconv.ParseUint: parsing "-1": invalid syntax'),
        (
            "fluentd",
            {"fluentd_async_reconnect_interval": "11s"},
            'invalid value for fluentd-async-reconnect-interval: value ("11s") must be between 100ms and 10s',
        ),
        (
            "fluentd",
            {"fluentd_read_timeout": "5"},
            (
                "invalid value for fluentd-read-timeout: value must be a duration: "
                'time: missing unit in duration "5"'
            ),
        ),
        (
            "fluentd",
            {"fluentd_write_timeout": "-1s"},
            "invalid value for fluentd-write-timeout: value must be a duration that is non-negative",
        ),
        ("awslogs", {"awslogs_group": "g", "awslogs_format": "x"}, "unsupported log format 'x'"),
        (
            "awslogs",
            {"awslogs_group": "g", "awslogs_format": "json/emf", "awslogs_multiline_pattern": "x"},
            (
                "you cannot configure log opt 'awslogs-datetime-format' or 'awslogs-multiline-pattern' when "
                "log opt 'awslogs-format' is set to 'json/emf'"
            ),
        ),
        (
            "awslogs",
            {"awslogs_group": "g", "awslogs_entity_attributes": "a=b"},
            (
                "log opts 'awslogs-entity-service-name' and 'awslogs-entity-environment' "
                "must be configured together"
            ),
        ),
        (
            "awslogs",
            ENTITY | {"awslogs_entity_attributes": "a=1,a=2"},
            "log opt 'awslogs-entity-attributes' has a duplicate key \"a\"",
        ),
        (
            "awslogs",
            ENTITY | {"awslogs_entity_attributes": "a"},
            "log opt 'awslogs-entity-attributes' must be a comma-separated list of key=value pairs",
        ),
        (
            "awslogs",
            ENTITY | {"awslogs_entity_attributes": '"a=b'},
            "log opt 'awslogs-entity-attributes' must be a comma-separated CSV list of key=value pairs",
        ),
        (
            "awslogs",
            ENTITY | {"awslogs_entity_attributes": ",".join(f"k{n}=v" for n in range(11))},
            "log opt 'awslogs-entity-attributes' supports at most 10 attributes",
        ),
        (
            "awslogs",
            ENTITY | {"awslogs_entity_attributes": "a=" + "v" * 513},
            (
                "log opt 'awslogs-entity-attributes' entry \"a\" exceeds CloudWatch limits "
                "(key <= 256 chars, value <= 512 chars)"
            ),
        ),
    ],
)
def test_log_options_that_a_driver_refuses(driver: str, options: dict[str, str], message: str) -> None:
    verdict = start_with_log(driver, **options)

    assert (verdict.accepted, verdict.starts) == (True, False)
    assert (
        verdict.start_message
        == f"failed to start daemon: failed to set log opts: failed to set log opts: {message}"
    )


BUILDKIT = "error initializing buildkit: error creating buildkit instance: could not get builder GC policy: "


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"builder": {"gc": {"defaultKeepStorage": "big"}}},
            f"{BUILDKIT}failed to parse defaultRESERVEDSPACE: invalid size: 'big'",
            id="builder-next getGCPolicy, switched on unless the file says otherwise",
        ),
        pytest.param(
            {"builder": {"gc": {"policy": [{"maxUsedSpace": "1x"}]}}},
            f"{BUILDKIT}failed to parse maxUsedSpace: invalid suffix: 'x'",
            id="builder-next parseGCPolicy of a rule",
        ),
        pytest.param(
            {"builder": {"gc": {"policy": [{"filter": ["until=1h", "unused-for=2h"]}]}}},
            f'{BUILDKIT}conflicting filters: "until" and "unused-for"',
            id="builder-next toBuildkitPruneInfo, two of a kind",
        ),
        pytest.param(
            {"builder": {"gc": {"policy": [{"filter": {"type": {"a": True, "b": True}}}]}}},
            f"{BUILDKIT}filters expect only one value",
            id="builder-next toBuildkitPruneInfo, two values",
        ),
        pytest.param(
            {"default-runtime": "io.containerd.runhcs.v1"},
            'failed to start containerd: exec: "containerd.exe": executable file not found in %PATH%',
            id="daemon/command initContainerd",
        ),
        pytest.param(
            {"data-root": "\\\\server\\share\\docker"},
            "mkdir \\\\server\\share: The network path was not found.",
            id="CreateDaemonRoot on a share that is not there",
        ),
        pytest.param(
            {"data-root": "C:\\g\\certs\\ca.pem"},
            "unable to get the full path to root (C:\\g\\certs\\ca.pem): "
            "canonical path points to a file 'C:\\g\\certs\\ca.pem'",
            id="resolveSymlinkedDirectory of a file",
        ),
        pytest.param(
            {"features": {"containerd-migration": True}},
            "failed to start daemon: containerd snapshotter is enabled but containerd is not configured",
            id="NewDaemon, migration of an empty store",
        ),
        pytest.param(
            {"hosts": ["tcp://127.0.0.1:2375", "tcp://localhost:2375"]},
            "failed to load listeners: listen tcp 127.0.0.1:2375: bind: Only one usage of each socket "
            "address (protocol/network address/port) is normally permitted.",
            id="net.Listen, the same address by its name",
        ),
        pytest.param(
            {"hosts": ["tcp://127.0.0.1:2375"], "metrics-addr": "127.0.0.1:2375"},
            "failed to start metrics server: listen tcp 127.0.0.1:2375: bind: Only one usage of each socket "
            "address (protocol/network address/port) is normally permitted.",
            id="startMetricsServer on the API's address",
        ),
        pytest.param(
            {"hosts": ["npipe://", "npipe:////./pipe/Docker_Engine"]},
            "failed to load listeners: open //./pipe/docker_engine: Access is denied.",
            id="go-winio ListenPipe, the same pipe in other letters",
        ),
    ],
)
def test_a_start_is_refused(options: dict[str, Any], message: str) -> None:
    verdict = validate(json.dumps(options))

    assert (verdict.accepted, verdict.starts, verdict.start_message) == (True, False, message)


@pytest.mark.parametrize(
    "options",
    [
        {"builder": {"gc": {"enabled": False, "defaultKeepStorage": "big"}}},
        {"builder": {"gc": {"policy": [{"keepStorage": "1GB", "filter": ["until=48h", "nonsense=1"]}]}}},
        {"builder": {"history": {"maxAge": "48h", "maxEntries": 3}}},
        {"default-runtime": "com.docker.hcsshim.v1"},
        {"default-runtime": "x", "containerd": "npipe:////./pipe/containerd-containerd"},
        {"hosts": ["tcp://127.1:2375"]},
        {"metrics-addr": "127.0.0.1:http"},
        {"data-root": "\\\\?\\C:\\docker"},
        {"min-api-version": "1.44.0"},
        {"group": "Backup Operators, BUILTIN\\Users"},
        {"nri-opts": {"enable": True}},
    ],
)
def test_a_start_succeeds(options: dict[str, Any]) -> None:
    assert validate(json.dumps(options)).starts


def test_a_second_gc_replaces_the_first() -> None:
    twice = '{"builder": {"gc": {"defaultKeepStorage": "big"}, "GC": {"enabled": true}}}'

    assert validate(twice).starts


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('a"b', 'parse error on line 1, column 2: bare " in non-quoted-field'),
        ('"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        ('"a', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        ("", "EOF"),
        ('"enable=x"', 'invalid value for NRI enable "x": strconv.ParseBool: parsing "x": invalid syntax'),
        ('"a""b"', "unexpected key 'a\"b' in 'a\"b'"),
    ],
)
def test_nri_options_are_read_as_encoding_csv_reads_them(value: str, problem: str) -> None:
    assert validate(None, f"--nri-opts={value}").message.endswith(f'for "--nri-opts" flag: {problem}{USAGE}')


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("C:\\g\\none.json", "open C:\\g\\none.json: The system cannot find the file specified."),
        ("C:\\none\\daemon.json", "open C:\\none\\daemon.json: The system cannot find the path specified."),
        ("C:\\g", "read C:\\g: Incorrect function."),
        ("C:\\g\\a?b", "open C:\\g\\a?b: The filename, directory name, or volume label syntax is incorrect."),
    ],
)
def test_a_config_file_that_cannot_be_read_is_named_with_windows_reason(path: str, problem: str) -> None:
    verdict = validate(None, "--config-file", path)

    place = f"unable to configure the Docker daemon with file {path}: {problem}"
    assert verdict.message == place.replace(path, "<config>")


def test_a_path_may_begin_as_windows_own_do() -> None:
    case = {"daemon_json": '{"nonsense": 1}', "file_place": "C:\\g\\d.json"}

    verdict = check.check_case(case | {"flags": ["--validate", "--config-file", "\\\\?\\C:\\g\\d.json"]})

    assert verdict.message.endswith("option: nonsense")
