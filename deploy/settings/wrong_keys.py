"""Keys that stand in many a daemon.json and do not work on Windows, with what to write instead.

Why each is wrong was recorded (``validate.json``): names of flags are accepted as keys and do nothing;
Linux's and removed keys stop the engine; one unknown key is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

FLAG_NAMES = {
    "insecure-registry": "insecure-registries",
    "registry-mirror": "registry-mirrors",
    "host": "hosts",
    "label": "labels",
    "log-opt": "log-opts",
    "storage-opt": "storage-opts",
    "exec-opt": "exec-opts",
    "dns-opt": "dns-opts",
    "cdi-spec-dir": "cdi-spec-dirs",
    "feature": "features",
    "authorization-plugin": "authorization-plugins",
    "node-generic-resource": "node-generic-resources",
    "default-network-opt": "default-network-opts",
}
"""A flag's name, accepted as a key without effect, and the key that has one."""

PROXY_NAMES = ("http-proxy", "https-proxy", "no-proxy")

SERVICE_SWITCHES = frozenset(
    {
        "validate",
        "register-service",
        "unregister-service",
        "run-service",
        "service-name",
        "config-file",
        "version",
        "help",
        "restart",
    }
)
"""Flags that do something once: as keys they make the engine exit, or register itself, instead of running."""

LINUX_ONLY = frozenset(
    {
        "allow-direct-routing", "bip", "bip6", "bridge-accept-fwmark", "cgroup-parent", "cpu-rt-period",
        "cpu-rt-runtime", "default-address-pools", "default-cgroupns-mode", "default-gateway",
        "default-gateway-v6", "default-ipc-mode", "default-shm-size", "default-ulimits", "firewall-backend",
        "fixed-cidr-v6", "icc", "init", "init-path", "ip", "ip-forward", "ip-forward-no-drop", "ip-masq",
        "ip6tables", "iptables", "ipv6", "live-restore", "no-new-privileges", "runtimes",
        "seccomp-profile", "selinux-enabled", "userland-proxy", "userland-proxy-path", "userns-remap",
    }
)  # fmt: skip

REMOVED = {
    "graph": "removed in 24.0; write data-root",
    "storage-driver": "not accepted on Windows since 23.0; there is only windowsfilter, so leave it out",
    "disable-legacy-registry": "removed; leave it out",
    "api-cors-header": "removed; put a reverse proxy in front if a browser must reach the API",
    "oom-score-adjust": "removed; leave it out",
    "cluster-store": "removed; leave it out",
    "cluster-store-opts": "removed; leave it out",
    "cluster-advertise": "removed; leave it out",
    "deprecated-key-path": "accepted and ignored; leave it out",
    "allow-nondistributable-artifacts": "accepted and ignored since its flag is gone; leave it out",
    "swarm-raft-heartbeat-tick": "documented once, but never accepted; leave it out",
    "swarm-raft-election-tick": "documented once, but never accepted; leave it out",
    "containerd-plugin-namespace": "not accepted in the file; there is only a service option of another name",
    "containerd-plugins-namespace": "accepted and ignored in the file; leave it out",
    "host-gateway-ip": "the older form; write host-gateway-ips, a list",
    "mtu": "ignored on Windows; leave it out",
    "nri-opts": "accepted, but without use on Windows; leave it out",
}

IGNORED = frozenset(
    {*FLAG_NAMES, *PROXY_NAMES, "deprecated-key-path", "allow-nondistributable-artifacts", "mtu",
     "containerd-plugins-namespace", "nri-opts"}
)  # fmt: skip
"""Keys that no engine version of today takes notice of, so that passing them through would be a lie."""


def explain(key: str, known: Iterable[str]) -> str:
    """Return what is wrong with a ``key`` that is not in ``known``, and what to write instead."""
    if key in FLAG_NAMES:
        return f"is the name of a flag, which has no effect as a key; write {FLAG_NAMES[key]}"
    if key in PROXY_NAMES:
        return f'has no effect here; write it inside proxies: {{"proxies": {{"{key}": …}}}}'
    if key in SERVICE_SWITCHES:
        return "is a switch of the command line and would keep the engine from running; leave it out"
    if key in REMOVED:
        return REMOVED[key]
    if key in LINUX_ONLY:
        return "is for Linux and stops the engine on Windows; leave it out"
    # Names are case-sensitive, and underscores are a common slip.
    candidates = list(known)
    folded = key.lower().replace("_", "-")
    close = [folded] if folded in candidates else get_close_matches(folded, candidates, n=1, cutoff=0.75)
    if close:
        return f"is not known; did you mean {close[0]}?"
    return "is not known"
