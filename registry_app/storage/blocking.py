"""Who may be kept waiting by a disk: threads may, an event loop may not."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class WouldBlock(Exception):
    """It would take longer than `without_blocking` allows; nothing was done.

    Not an `OSError`: the disk did not fail.
    """


_MAY_BLOCK: ContextVar[bool] = ContextVar("may_block", default=True)


@contextmanager
def without_blocking() -> Iterator[None]:
    """Let what is called inside raise `WouldBlock` rather than wait for another program or read a lot.

    For an event loop, which looks at a few small files faster than it could ask a thread, but must never
    wait: all other clients would wait with it. Holds for the code inside, not for threads that it starts.
    """
    token = _MAY_BLOCK.set(False)
    try:
        yield
    finally:
        _MAY_BLOCK.reset(token)


def may_block() -> bool:
    """Return whether the caller may be kept waiting."""
    return _MAY_BLOCK.get()
