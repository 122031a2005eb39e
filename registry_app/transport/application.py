"""Sanic with the event loop that can send files on Windows, and with signals that are not lost."""

import os
from typing import Any

from sanic import Sanic
from sanic.server import runners

_WINDOWS = os.name == "nt"


class Application(Sanic[Any, Any]):
    """A Sanic application that leaves Windows its proactor loop.

    Sanic would install the selector loop there, which waits for at most 512 sockets and sends files by
    reading them; the proactor has no such bound and sends them by TransmitFile. Unproven: not run on
    Windows yet.
    """

    def setup_loop(self) -> None:
        """Choose the event loop before it is made: uvloop where there is one, Python's own on Windows."""
        if not _WINDOWS:
            super().setup_loop()


def keep_early_signals() -> None:
    """Let a signal to stop that comes while Sanic starts, and is held, come through when it is released.

    Sanic sets both to be ignored for a moment, which makes the kernel drop those that are held. It does so
    through a name of its module that stands for `signal.signal`; a test stops servers while they start.
    """
    vars(runners)["signal_func"] = _ignore_nothing


def _ignore_nothing(_number: int, _handler: object) -> None:
    """Take the place of `signal.signal` where it is called to ignore signals."""
