"""Lay settings over each other: what is said for all, for a group, for a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def deep_merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers as one: later ones win, mappings are merged, all else (lists too) is replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = deep_merge(below, value)
            else:
                merged[key] = deep_merge(value) if isinstance(value, Mapping) else value
    return merged
