"""Sanic with the event loop that can send files on Windows."""

import os
from typing import Any

from sanic import Sanic

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
