"""Whole answers by whole request heads: what a client asks again, byte for byte, is answered without
parsing it again.

An answer is remembered only if whoever made it also says how to find out that it is *still true*, which is
asked every time before it is given: this memory decides nothing, it only saves the way through parser and
router. Heads with credentials are never kept.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from .clock import FIELD, LENGTH, http_date

StillTrue: TypeAlias = Callable[[], bool]
"""Says whether what an answer describes has not changed; quick, called on the event loop.

An attribute ``weight`` may say how many bytes it keeps in memory."""

LONGEST_HEAD = 2048
LONGEST_ANSWER = 65536
MOST_BYTES = 16 << 20
"""Of heads and answers together; the least recently used go first."""

_NEVER = re.compile(
    rb"\r\n(authorization|proxy-authorization|cookie|content-length|transfer-encoding|expect|upgrade):",
    re.IGNORECASE,
)
"""Headers of requests that are not kept: secrets, bodies, and whatever changes the protocol."""


class Remembered(NamedTuple):
    """One answer as it goes over the wire, in two parts if it says when it was given."""

    before: bytes
    """All of it, or what comes before the date."""
    after: bytes
    still_true: StillTrue
    weight: int
    """Bytes that this keeps in memory, about."""


class AnswerMemory:
    """A bounded memory of answers; used by one event loop."""

    def __init__(self, limit: int = MOST_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._answers: OrderedDict[bytes, Remembered] = OrderedDict()

    def find(self, head: bytes) -> bytes | None:
        """Return the answer to a request of exactly these bytes, if it is still true."""
        answer = self._answers.get(head)
        if answer is None:
            return None
        try:
            holds = answer.still_true()
        except OSError:
            # Whoever makes the answer anew meets the same, and can say so to the client.
            holds = False
        if not holds:
            self._forget(head)
            return None
        self._answers.move_to_end(head)
        return b"".join((answer.before, http_date(), answer.after)) if answer.after else answer.before

    def keep(self, head: bytes, wire: bytes, still_true: StillTrue) -> None:
        """Remember ``wire`` as the answer to ``head`` (with its empty line), if that may be kept."""
        weight = len(head) + len(wire) + getattr(still_true, "weight", 0)
        if (
            weight * 16 > self._limit
            or len(head) > LONGEST_HEAD
            or len(wire) > LONGEST_ANSWER
            or _NEVER.search(head)
        ):
            return
        self._forget(head)
        date = wire.find(FIELD, 0, wire.find(b"\r\n\r\n")) + len(FIELD)
        parts = (wire[:date], wire[date + LENGTH :]) if date >= len(FIELD) else (wire, b"")
        self._answers[head] = Remembered(*parts, still_true, weight)
        self._size += weight
        while self._size > self._limit:
            self._forget(next(iter(self._answers)))

    def _forget(self, head: bytes) -> None:
        answer = self._answers.pop(head, None)
        if answer is not None:
            self._size -= answer.weight
