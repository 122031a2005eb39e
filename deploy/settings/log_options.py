"""Options of log drivers: names, and values that keep the engine or every container from starting.

dockerd looks at the names when it starts, and at most values only when a container does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from deploy.settings import checks

Options = Mapping[str, str]

_ATTRIBUTES = frozenset({"labels", "labels-regex", "env", "env-regex", "tag"})
_FILE = frozenset({"max-size", "max-file", "compress"})
_ANY_DRIVER = frozenset(
    {"mode", "max-buffer-size", "cache-disabled", *(f"cache-{name}" for name in _FILE | _ATTRIBUTES)}
)
_BOOL = re.compile(r"1|t|T|TRUE|true|True|0|f|F|FALSE|false|False")
_FACILITY = re.compile(
    r"kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7]|1?[0-9]|2[0-3]"
)
_DURATION = re.compile(r"0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+")


def _names(prefix: str, names: str) -> frozenset[str]:
    return frozenset(f"{prefix}-{name}" for name in names.split())


NAMES: Mapping[str, frozenset[str]] = {
    "json-file": _FILE | _ATTRIBUTES,
    "local": _FILE | _ATTRIBUTES,
    "etwlogs": _ATTRIBUTES,
    "none": frozenset(),
    "syslog": _ATTRIBUTES
    | _names("syslog", "address facility format tls-ca-cert tls-cert tls-key tls-skip-verify"),
    "gelf": _ATTRIBUTES
    | _names("gelf", "address compression-level compression-type tcp-max-reconnect tcp-reconnect-delay"),
    "fluentd": _ATTRIBUTES
    | _names(
        "fluentd",
        "address async async-reconnect-interval buffer-limit max-retries request-ack retry-wait"
        " sub-second-precision write-timeout read-timeout",
    ),
    "splunk": _ATTRIBUTES
    | _names(
        "splunk",
        "url token source sourcetype index capath caname insecureskipverify format verify-connection gzip"
        " gzip-level index-acknowledgment",
    ),
    "gcplogs": (_ATTRIBUTES - {"tag"}) | _names("gcp", "project log-cmd meta-zone meta-name meta-id"),
    "awslogs": frozenset({"tag"})
    | _names(
        "awslogs",
        "group stream create-group create-stream region endpoint datetime-format multiline-pattern"
        " credentials-endpoint force-flush-interval-seconds max-buffered-events format entity-service-name"
        " entity-environment entity-attributes",
    ),
}
"""The options that each driver knows, beside those of any driver."""

_REQUIRED = {
    "gelf": ("gelf-address", "'udp://host:12201'"),
    "awslogs": ("awslogs-group", "the name of the log group"),
}


def problems(driver: str, options: Options) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the options of a driver: which one, and what to write instead."""
    known = NAMES[driver] | _ANY_DRIVER
    for name, value in options.items():
        if name not in known:
            yield name, _unknown(driver)
        elif (check := _VALUES.get(name.removeprefix("cache-"))) and (wrong := check(value)):
            yield name, wrong
    needed, example = _REQUIRED.get(driver, ("", ""))
    if options and needed and not options.get(needed):
        yield needed, f"is missing, and {driver} needs it: write {example}"
    yield from _rotation(driver, options)
    yield from _together(options)


def _unknown(driver: str) -> str:
    if driver in ("none", "etwlogs"):
        return f"has no effect with {driver}; leave it out"
    return f"is not known to {driver}, so no container would start"


def _rotation(driver: str, options: Options) -> Iterator[tuple[str, str]]:
    """Look for what only a container's start would complain of: files that are compressed but not kept."""
    kept = {"json-file": "1", "local": "5"}.get(driver)
    if kept is None:
        return
    compresses = options.get("compress", "true" if driver == "local" else "false").lower() in (
        "true",
        "t",
        "1",
    )
    if compresses and options.get("max-file", kept) == "1":
        yield "compress", "needs max-file of 2 or more; write it, or compress = 'false'"
    elif compresses and driver == "json-file" and "max-size" not in options:
        yield "compress", "needs max-size, without which no file is ever full; write it, or leave both out"


def _together(options: Options) -> Iterator[tuple[str, str]]:
    if "max-buffer-size" in options and options.get("mode") != "non-blocking":
        yield "max-buffer-size", "has a meaning with mode = 'non-blocking' only: write both, or leave it out"
    if options.get("awslogs-datetime-format") and options.get("awslogs-multiline-pattern"):
        yield (
            "awslogs-multiline-pattern",
            "cannot be there with awslogs-datetime-format; leave one of them out",
        )
    for name in ("gelf-compression-level", "gelf-compression-type"):
        if name in options and not options.get("gelf-address", "").startswith("udp:"):
            yield name, "is for udp only; leave it out"
    for name in ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"):
        if name in options and not options.get("gelf-address", "").startswith("tcp:"):
            yield name, "is for tcp only; leave it out"


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        return "" if value in choices else f"is {' or '.join(map(repr, choices))}, not {value!r}"

    return check


def _like(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        return "" if pattern.fullmatch(value) else f"must be {wanted}, not {value!r}"

    return check


def _size(value: str) -> str:
    return "" if checks.is_size(value) and value.strip("0. ") else f"must be a size as '10m', not {value!r}"


def _address(schemes: str, *, port_needed: bool) -> Callable[[str], str]:
    host = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"
    pattern = re.compile(rf"(?:{schemes})://{host}(:[0-9]{{1,5}}){'' if port_needed else '?'}")
    example = f"{schemes.partition('|')[0]}://host:port"
    return _like(pattern, f"an address as '{example}'")


def _fluentd_address(value: str) -> str:
    scheme, separator, rest = value.rpartition("://")
    try:
        if scheme == "unix" and rest.strip("/"):
            return ""
        if separator and scheme not in ("tcp", "tls"):
            return f"is reached by tcp, tls or unix, not {scheme!r}"
        checks.host_port(rest)
    except ValueError as error:
        return f"must be an address as 'host:24224': {error}"
    return ""


_switch = _like(_BOOL, "'true' or 'false'")
_count = _like(re.compile(r"0*[1-9][0-9]{0,8}"), "a number above 0")
_number = _like(re.compile(r"[0-9]{1,9}"), "a number")
_duration = _like(_DURATION, "a duration as '1s'")

_VALUES: Mapping[str, Callable[[str], str]] = {
    "mode": _one_of("blocking", "non-blocking"),
    "max-buffer-size": _size,
    "disabled": _switch,
    "max-size": _size,
    "max-file": _count,
    "compress": _switch,
    "syslog-address": _address("udp|tcp|tcp\\+tls", port_needed=False),
    "syslog-facility": _like(_FACILITY, "a facility as 'daemon' or 'local0'"),
    "syslog-format": _one_of("rfc3164", "rfc5424", "rfc5424micro"),
    "gelf-address": _address("udp|tcp", port_needed=True),
    "gelf-compression-level": _like(re.compile(r"-1|[0-9]"), "a number from -1 to 9"),
    "gelf-compression-type": _one_of("gzip", "zlib", "none"),
    "gelf-tcp-max-reconnect": _number,
    "gelf-tcp-reconnect-delay": _number,
    "fluentd-address": _fluentd_address,
    "fluentd-async": _switch,
    "fluentd-async-reconnect-interval": _duration,
    "fluentd-buffer-limit": _size,
    "fluentd-max-retries": _number,
    "fluentd-request-ack": _switch,
    "fluentd-retry-wait": _duration,
    "fluentd-sub-second-precision": _switch,
    "fluentd-write-timeout": _duration,
    "fluentd-read-timeout": _duration,
    "awslogs-create-group": _switch,
    "awslogs-create-stream": _switch,
    "awslogs-force-flush-interval-seconds": _count,
    "awslogs-max-buffered-events": _count,
    "awslogs-format": _one_of("json/emf"),
}
