"""One process at a time serves a state directory: a lock on a file, which says by itself who holds it.

POSIX record locks, since these can be asked about without being taken: whoever only looks is never in the
way. The kernel takes the lock away when its holder ends, however that happens.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import IO

_FLOCK = "hhqqi4x"
"""struct flock of Linux on 64-bit machines: type, whence, start, length, process id."""


def take(file: IO[str]) -> None:
    """Take the lock for the rest of this process; raises `BlockingIOError` if another process holds it.

    The file must not be opened a second time in this process: closing that would give the lock up.
    """
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError as error:
        raise BlockingIOError(*error.args) from error


def holder(path: str) -> int | None:
    """Return the process id of the lock's holder, or None if nobody holds it."""
    try:
        with open(path, "rb") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, process_id = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except FileNotFoundError:
        return None
    return None if kind == fcntl.F_UNLCK else int(process_id)
