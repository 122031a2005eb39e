"""What a host was told to do: one JSON line a command. For tests, and for people who want to see the
order.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

from rehearsal.interfaces import JournalEntry


class Journal:
    """The commands of one host. Changes that a command makes are noted while it runs, by its own thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._changes = threading.local()

    def changed(self, what: str) -> None:
        """Note a change made by the command that this thread runs."""
        self._noted().append(what)

    def write(self, text: str, exit_code: int | None, *, failed: bool) -> JournalEntry:
        """Append a command that has ended, with the changes noted since the last one of this thread."""
        changes = self._noted()
        entry = JournalEntry(datetime.now(UTC), text, exit_code, failed, tuple(changes))
        changes.clear()
        line = json.dumps(
            {
                "time": entry.time.isoformat(),
                "text": text,
                "exit_code": exit_code,
                "failed": failed,
                "changes": list(entry.changes),
            },
            ensure_ascii=False,
        )
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return entry

    def _noted(self) -> list[str]:
        if not hasattr(self._changes, "noted"):
            self._changes.noted = []
        noted: list[str] = self._changes.noted
        return noted
