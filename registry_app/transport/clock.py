"""The time as HTTP writes it (RFC 9110, section 5.6.7), made once for all answers of a second."""

import time
from email.utils import formatdate

FIELD = b"\r\nDate: "
LENGTH = len("Sun, 06 Nov 1994 08:49:37 GMT")

_made: tuple[int, bytes] = (-1, b"")


def http_date() -> bytes:
    """Return the value of the Date field for an answer that is given now (RFC 9110, section 6.6.1)."""
    global _made  # noqa: PLW0603 - one pair, replaced as a whole
    second = int(time.time())
    made = _made
    if made[0] != second:
        made = _made = second, formatdate(second, usegmt=True).encode("ascii")
    return made[1]
