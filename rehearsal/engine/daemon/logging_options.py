"""Default options of log drivers, checked at start (moby ``daemon/logger``, the drivers of Windows)."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.engine.daemon import log_awslogs, log_fluentd
from rehearsal.engine.daemon.log_rules import (
    COMMON,
    LogOptionError,
    Options,
    check_names,
    parse_url,
    parses,
)
from rehearsal.engine.golang.netip import AddressError, split_host_port
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, atoi, parse_bool, ram_in_bytes

_FILE = frozenset({"max-file", "max-size", "compress"})
_LOCAL = _FILE | COMMON
_BUILT_IN = frozenset({"mode", "max-buffer-size", "cache-disabled", *(f"cache-{name}" for name in _LOCAL)})
"""Options that no driver sees: how lines are passed on, and the cache, which is a local driver."""
_FACILITIES = frozenset(
    [
        "kern",
        "user",
        "mail",
        "daemon",
        "auth",
        "syslog",
        "lpr",
        "news",
        "uucp",
        "cron",
        "authpriv",
        "ftp",
        "local0",
        "local1",
        "local2",
        "local3",
        "local4",
        "local5",
        "local6",
        "local7",
    ]
)
_SYSLOG = frozenset(
    f"syslog-{name}"
    for name in ("address", "facility", "tls-ca-cert", "tls-cert", "tls-key", "tls-skip-verify", "format")
)
_SPLUNK = frozenset(
    f"splunk-{name}"
    for name in [
        "url",
        "token",
        "source",
        "sourcetype",
        "index",
        "capath",
        "caname",
        "insecureskipverify",
        "format",
        "verify-connection",
        "gzip",
        "gzip-level",
        "index-acknowledgment",
    ]
)
_GCP = frozenset({"gcp-project", "gcp-log-cmd", "gcp-meta-zone", "gcp-meta-name", "gcp-meta-id"})


def check(driver: str, options: Options) -> None:
    """Raise `LogOptionError` if the default options do not fit the default driver.

    Without options nothing is checked, not even that the driver exists.
    """
    if not options or driver == "none":
        return
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise LogOptionError(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        _check_buffer(mode, options["max-buffer-size"])
    disabled = options.get("cache-disabled", "")
    if disabled and not parses(parse_bool, disabled):
        raise LogOptionError(f"invalid value for option cache-disabled: {disabled}")
    if driver not in _DRIVERS:
        raise LogOptionError(f"logger: no log driver named '{driver}' is registered")
    _DRIVERS[driver]({name: value for name, value in options.items() if name not in _BUILT_IN})


def _check_buffer(mode: str, size: str) -> None:
    if mode != "non-blocking":
        raise LogOptionError("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    try:
        ram_in_bytes(size)
    except ParseError as error:
        raise LogOptionError(f"error parsing option max-buffer-size: {error}") from error


def _json_file(options: Options) -> None:
    check_names(options, _FILE | COMMON, "json-file log driver")


def _local(options: Options) -> None:
    check_names(options, _LOCAL, "log driver local")


def _nothing(options: Options) -> None:
    """Take any option: etwlogs has no check."""


def _syslog(options: Options) -> None:
    check_names(options, _SYSLOG | COMMON, "syslog log driver")
    if options.get("syslog-address"):
        _address(options["syslog-address"])
    facility = options.get("syslog-facility", "")
    if facility and facility not in _FACILITIES:
        number = atoi(facility) if parses(atoi, facility) else -1
        if not 0 <= number <= 23:
            raise LogOptionError("invalid syslog facility")
    if options.get("syslog-format", "") not in ("", "rfc3164", "rfc5424", "rfc5424micro"):
        raise LogOptionError("Invalid syslog format")


def _address(text: str) -> None:
    url = parse_url(text)
    if url.scheme in ("unix", "unixgram"):
        raise LogOptionError(f"CreateFile {url.path}: The system cannot find the path specified.")
    if url.scheme not in ("udp", "tcp", "tcp+tls"):
        raise LogOptionError(f"unsupported scheme: '{url.scheme}'")
    try:
        split_host_port(url.host)
    except AddressError as error:
        if "missing port in address" not in str(error):
            raise LogOptionError(str(error)) from error


def _gelf(options: Options) -> None:
    if not options.get("gelf-address"):
        raise LogOptionError("gelf-address is a required parameter")
    url = parse_url(options["gelf-address"])
    if url.scheme not in ("udp", "tcp"):
        raise LogOptionError("gelf: endpoint needs to be TCP or UDP")
    try:
        split_host_port(url.host)
    except AddressError as error:
        raise LogOptionError("gelf: please provide gelf-address as proto://host:port") from error
    for name, value in options.items():
        if name not in COMMON and name != "gelf-address":
            _gelf_option(url.scheme, name, value)


def _gelf_option(scheme: str, name: str, value: str) -> None:
    number = atoi(value) if parses(atoi, value) else None
    if name in ("gelf-compression-level", "gelf-compression-type"):
        if scheme != "udp":
            raise LogOptionError("compression is only supported on UDP")
        level = number is not None and -1 <= number <= 9
        if not (level if name.endswith("level") else value in ("gzip", "zlib", "none")):
            raise LogOptionError(
                f"unknown value {quote(value)} for log opt {quote(name)} for gelf log driver"
            )
    elif name in ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"):
        if scheme != "tcp":
            raise LogOptionError(f"{quote(name)} is only valid for TCP")
        if number is None or number < 0:
            raise LogOptionError(f"{quote(name)} must be a positive integer")
    else:
        raise LogOptionError(f"unknown log opt {quote(name)} for gelf log driver")


def _splunk(options: Options) -> None:
    check_names(options, _SPLUNK | COMMON, "splunk log driver")


def _gcplogs(options: Options) -> None:
    for name in options:
        if name not in (COMMON - {"tag"}) | _GCP:
            raise LogOptionError(f"{quote(name)} is not a valid option for the gcplogs driver")


_DRIVERS: dict[str, Callable[[Options], None]] = {
    "awslogs": log_awslogs.check,
    "etwlogs": _nothing,
    "fluentd": log_fluentd.check,
    "gcplogs": _gcplogs,
    "gelf": _gelf,
    "json-file": _json_file,
    "local": _local,
    "splunk": _splunk,
    "syslog": _syslog,
}
