"""The flags of dockerd.exe (moby ``daemon/command/config.go``, ``options.go``, ``service_windows.go``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.engine.daemon import hosts, registries
from rehearsal.engine.golang import csv
from rehearsal.engine.golang.pflag import (
    AddressListValue,
    Flag,
    FlagSet,
    FlagValue,
    ListValue,
    MapOfMapsValue,
    MapValue,
    SwitchMapValue,
    SwitchValue,
    TextValue,
    WholeValue,
)
from rehearsal.engine.golang.quoting import format_value, quote
from rehearsal.engine.golang.strconv import ParseError, parse_bool
from rehearsal.engine.golang.strings import to_lower

_LETTER = re.compile(r"[a-zA-Z]")
_DOMAIN_PART = r"(?::?(?::?[a-zA-Z0-9]|(?::?[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])))"
_DOMAIN = re.compile(rf"(:?{_DOMAIN_PART}(?::?\.{_DOMAIN_PART})*)\.?[\t\n\f\r ]*")
_RESERVED_LABELS = ("com.docker.", "io.docker.", "org.dockerproject.")


def validate_label(text: str) -> str:
    """Return a label ``name=value``, or raise ValueError."""
    if "=" not in text:
        raise ValueError(f"bad attribute format: {text}")
    if to_lower(text).startswith(_RESERVED_LABELS):
        raise ValueError(
            f"label {text} is not allowed: the namespaces com.docker.*, io.docker.*, "
            "and org.dockerproject.* are reserved for internal use"
        )
    return text


def validate_search_domain(text: str) -> str:
    """Return a DNS search domain, or raise ValueError."""
    trimmed = text.strip(" ")
    if trimmed == ".":
        return trimmed
    match = _DOMAIN.fullmatch(trimmed) if _LETTER.search(trimmed) else None
    if match is None or len(match.group(1)) >= 255:
        raise ValueError(f"{trimmed} is not a valid domain")
    return match.group(1)


def validate_generic_resource(text: str) -> str:
    """Return a node's resource ``name=value``, or raise ValueError."""
    if "=" not in text:
        raise ValueError(f"invalid node-generic-resource format `{text}` expected `name=value`")
    return text


@dataclass
class NriValue:
    """``enable=true,plugin-path=…``: the Node Resource Interface, known on Windows but without use there."""

    value: dict[str, object] = field(default_factory=dict)

    def set(self, text: str) -> None:
        """See `FlagValue`."""
        records = csv.read_all(text)
        if not records:
            raise ValueError("EOF")
        for item in records[0]:
            self._set_field(item)

    def _set_field(self, item: str) -> None:
        name, _, value = item.partition("=")
        if name == "enable":
            switch = value or "true"
            try:
                self.value["enable"] = parse_bool(switch)
            except ParseError as error:
                raise ValueError(f"invalid value for NRI enable {quote(switch)}: {error}") from error
        elif name in ("plugin-path", "plugin-config-path", "socket-path"):
            self.value[name] = value
        else:
            raise ValueError(f"unexpected key '{name}' in '{item}'")

    def __str__(self) -> str:
        parts = [f"enable={format_value(self.value.get('enable', False))}"]
        names = ("plugin-path", "plugin-config-path", "socket-path")
        return ",".join(parts + [f"{name}={self.value[name]}" for name in names if self.value.get(name)])


def _lists() -> list[Flag]:
    named: list[tuple[str, str, FlagValue]] = [
        ("registry-mirror", "registry-mirrors", ListValue(registries.validate_mirror)),
        ("insecure-registry", "insecure-registries", ListValue(registries.validate_index_name)),
        ("storage-opt", "storage-opts", ListValue()),
        ("authorization-plugin", "authorization-plugins", ListValue()),
        ("exec-opt", "exec-opts", ListValue()),
        ("feature", "features", SwitchMapValue()),
        ("default-network-opt", "default-network-opts", MapOfMapsValue()),
        ("dns", "dns", AddressListValue()),
        ("dns-opt", "dns-opts", ListValue()),
        ("host-gateway-ip", "host-gateway-ips", AddressListValue()),
        ("label", "labels", ListValue(validate_label)),
        ("log-opt", "log-opts", MapValue()),
        ("node-generic-resource", "node-generic-resources", ListValue(validate_generic_resource)),
        ("cdi-spec-dir", "cdi-spec-dirs", ListValue()),
        ("nri-opts", "nri-opts", NriValue()),
    ]
    flags = [Flag(name, value, config_name=config_name) for name, config_name, value in named]
    return [
        *flags,
        Flag("host", ListValue(hosts.validate), "H", config_name="hosts"),
        Flag("dns-search", ListValue(validate_search_domain)),
    ]


def _numbers(defaults: Mapping[str, object]) -> list[Flag]:
    names = (
        "mtu",
        "network-control-plane-mtu",
        "network-diagnostic-port",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "shutdown-timeout",
        "default-stop-timeout",
    )
    return [Flag(name, WholeValue(int(str(defaults.get(name, 0))))) for name in names]


def _texts(defaults: Mapping[str, object]) -> list[Flag]:
    shorthands = {"pidfile": "p", "log-level": "l", "bridge": "b", "group": "G"}
    names = (
        "pidfile",
        "data-root",
        "exec-root",
        "containerd",
        "log-level",
        "log-format",
        "log-driver",
        "swarm-default-advertise-addr",
        "metrics-addr",
        "containerd-namespace",
        "default-runtime",
        "http-proxy",
        "https-proxy",
        "no-proxy",
        "fixed-cidr",
        "bridge",
        "group",
        "tlscacert",
        "tlscert",
        "tlskey",
        "config-file",
    )
    flags = [Flag(name, TextValue(str(defaults.get(name, ""))), shorthands.get(name, "")) for name in names]
    plugins = str(defaults.get("containerd-plugin-namespace", ""))
    return [
        *flags,
        Flag("containerd-plugins-namespace", TextValue(plugins)),
        Flag("service-name", TextValue("docker")),
    ]


def _switches(*, verify_by_default: bool) -> list[Flag]:
    shorthands = {"debug": "D", "version": "v"}
    names = (
        "debug",
        "validate",
        "tls",
        "cri-containerd",
        "raw-logs",
        "experimental",
        "version",
        "register-service",
        "unregister-service",
        "run-service",
    )
    return [
        *(Flag(name, SwitchValue(), shorthands.get(name, "")) for name in names),
        Flag("help", SwitchValue(), "h", shorthand_deprecated="please use --help"),
        Flag("tlsverify", SwitchValue(verify_by_default)),
        Flag("restart", SwitchValue(True), "r", deprecated="Please use a restart policy on docker run"),
    ]


def daemon_flags(defaults: Mapping[str, object], *, verify_by_default: bool) -> FlagSet:
    """Return all flags with their defaults.

    ``defaults`` has the keys of daemon.json; ``verify_by_default`` is the effect of DOCKER_TLS_VERIFY.
    """
    return FlagSet(
        [
            *_lists(),
            *_numbers(defaults),
            *_texts(defaults),
            *_switches(verify_by_default=verify_by_default),
        ]
    )
