"""A container's output, kept as the json-file driver keeps it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator

from rehearsal.engine.records import now


class ContainerLog:
    """Output of one container in one file, a JSON object a line."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        os.makedirs(os.path.dirname(path), exist_ok=True)

    def write(self, stream: str, text: str) -> None:
        """Append output."""
        entry = json.dumps({"log": text, "stream": stream, "time": now()}, ensure_ascii=False)
        with self._lock, open(self.path, "a", encoding="utf-8") as file:
            file.write(entry + "\n")

    def read(self) -> Iterator[tuple[str, str, str]]:
        """Return (time, stream, text) of each piece of output."""
        try:
            with open(self.path, encoding="utf-8") as file:
                lines = file.readlines()
        except FileNotFoundError:
            return
        for line in lines:
            entry = json.loads(line)
            yield entry["time"], entry["stream"], entry["log"]
