"""Options of the awslogs log driver (moby ``daemon/logger/awslogs``)."""

from __future__ import annotations

from rehearsal.engine.daemon.log_rules import LogOptionError, Options, check_names, parses
from rehearsal.engine.golang import csv
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, atoi, parse_bool
from rehearsal.engine.golang.strings import trim_space

_NAMES = frozenset(
    {
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
    }
)
_ONLY_FORMAT = "json/emf"
_MOST_ATTRIBUTES, _LONGEST_NAME, _LONGEST_VALUE = 10, 256, 512


def check(options: Options) -> None:
    """Raise `LogOptionError` if the driver does not take the options."""
    check_names(options, {"tag", *(f"awslogs-{name}" for name in _NAMES)}, "awslogs log driver")
    if not options.get("awslogs-group"):
        raise LogOptionError("must specify a value for log opt 'awslogs-group'")
    for name in ("awslogs-create-group", "awslogs-create-stream"):
        _check_switch(name, options.get(name, ""))
    for name in ("awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"):
        value = options.get(name, "")
        if value and (not parses(atoi, value) or atoi(value) <= 0):
            raise LogOptionError(f"must specify a positive integer for log opt '{name}': {value}")
    _check_format(options)
    _check_entity(options)


def _check_switch(name: str, value: str) -> None:
    if not value:
        return
    try:
        parse_bool(value)
    except ParseError as error:
        raise LogOptionError(f"must specify valid value for log opt '{name}': {error}") from error


def _check_format(options: Options) -> None:
    timed, multiline = "awslogs-datetime-format" in options, "awslogs-multiline-pattern" in options
    if timed and multiline:
        raise LogOptionError(
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' "
            "at the same time"
        )
    form = options.get("awslogs-format", "")
    if form and form != _ONLY_FORMAT:
        raise LogOptionError(f"unsupported log format '{form}'")
    if form and (timed or multiline):
        raise LogOptionError(
            "you cannot configure log opt 'awslogs-datetime-format' or 'awslogs-multiline-pattern' "
            f"when log opt 'awslogs-format' is set to '{_ONLY_FORMAT}'"
        )


def _check_entity(options: Options) -> None:
    names = ("awslogs-entity-service-name", "awslogs-entity-environment", "awslogs-entity-attributes")
    service, environment, attributes = (options.get(name, "") for name in names)
    if (service or environment or attributes) and not (service and environment):
        raise LogOptionError(f"log opts '{names[0]}' and '{names[1]}' must be configured together")
    if attributes:
        _check_attributes(names[2], attributes)


def _check_attributes(option: str, text: str) -> None:
    found: set[str] = set()
    for pair in _record(option, text):
        if not trim_space(pair):
            continue
        name, equals, value = pair.partition("=")
        name, value = trim_space(name), trim_space(value)
        if not equals or not name or not value:
            raise LogOptionError(f"log opt '{option}' must be a comma-separated list of key=value pairs")
        if name in found:
            raise LogOptionError(f"log opt '{option}' has a duplicate key {quote(name)}")
        if len(name) > _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            raise LogOptionError(
                f"log opt '{option}' entry {quote(name)} exceeds CloudWatch limits "
                f"(key <= {_LONGEST_NAME} chars, value <= {_LONGEST_VALUE} chars)"
            )
        found.add(name)
    if len(found) > _MOST_ATTRIBUTES:
        raise LogOptionError(f"log opt '{option}' supports at most {_MOST_ATTRIBUTES} attributes")


def _record(option: str, text: str) -> list[str]:
    try:
        records = csv.read_all(text, trim=True)
    except csv.CsvError:
        records = []
    if len(records) != 1:
        raise LogOptionError(f"log opt '{option}' must be a comma-separated CSV list of key=value pairs")
    return records[0]
