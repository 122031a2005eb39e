"""Which recorded refusals a Linux engine of an older release can confirm, and in which words it does.

The recordings are of ``dockerd.exe`` made from moby's main branch in August 2026. The engine that tests can
have is Debian's: another platform, and years older. What follows from either is listed here, with its reason;
everything else has to be refused in the recorded words.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Case = Mapping[str, Any]

RECORDED = Path(__file__).parents[1] / "recorded" / "validate.json"

LINUX_DIFFERS = {
    "sysreq-build sysreq-vmcompute sysreq-hns sysreq-vmcompute-service": "what Windows itself must have",
    "linux-live-restore linux-bip linux-iptables linux-ip-forward linux-userns-remap linux-cgroup-parent "
    "linux-runtimes linux-default-ulimits linux-selinux-enabled linux-seccomp-profile linux-init linux-icc "
    "linux-ipv6 linux-no-new-privileges linux-default-gateway linux-fixed-cidr-v6 old-oom-score-adjust "
    "net-pools storage-driver flags-linux-only flags-storage-driver": "options that only Linux has",
    "exec-opts-unknown exec-opts-cgroup exec-opts-no-value": "options of Windows' isolation",
    "file-missing-named": "the words of an error of Windows",
    "file-default-place file-empty-flag": "the place of daemon.json on Windows",
}
"""Cases, by their identifiers, that say nothing about an engine on Linux."""

OLDER_DIFFERS = {
    "text-garbage-after text-two-objects": "what follows the first JSON value was not looked at",
    "text-nonascii-latin1": "Go's JSON reader replaced wrong UTF-8 until Go 1.27",
    "key-flag-validate both-features both-proxy": "--validate and these flags are younger",
    "net-host-gateway-both log-format-bad stop-timeout-negative proxies-list": "these keys are younger",
    "old-graph old-api-cors-header flags-graph flags-allow-nondistributable flags-min-api-env": "still known",
    "hosts-npipe-one-slash hosts-tcp-one-slash hosts-tcp-path flags-host-bad": "paths in hosts were let pass",
    "net-mtu-negative log-level-bad": "let pass, or looked at after the start",
    "tls-no-files tls-missing-file tls-missing-ca tls-wrong-key": "files were read after the start began",
}
"""Cases that releases before 23.0 do not refuse, or not for the recorded reason."""

_OLDER_WORDS = (
    (r"invalid JSON: ", ""),
    (
        r"merged configuration validation from file and command line flags",
        "configuration validation from file",
    ),
    (r"Config\.(log-opts|features)\.[\w-]+", r"Config.\1"),
    (r"(?<='\\n') in string$", " in string literal"),
    (r"invalid escape sequence `\\d` in string", "invalid character 'd' in string escape code"),
    (r"unexpected end of JSON input", "unexpected EOF"),
    (r"\[\]netip\.Addr", "[]string"),
    (r"(?<=<config>: )(ParseAddr)", r"configuration validation from file failed: \1"),
    (r"ParseAddr\(\"dns.lab\"\).*", "dns.lab is not an ip address"),
    (r"no scheme specified for (.*): must use .*", r"\1 is not a valid URI"),
    (r"query or fragment at end", "path, query, or fragment at end"),
    (r"(unsupported scheme .*): must use .*", r"\1"),
    # Mirrors in the file are looked at when the engine sets up its registries.
    (r"^unable to .* failed: (?=invalid mirror)", "failed to start daemon: "),
)
"""How releases before 23.0 word the same: the recorded words as a pattern, and theirs."""


def expected(older: bool) -> Iterator[Case]:
    """Return the recorded refusals that an engine on Linux has to agree with."""
    passed_over = _identifiers(LINUX_DIFFERS) | (_identifiers(OLDER_DIFFERS) if older else set())
    cases = json.loads(RECORDED.read_text(encoding="utf-8"))
    return (case for case in cases if not case["accepted"] and case["id"] not in passed_over)


def unknown() -> set[str]:
    """Return what is listed here and was never recorded."""
    refused = {
        case["id"] for case in json.loads(RECORDED.read_text(encoding="utf-8")) if not case["accepted"]
    }
    return (_identifiers(LINUX_DIFFERS) | _identifiers(OLDER_DIFFERS)) - refused


def words(case: Case, older: bool) -> set[str]:
    """Return the messages that agree with the recorded one."""
    messages = [case["message"], *case.get("message_also_seen", ())]
    return {_older(message) if older else message for message in messages}


def _older(message: str) -> str:
    for pattern, replacement in _OLDER_WORDS:
        message = re.sub(pattern, replacement, message, flags=re.MULTILINE)
    return message


def _identifiers(listed: Mapping[str, str]) -> set[str]:
    return {identifier for identifiers in listed for identifier in identifiers.split()}
