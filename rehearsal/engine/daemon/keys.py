"""The keys of daemon.json with their Go types (moby ``daemon/config``, struct Config on Windows)."""

from __future__ import annotations

from rehearsal.engine.golang.jsontypes import (
    FromText,
    GoType,
    ListOf,
    MapOf,
    OwnReader,
    Struct,
    Switch,
    Text,
    Whole,
    address,
)
from rehearsal.engine.golang.netip import is_address, parse_address
from rehearsal.engine.golang.strconv import ParseError, atoi, parse_duration

FLAT_KEYS = frozenset(
    {
        "cluster-store-opts",
        "default-network-opts",
        "log-opts",
        "runtimes",
        "default-ulimits",
        "features",
        "builder",
        "nri-opts",
    }
)
"""Keys whose object value is one value; every other object is flattened before names are checked."""

KEYS_WITHOUT_FLAG = frozenset(
    {"features", "builder", "min-api-version", "deprecated-key-path", "allow-nondistributable-artifacts"}
)
"""Keys that are known although no flag has their name."""

TEXT, SWITCH, WHOLE, TEXTS = Text(), Switch(), Whole(), ListOf(Text())
_UINT32 = Whole("uint32", 0, (1 << 32) - 1)
_ADDRESS = FromText("netip.Addr", address)
_OPTIONAL_SWITCH = Switch(pointer=True)


def _legacy_address(text: str) -> object:
    if not text:
        return None
    if not is_address(text):
        raise ValueError(f"invalid IP address: {text}")
    return parse_address(text)


def _duration(text: str) -> object:
    """Read a duration of BuildKit's configuration: ``48h``, or whole seconds."""
    unquoted = text.strip('"')
    if not unquoted:
        return 0.0
    try:
        return parse_duration(unquoted)
    except ParseError:
        pass
    try:
        return float(atoi(unquoted))
    except ParseError as error:
        raise ValueError(f"invalid duration {unquoted}") from error


def _anonymous(fields: dict[str, str]) -> str:
    """Return how Go spells the type of an unnamed struct whose fields, but ``Filter``, may be left out."""
    tag = ' "json:\\",omitempty\\""'
    spelt = (f"{name} {kind}{'' if name == 'Filter' else tag}" for name, kind in fields.items())
    return "struct { " + "; ".join(spelt) + " }"


_SPACE = {"ReservedSpace": TEXT, "MaxUsedSpace": TEXT, "MinFreeSpace": TEXT}
_FILTER = OwnReader("config.BuilderGCFilter", (TEXTS, MapOf(MapOf(SWITCH))))
_RULE_FIELDS: dict[str, GoType] = {"All": SWITCH, "Filter": _FILTER, **_SPACE, "KeepStorage": TEXT}
_GC_RULE = OwnReader(
    "config.BuilderGCRule",
    (Struct(_anonymous({name: kind.name for name, kind in _RULE_FIELDS.items()}), _RULE_FIELDS),),
)
_GC_FIELDS: dict[str, GoType] = {
    "Enabled": Switch(on=True),
    "Policy": ListOf(_GC_RULE),
    **{f"Default{name}": kind for name, kind in _SPACE.items()},
    "DefaultKeepStorage": TEXT,
}
_GC = OwnReader(
    "config.BuilderGCConfig",
    (Struct(_anonymous({name: kind.name for name, kind in _GC_FIELDS.items()}), _GC_FIELDS),),
)
_ENTITLEMENTS = Struct(
    "config.BuilderEntitlements",
    {
        "network-host": _OPTIONAL_SWITCH,
        "security-insecure": _OPTIONAL_SWITCH,
        "device": _OPTIONAL_SWITCH,
    },
)
_HISTORY = Struct(
    "config.BuilderHistoryConfig",
    {"MaxAge": FromText("config.Duration", _duration), "MaxEntries": Whole("int64")},
)
_BUILDER = Struct("config.BuilderConfig", {"GC": _GC, "Entitlements": _ENTITLEMENTS, "History": _HISTORY})
_PROXIES = Struct("config.Proxies", {"http-proxy": TEXT, "https-proxy": TEXT, "no-proxy": TEXT})
_NRI = OwnReader(
    "opts.NRIOpts",
    (
        Struct(
            "opts.nriOpts",
            {"enable": SWITCH, "plugin-path": TEXT, "plugin-config-path": TEXT, "socket-path": TEXT},
            strict=True,
        ),
    ),
    root="nriOpts",
    continues=True,
)
_POOLS = OwnReader("opts.PoolsOpt", (ListOf(Struct("ipamutils.NetworkToSplit", {}), pointers=True),))

CONFIG = Struct(
    "config.Config",
    {
        "authorization-plugins": TEXTS,
        "exec-opts": TEXTS,
        "storage-driver": TEXT,
        "storage-opts": TEXTS,
        "labels": TEXTS,
        "network-diagnostic-port": WHOLE,
        "pidfile": TEXT,
        "data-root": TEXT,
        "exec-root": TEXT,
        "group": TEXT,
        "proxies": _PROXIES,
        "live-restore": SWITCH,
        "max-concurrent-downloads": WHOLE,
        "max-concurrent-uploads": WHOLE,
        "max-download-attempts": WHOLE,
        "shutdown-timeout": WHOLE,
        "debug": SWITCH,
        "hosts": TEXTS,
        "tls": _OPTIONAL_SWITCH,
        "tlsverify": _OPTIONAL_SWITCH,
        "swarm-default-advertise-addr": TEXT,
        "swarm-raft-heartbeat-tick": _UINT32,
        "swarm-raft-election-tick": _UINT32,
        "metrics-addr": TEXT,
        "log-level": TEXT,
        "log-format": Text("log.OutputFormat"),
        "raw-logs": SWITCH,
        "tlscacert": TEXT,
        "tlscert": TEXT,
        "tlskey": TEXT,
        "dns": ListOf(_ADDRESS),
        "dns-opts": TEXTS,
        "dns-search": TEXTS,
        "host-gateway-ip": FromText("net.IP", _legacy_address),
        "host-gateway-ips": ListOf(_ADDRESS),
        "default-stop-timeout": WHOLE,
        "log-driver": TEXT,
        "log-opts": MapOf(TEXT),
        "bridge": TEXT,
        "fixed-cidr": TEXT,
        "mtu": WHOLE,
        "default-address-pools": _POOLS,
        "network-control-plane-mtu": WHOLE,
        "default-network-opts": MapOf(MapOf(TEXT)),
        "firewall-backend": TEXT,
        "registry-mirrors": TEXTS,
        "insecure-registries": TEXTS,
        "experimental": SWITCH,
        "node-generic-resources": TEXTS,
        "containerd": TEXT,
        "cri-containerd": SWITCH,
        "features": MapOf(SWITCH),
        "builder": _BUILDER,
        "containerd-namespace": TEXT,
        "containerd-plugin-namespace": TEXT,
        "default-runtime": TEXT,
        "cdi-spec-dirs": TEXTS,
        "nri-opts": _NRI,
        "min-api-version": TEXT,
    },
)
