"""A host's event log: one JSON line an entry, so that it survives and a test can read it."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime
from typing import cast

from rehearsal.interfaces import EntryType, EventRecord


class EventLog:
    """The entries of all logs of a host."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, event: EventRecord) -> None:
        """Append an entry."""
        line = json.dumps(
            {
                "log": event.log_name,
                "source": event.source,
                "type": event.entry_type,
                "id": event.event_id,
                "message": event.message,
                "time": event.time.isoformat(),
            },
            ensure_ascii=False,
        )
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def read(self, source: str | None = None, log_name: str = "Application") -> list[EventRecord]:
        """Return entries, the newest first."""
        if not os.path.exists(self._path):
            return []
        with self._lock, open(self._path, encoding="utf-8") as file:
            entries = [_entry(json.loads(line)) for line in file]
        return [
            entry
            for entry in reversed(entries)
            if entry.log_name.casefold() == log_name.casefold()
            and (source is None or entry.source.casefold() == source.casefold())
        ]


def _entry(saved: dict[str, str | int]) -> EventRecord:
    return EventRecord(
        source=str(saved["source"]),
        entry_type=cast("EntryType", saved["type"]),
        event_id=int(saved["id"]),
        message=str(saved["message"]),
        time=datetime.fromisoformat(str(saved["time"])),
        log_name=str(saved["log"]),
    )
