"""Who did what, as JSON lines: one for each request that was decided, never a secret.

A thread of its own writes, so that a slow disk slows no request. The file is opened for each batch and closed
again: whoever rotates it may rename it at any time, on Windows too.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Final

logger = logging.getLogger(__name__)

MAXIMUM_WAITING: Final = 50_000
"""Entries that wait for a disk; more are counted, and their number is written when it answers again."""

_RETRY_SECONDS: Final = 1.0

_NAMES: Final = {"size": "bytes"}


@dataclass(frozen=True)
class Entry:
    """One request. What does not apply is left out of the line."""

    action: str
    """``login``, ``list``, ``pull``, ``push``, ``delete`` or ``mount``."""
    result: str
    """``ok``, ``unauthorized``, ``denied``, ``throttled``, ``failed`` or ``broken`` (hung up half-way)."""
    status: int
    address: str
    user: str | None = None
    method: str | None = None
    repository: str | None = None
    reference: str | None = None
    """Tag or digest as asked for."""
    digest: str | None = None
    """Digest of what was read or written."""
    size: int | None = None
    """Length of the content that was sent or taken in."""

    def line(self, at: float) -> bytes:
        """Return the JSON line for this entry at the time ``at`` (seconds since 1970)."""
        time_text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        present = ((_NAMES.get(field.name, field.name), getattr(self, field.name)) for field in fields(self))
        return _line({"time": time_text, **{name: value for name, value in present if value is not None}})


class AuditLog:
    """Appends entries to the file at ``path``. Raises `OSError` if it cannot be opened at the start."""

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAXIMUM_WAITING)
        self._lost = 0
        self._closing = threading.Event()
        self._append(b"")
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> None:
        """Have ``entry`` written. Does not wait, and may be called from any thread."""
        try:
            self._waiting.put_nowait(entry.line(self._clock()))
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._waiting.get(), *self._rest()]
            ended = None in batch
            lines = b"".join(line for line in batch if line is not None)
            if self._lost:
                lost, self._lost = self._lost, 0
                lines += _line({"lost": lost})
            self._keep_trying(lines)

    def _rest(self) -> Iterable[bytes | None]:
        while True:
            try:
                yield self._waiting.get_nowait()
            except queue.Empty:
                return

    def _keep_trying(self, lines: bytes) -> None:
        """Append ``lines``; while the disk refuses, keep them, unless the registry is told to end."""
        complained = False
        while lines:
            try:
                lines = lines[self._append(lines) :]
            except OSError as error:
                if not complained:
                    logger.warning("the audit log cannot be written, entries are kept in memory: %s", error)
                    complained = True
                if self._closing.wait(_RETRY_SECONDS):
                    break
        if lines:
            logger.error("%d audit entries are lost", lines.count(b"\n"))

    def _append(self, lines: bytes) -> int:
        """Return how many bytes the disk took: fewer than there are when it is almost full."""
        with open(self.path, "ab", buffering=0) as file:
            return file.write(lines)


def _line(data: dict[str, object]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"
