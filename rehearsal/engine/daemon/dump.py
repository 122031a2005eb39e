"""The configuration as the daemon logs it after a reload: Go's JSON of its struct, credentials hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rehearsal.engine.daemon.file import mask_credentials
from rehearsal.engine.golang.netip import Address

_DEFAULT_CDI_DIRECTORIES = ["/etc/cdi", "/var/run/cdi"]
_ALWAYS = {
    "swarm-default-advertise-addr": "",
    "swarm-raft-heartbeat-tick": 0,
    "swarm-raft-election-tick": 0,
    "metrics-addr": "",
    "experimental": False,
}
_ORDER = [
    "authorization-plugins",
    "exec-opts",
    "storage-driver",
    "storage-opts",
    "labels",
    "network-diagnostic-port",
    "pidfile",
    "data-root",
    "exec-root",
    "group",
    "proxies",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "shutdown-timeout",
    "debug",
    "hosts",
    "tls",
    "tlsverify",
    "swarm-default-advertise-addr",
    "swarm-raft-heartbeat-tick",
    "swarm-raft-election-tick",
    "metrics-addr",
    "log-level",
    "log-format",
    "raw-logs",
    "tlscacert",
    "tlscert",
    "tlskey",
    "dns",
    "dns-opts",
    "dns-search",
    "host-gateway-ips",
    "default-stop-timeout",
    "log-driver",
    "log-opts",
    "bridge",
    "fixed-cidr",
    "mtu",
    "default-address-pools",
    "network-control-plane-mtu",
    "default-network-opts",
    "firewall-backend",
    "registry-mirrors",
    "insecure-registries",
    "experimental",
    "node-generic-resources",
    "containerd",
    "cri-containerd",
    "features",
    "builder",
    "containerd-namespace",
    "containerd-plugin-namespace",
    "default-runtime",
    "cdi-spec-dirs",
    "nri-opts",
    "min-api-version",
]


def dump(values: Mapping[str, object]) -> str:
    """Return a configuration as JSON text."""
    return json.dumps(members(values), ensure_ascii=False, separators=(",", ":"))


def members(values: Mapping[str, object]) -> dict[str, object]:
    """Return what is printed of a configuration, in the order of Go's struct."""
    printed: dict[str, object] = {}
    for key in _ORDER:
        value = _printed(key, values)
        if key in _ALWAYS or key in _OBJECTS or (value if not isinstance(value, bool) else True):
            printed[key] = _ALWAYS[key] if key in _ALWAYS and not value else value
        if key not in ("tls", "tlsverify") and key not in _ALWAYS and printed.get(key) is False:
            del printed[key]
    return printed


_OBJECTS = frozenset({"proxies", "default-address-pools", "builder", "nri-opts"})


def _printed(key: str, values: Mapping[str, object]) -> object:
    value = values.get(key)
    if key == "default-address-pools":
        return {"Values": None}
    if key == "cdi-spec-dirs":
        return value or _DEFAULT_CDI_DIRECTORIES
    if key == "proxies" and isinstance(value, Mapping):
        return {name: mask_credentials(str(proxy)) for name, proxy in value.items() if proxy}
    if key == "builder":
        return _builder(value if isinstance(value, Mapping) else {})
    if key == "nri-opts":
        return {name: item for name, item in value.items() if item} if isinstance(value, Mapping) else {}
    if isinstance(value, list):
        return [_item(item) for item in value]
    return value


def _item(item: Address | str | None) -> str:
    return "" if item is None else str(item)


def _builder(value: Mapping[str, object]) -> dict[str, object]:
    collection = value.get("GC")
    gc = dict(collection) if isinstance(collection, Mapping) else {}
    kept = gc.pop("DefaultKeepStorage", "")
    gc["DefaultReservedSpace"] = gc.get("DefaultReservedSpace") or kept
    entitlements = value.get("Entitlements")
    allowed = entitlements if isinstance(entitlements, Mapping) else {}
    return {
        "GC": {name: item for name, item in gc.items() if item},
        "Entitlements": {name: item for name, item in allowed.items() if item is not None},
    }
