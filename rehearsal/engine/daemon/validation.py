"""What dockerd checks of a configuration whose types are right (moby ``config.Validate``), in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rehearsal.engine.daemon import flags, hosts, registries
from rehearsal.engine.golang.netip import Address
from rehearsal.engine.golang.quoting import format_value
from rehearsal.engine.golang.strconv import ParseError, atoi
from rehearsal.engine.golang.strings import to_lower, trim_space

MTU_WARNING = (
    "WARNING: MTU for the default network is not configurable on Windows, and this option will be ignored."
)
DEFAULT_MTU = 1500
_LOG_LEVELS = ("panic", "fatal", "error", "warn", "info", "debug", "trace")
_LOG_FORMATS = ("text", "json")


class InvalidConfiguration(ValueError):
    """A value is refused; the message is the daemon's."""


def texts(config: Mapping[str, object], key: str) -> list[str]:
    """Return a key's list; a list that is not set has no entries."""
    value = config.get(key)
    return [str(item) for item in value] if isinstance(value, list) else []


def number(config: Mapping[str, object], key: str) -> int:
    """Return a key's whole number."""
    value = config.get(key)
    return value if isinstance(value, int) else 0


def text(config: Mapping[str, object], key: str) -> str:
    """Return a key's text."""
    value = config.get(key)
    return value if isinstance(value, str) else ""


def validate(config: Mapping[str, object], warnings: list[str]) -> None:
    """Raise ValueError at the first value that is refused; what is only frowned at goes to ``warnings``."""
    _check_logs(config)
    features = config.get("features")
    if isinstance(features, Mapping) and features.get("embedded-containerd") and config.get("cri-containerd"):
        raise InvalidConfiguration(
            'conflicting options: cannot use the "embedded-containerd" feature and CRI support '
            "(--cri-containerd) at the same time"
        )
    for domain in texts(config, "dns-search"):
        flags.validate_search_domain(domain)
    gateways = config.get("host-gateway-ips")
    _check_gateways(gateways if isinstance(gateways, list) else [])
    for label in texts(config, "labels"):
        flags.validate_label(label)
    _check_numbers(config)
    parse_generic_resources(texts(config, "node-generic-resources"))
    for host in texts(config, "hosts"):
        hosts.validate(host)
    for mirror in texts(config, "registry-mirrors"):
        registries.validate_mirror(mirror)
    parse_exec_options(texts(config, "exec-opts"))
    if number(config, "mtu") not in (0, DEFAULT_MTU):
        warnings.append(MTU_WARNING)
    if text(config, "firewall-backend"):
        raise InvalidConfiguration("firewall-backend can only be configured on Linux")


def _check_logs(config: Mapping[str, object]) -> None:
    level, form = text(config, "log-level"), text(config, "log-format")
    if level and to_lower(level) not in _LOG_LEVELS:
        raise InvalidConfiguration(f"invalid logging level: {level}")
    if form and form not in _LOG_FORMATS:
        raise InvalidConfiguration(f"invalid log format: {form}")


def _check_gateways(gateways: Iterable[Address | None]) -> None:
    versions = [4 if address is not None and address.version == 4 else 6 for address in gateways]
    first_repeated = next((v for index, v in enumerate(versions) if v in versions[:index]), None)
    if first_repeated is not None:
        raise InvalidConfiguration(f"only one IPv{first_repeated} host gateway IP address can be specified")


def _check_numbers(config: Mapping[str, object]) -> None:
    for key, name in (
        ("mtu", "default MTU"),
        ("max-concurrent-downloads", "max concurrent downloads"),
        ("max-concurrent-uploads", "max concurrent uploads"),
        ("max-download-attempts", "max download attempts"),
        ("default-stop-timeout", "default stop timeout"),
    ):
        if number(config, key) < 0:
            raise InvalidConfiguration(f"invalid {name}: {number(config, key)}")
    port = number(config, "network-diagnostic-port")
    if not 0 <= port <= 65535:
        raise InvalidConfiguration(
            f"invalid network-diagnostic-port ({port}): value must be between 0 and 65535"
        )


def parse_generic_resources(entries: Iterable[str]) -> list[dict[str, object]]:
    """Return a node's resources as ``docker info`` shows them (swarmkit ``genericresource.Parse``)."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        parts = entry.split("=")
        if len(parts) != 2:
            raise InvalidConfiguration(
                f"could not parse GenericResource: incorrect term {entry}, "
                "missing '=' or malformed expression"
            )
        values.setdefault(trim_space(parts[0]), []).append(trim_space(parts[1]))
    resources: list[dict[str, object]] = []
    for kind, named in values.items():
        counts = [_count(value) for value in named]
        if len(named) == 1 and counts[0] is not None:
            if counts[0] < 0:
                raise InvalidConfiguration(
                    f"could not parse GenericResource: cannot ask for negative resource {kind}"
                )
            resources.append({"DiscreteResourceSpec": {"Kind": kind, "Value": counts[0]}})
        elif all(count is None for count in counts):
            resources += [{"NamedResourceSpec": {"Kind": kind, "Value": value}} for value in named]
        else:
            raise InvalidConfiguration(
                "could not parse GenericResource: mixed discrete and named resources in expression "
                f"'{kind}={format_value(named)}'"
            )
    return resources


def _count(value: str) -> int | None:
    try:
        return atoi(value)
    except ParseError:
        return None


def parse_exec_options(entries: Iterable[str]) -> dict[str, str]:
    """Return the exec-opts by name, or raise `InvalidConfiguration`."""
    options: dict[str, str] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        name, value = to_lower(trim_space(name)), trim_space(value)
        if not equals or not name or not value:
            raise InvalidConfiguration(f"invalid exec-opt ({entry}): must be formatted 'opt=value'")
        if name == "native.cgroupdriver":
            raise InvalidConfiguration(
                f"invalid exec-opt ({entry}): option '{name}' is only supported on linux"
            )
        if name != "isolation":
            raise InvalidConfiguration(f"invalid exec-opt ({entry}): unknown option: '{name}'")
        options[name] = value
    return options


def conflict_free_labels(labels: Iterable[str]) -> list[str]:
    """Return each label once, or raise `InvalidConfiguration` if one name has two values."""
    found: dict[str, str] = {}
    for label in labels:
        name, equals, value = label.partition("=")
        if not equals:
            continue
        if found.get(name, value) != value:
            raise InvalidConfiguration(f"conflict labels for {name}={value} and {name}={found[name]}")
        found[name] = value
    return [f"{name}={value}" for name, value in found.items()]
