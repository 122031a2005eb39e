"""Does the running engine do what the options say? As far as ``docker info`` tells."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from deploy.places import folded
from deploy.state import EngineState
from deploy.state.engine import ALWAYS_INSECURE

_RELEASE = re.compile(r"[0-9]+")


def differences(options: Mapping[str, Any], labels: Sequence[str], found: EngineState) -> dict[str, str]:
    """Return what is otherwise in the running engine, in words, by the key it belongs to.

    Many options do not show in ``docker info``; for those the labels stand, which carry our fingerprint.
    """
    differing = {
        key: f"{key} is {shown} in the running engine"
        for key, (same, shown) in _shown(options, found).items()
        if not same
    }
    missing = sorted(set(labels) - set(found.labels))
    if missing:
        differing["labels"] = f"the running engine lacks the label {', '.join(missing)}"
    return differing


def _shown(options: Mapping[str, Any], found: EngineState) -> dict[str, tuple[bool, object]]:
    return {key: compare(options[key], found) for key, compare in _COMPARISONS.items() if key in options}


def _insecure(wanted: Sequence[str], found: EngineState) -> tuple[bool, object]:
    # What is always insecure may be listed, and shows no more than if it were not.
    asked = {_entry(each) for each in wanted} - ALWAYS_INSECURE
    return asked == found.insecure_registries, sorted(found.insecure_registries)


def _entry(text: str) -> str:
    """Return an entry as the engine shows it: a network without the bits of the host."""
    try:
        return str(ipaddress.ip_network(text, strict=False)) if "/" in text else text
    except ValueError:
        return text


def _mirrors(wanted: Sequence[str], found: EngineState) -> tuple[bool, object]:
    shown = list(dict.fromkeys(mirror.removesuffix("/") + "/" for mirror in wanted))
    return shown == list(found.mirrors), list(found.mirrors)


def _data_root(wanted: str, found: EngineState) -> tuple[bool, object]:
    return same_path(wanted, found.data_root), found.data_root


def same_path(one: str, other: str) -> bool:
    """Say whether Windows takes two spellings for the same path."""
    return folded(one) == folded(other)


def _isolation(wanted: Sequence[str], found: EngineState) -> tuple[bool, object]:
    chosen = [each.partition("=")[2].strip().lower() for each in wanted]
    same = not chosen or chosen[-1] in {"default", found.isolation.lower()}
    return same, found.isolation


def _proxies(wanted: Mapping[str, str], found: EngineState) -> tuple[bool, object]:
    asked = {key: _without_user(url) for key, url in wanted.items()}
    shown = {key: _without_user(url) for key, url in found.proxies.items()}
    # What is not asked for may come from the machine's environment (HTTP_PROXY, NO_PROXY), and stays.
    return all(shown.get(key) == url for key, url in asked.items()), shown


def _without_user(url: str) -> str:
    """Return an address without user and password: docker info shows others in their place."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _containerd(wanted: str, found: EngineState) -> tuple[bool, object]:
    # Engines before 27.0 do not say (API 1.46); for those the labels stand.
    release = _RELEASE.match(found.version)
    silent = release is not None and int(release[0]) < 27
    return silent or wanted == found.containerd, found.containerd


_COMPARISONS: Mapping[str, Callable[[Any, EngineState], tuple[bool, object]]] = {
    "insecure-registries": _insecure,
    "registry-mirrors": _mirrors,
    "debug": lambda wanted, found: (wanted == found.debug, found.debug),
    "experimental": lambda wanted, found: (wanted == found.experimental, found.experimental),
    "data-root": _data_root,
    "exec-opts": _isolation,
    "log-driver": lambda wanted, found: (wanted == found.log_driver, found.log_driver),
    "proxies": _proxies,
    "containerd": _containerd,
}
