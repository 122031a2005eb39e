"""Default options of log drivers, checked at start (moby ``daemon/logger``, the drivers of Windows)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rehearsal.engine.golang import urls
from rehearsal.engine.golang.netip import AddressError, split_host_port
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, atoi, parse_bool, parse_duration, ram_in_bytes

Options = Mapping[str, str]
_COMMON = frozenset({"env", "env-regex", "labels", "labels-regex", "tag"})
_BUILT_IN = frozenset(
    {"mode", "max-buffer-size", "cache-disabled", "cache-compress", "cache-max-file", "cache-max-size"}
)
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
_AWS = frozenset(
    f"awslogs-{name}"
    for name in [
        "group",
        "stream",
        "create-group",
        "create-stream",
        "region",
        "endpoint",
        "datetime-format",
        "multiline-pattern",
        "credentials-endpoint",
        "force-flush-interval-seconds",
        "max-buffered-events",
        "format",
        "entity-service-name",
        "entity-environment",
        "entity-attributes",
    ]
)
_GCP = frozenset({"gcp-project", "gcp-log-cmd", "gcp-meta-zone", "gcp-meta-name", "gcp-meta-id"})
_FLUENTD = frozenset(
    f"fluentd-{name}"
    for name in [
        "address",
        "async",
        "async-reconnect-interval",
        "buffer-limit",
        "max-retries",
        "request-ack",
        "retry-wait",
        "sub-second-precision",
        "write-timeout",
        "read-timeout",
    ]
)


class LogOptionError(ValueError):
    """An option is refused; the message is the daemon's."""


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
    if disabled and not _parses(parse_bool, disabled):
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


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ParseError:
        return False
    return True


def _json_file(options: Options) -> None:
    for name in options:
        if name not in _COMMON and name not in ("max-file", "max-size", "compress"):
            raise LogOptionError(f"unknown log opt '{name}' for json-file log driver")


def _local(options: Options) -> None:
    for name in options:
        if name not in ("max-file", "max-size", "compress"):
            raise LogOptionError(f"unknown log opt '{name}' for log driver local")


def _nothing(options: Options) -> None:
    """Take any option: etwlogs has no check."""


def _syslog(options: Options) -> None:
    for name in options:
        if name not in _COMMON | _SYSLOG:
            raise LogOptionError(f"unknown log opt '{name}' for syslog log driver")
    if options.get("syslog-address"):
        _address(options["syslog-address"])
    facility = options.get("syslog-facility", "")
    if facility and facility not in _FACILITIES:
        number = atoi(facility) if _parses(atoi, facility) else -1
        if not 0 <= number <= 23:
            raise LogOptionError("invalid syslog facility")
    if options.get("syslog-format", "") not in ("", "rfc3164", "rfc5424", "rfc5424micro"):
        raise LogOptionError("Invalid syslog format")


def _address(text: str) -> None:
    url = _url(text)
    if url.scheme in ("unix", "unixgram"):
        raise LogOptionError(f"CreateFile {url.path}: The system cannot find the path specified.")
    if url.scheme not in ("udp", "tcp", "tcp+tls"):
        raise LogOptionError(f"unsupported scheme: '{url.scheme}'")
    try:
        split_host_port(url.host)
    except AddressError as error:
        if "missing port in address" not in str(error):
            raise LogOptionError(str(error)) from error


def _url(text: str) -> urls.Url:
    try:
        return urls.parse(text)
    except urls.UrlError as error:
        raise LogOptionError(str(error)) from error


def _gelf(options: Options) -> None:
    if not options.get("gelf-address"):
        raise LogOptionError("gelf-address is a required parameter")
    url = _url(options["gelf-address"])
    if url.scheme not in ("udp", "tcp"):
        raise LogOptionError("gelf: endpoint needs to be TCP or UDP")
    try:
        split_host_port(url.host)
    except AddressError as error:
        raise LogOptionError("gelf: please provide gelf-address as proto://host:port") from error
    for name, value in options.items():
        if name not in _COMMON and name != "gelf-address":
            _gelf_option(url.scheme, name, value)


def _gelf_option(scheme: str, name: str, value: str) -> None:
    number = atoi(value) if _parses(atoi, value) else None
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


def _fluentd(options: Options) -> None:
    for name in options:
        if name not in _COMMON | _FLUENTD:
            raise LogOptionError(f"unknown log opt '{name}' for fluentd log driver")
    parsers: dict[str, Callable[[str], object]] = {
        "fluentd-buffer-limit": ram_in_bytes,
        "fluentd-retry-wait": parse_duration,
        "fluentd-async": parse_bool,
        "fluentd-sub-second-precision": parse_bool,
        "fluentd-request-ack": parse_bool,
    }
    for name, parse in parsers.items():
        if options.get(name):
            try:
                parse(options[name])
            except ParseError as error:
                raise LogOptionError(str(error)) from error


def _splunk(options: Options) -> None:
    for name in options:
        if name not in _COMMON | _SPLUNK:
            raise LogOptionError(f"unknown log opt '{name}' for splunk log driver")


def _gcplogs(options: Options) -> None:
    for name in options:
        if name not in (_COMMON - {"tag"}) | _GCP:
            raise LogOptionError(f"{quote(name)} is not a valid option for the gcplogs driver")


def _awslogs(options: Options) -> None:
    for name in options:
        if name != "tag" and name not in _AWS:
            raise LogOptionError(f"unknown log opt '{name}' for awslogs log driver")
    if not options.get("awslogs-group"):
        raise LogOptionError("must specify a value for log opt 'awslogs-group'")
    for name in ("awslogs-create-group", "awslogs-create-stream"):
        value = options.get(name, "")
        if value:
            try:
                parse_bool(value)
            except ParseError as error:
                raise LogOptionError(f"must specify valid value for log opt '{name}': {error}") from error
    for name in ("awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"):
        value = options.get(name, "")
        if value and (not _parses(atoi, value) or atoi(value) <= 0):
            raise LogOptionError(f"must specify a positive integer for log opt '{name}': {value}")
    if "awslogs-datetime-format" in options and "awslogs-multiline-pattern" in options:
        raise LogOptionError(
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' "
            "at the same time"
        )


_DRIVERS: dict[str, Callable[[Options], None]] = {
    "awslogs": _awslogs,
    "etwlogs": _nothing,
    "fluentd": _fluentd,
    "gcplogs": _gcplogs,
    "gelf": _gelf,
    "json-file": _json_file,
    "local": _local,
    "splunk": _splunk,
    "syslog": _syslog,
}
