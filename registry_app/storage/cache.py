"""A bounded memory of what was read. It never says that something exists: whoever asks compares with the disk
first.
"""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The most recently used values, up to a total cost (bytes, or 1 for each)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cost = 0
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return what was put under ``key``, if it is still remembered."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Key, value: Value, cost: int = 1) -> None:
        """Remember ``value``, unless it alone would displace more than a quarter of everything."""
        if cost * 4 > self._limit:
            return
        with self._lock:
            self._forget(key)
            self._entries[key] = (value, cost)
            self._cost += cost
            while self._cost > self._limit:
                _, (_, freed) = self._entries.popitem(last=False)
                self._cost -= freed

    def forget(self, key: Key) -> None:
        """Remove what is remembered under ``key``."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._cost -= entry[1]
