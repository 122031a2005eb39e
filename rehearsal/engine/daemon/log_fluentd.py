"""Options of the fluentd log driver (moby ``daemon/logger/fluentd``), in the order of its checks."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.engine.daemon.log_rules import COMMON, LogOptionError, Options, check_names
from rehearsal.engine.golang import urls
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import (
    ParseError,
    format_duration,
    parse_bool,
    parse_duration,
    parse_uint,
    ram_in_bytes,
)

_MOST_RETRIES = (1 << 31) - 1
_RECONNECT_SECONDS = (0.1, 10.0)


def check(options: Options) -> None:
    """Raise `LogOptionError` if the driver does not take the options."""
    check_names(options, COMMON | {f"fluentd-{name}" for name in _CHECKS}, "fluentd log driver")
    for name, check_value in _CHECKS.items():
        value = options.get(f"fluentd-{name}")
        if not value:
            continue
        try:
            check_value(value)
        except (ParseError, urls.UrlError) as error:
            raise LogOptionError(str(error)) from error


def _check_address(text: str) -> None:
    try:
        problem = _address_problem(text)
    except (ParseError, urls.UrlError) as error:
        problem = str(error)
    if problem:
        raise LogOptionError(f"invalid fluentd-address ({text}): {problem}")


def _address_problem(text: str) -> str:
    url = urls.parse(text if "://" in text else f"tcp://{text}")
    if url.scheme == "unix":
        return "" if url.path.lstrip("/") else "path is empty"
    if url.scheme not in ("tcp", "tls"):
        return f"unsupported scheme: '{url.scheme}'"
    if url.path:
        return "should not contain a path element"
    if url.port:
        try:
            parse_uint(url.port, 16)
        except ParseError as error:
            return f"invalid port: {error}"
    return ""


def _check_retries(text: str) -> None:
    if parse_uint(text, 32) > _MOST_RETRIES:
        raise LogOptionError("invalid fluentd-max-retries: value out of range")


def _check_interval(text: str) -> None:
    name = "fluentd-async-reconnect-interval"
    try:
        seconds = parse_duration(text)
    except ParseError as error:
        raise LogOptionError(f"invalid value for {name}: {error}") from error
    low, high = _RECONNECT_SECONDS
    if seconds and not low <= seconds <= high:
        raise LogOptionError(
            f"invalid value for {name}: value ({quote(format_duration(seconds))}) "
            f"must be between {format_duration(low)} and {format_duration(high)}"
        )


def _timeout(name: str) -> Callable[[str], None]:
    def check_value(text: str) -> None:
        prefix = f"invalid value for {name}: value must be a duration"
        try:
            seconds = parse_duration(text)
        except ParseError as error:
            raise LogOptionError(f"{prefix}: {error}") from error
        if seconds < 0:
            raise LogOptionError(f"{prefix} that is non-negative")

    return check_value


_CHECKS: dict[str, Callable[[str], object]] = {
    "address": _check_address,
    "buffer-limit": ram_in_bytes,
    "retry-wait": parse_duration,
    "max-retries": _check_retries,
    "async": parse_bool,
    "async-reconnect-interval": _check_interval,
    "sub-second-precision": parse_bool,
    "request-ack": parse_bool,
    "write-timeout": _timeout("fluentd-write-timeout"),
    "read-timeout": _timeout("fluentd-read-timeout"),
}
