r"""The modelled part of a host's registry. Keys are spelt ``HKLM\…``; names keep their spelling, case is
ignored.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal import store
from rehearsal.interfaces import RegistryValue

_ROOTS = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CURRENT_USER": "HKCU"}


@dataclass
class _Key:
    name: str
    values: dict[str, RegistryValue] = field(default_factory=dict)


class Hive:
    """Registry keys with their values, kept in one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.RLock()
        saved = store.load(path) or {}
        self._keys = {
            _fold(name): _Key(name, {key: _thaw(value) for key, value in values.items()})
            for name, values in saved.items()
        }

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written."""
        return not self._keys

    def get(self, key: str) -> Mapping[str, RegistryValue] | None:
        """Return a key's values, or None if there is no such key."""
        with self._lock:
            found = self._keys.get(_fold(key))
            if found is None:
                return {} if self.subkeys(key) else None
            return dict(found.values)

    def set(self, key: str, values: Mapping[str, RegistryValue]) -> None:
        """Set values under a key, creating it; values that are not named stay."""
        with self._lock:
            found = self._keys.setdefault(_fold(key), _Key(_normal(key)))
            for name, value in values.items():
                spelt = next((old for old in found.values if old.casefold() == name.casefold()), name)
                found.values[spelt] = value
            self._save()

    def unset(self, key: str, name: str) -> bool:
        """Delete one value; tell whether it was there."""
        with self._lock:
            found = self._keys.get(_fold(key))
            spelt = (
                next((old for old in found.values if old.casefold() == name.casefold()), None)
                if found
                else None
            )
            if found is None or spelt is None:
                return False
            del found.values[spelt]
            self._save()
            return True

    def delete(self, key: str) -> bool:
        """Delete a key with its sub-keys; tell whether it was there."""
        with self._lock:
            folded = _fold(key)
            gone = [name for name in self._keys if name == folded or name.startswith(f"{folded}\\")]
            for name in gone:
                del self._keys[name]
            if gone:
                self._save()
            return bool(gone)

    def subkeys(self, key: str) -> list[str]:
        """Return the names of the keys right below."""
        with self._lock:
            depth = _fold(key).count("\\") + 1
            prefix = f"{_fold(key)}\\"
            below = [found.name for name, found in self._keys.items() if name.startswith(prefix)]
        names = {name.split("\\")[depth].casefold(): name.split("\\")[depth] for name in below}
        return sorted(names.values(), key=str.casefold)

    def _save(self) -> None:
        content = {
            key.name: {name: _freeze(value) for name, value in key.values.items()}
            for key in self._keys.values()
        }
        store.save(self._path, content)


def _normal(key: str) -> str:
    parts = [part for part in key.replace("/", "\\").split("\\") if part]
    parts[0] = _ROOTS.get(parts[0].upper(), parts[0].upper().removesuffix(":"))
    return "\\".join(parts)


def _fold(key: str) -> str:
    return _normal(key).casefold()


def _freeze(value: RegistryValue) -> object:
    return {"binary": value.hex()} if isinstance(value, bytes) else value


def _thaw(value: object) -> RegistryValue:
    if isinstance(value, dict):
        return bytes.fromhex(value["binary"])
    if isinstance(value, list):
        return [str(item) for item in value]
    if isinstance(value, str | int):
        return value
    raise TypeError(f"not a registry value: {value!r}")
