"""Verify a store, and mend it.

``findings`` says what can be found; ``blobs``, ``images`` and ``repositories`` find it, led by ``survey``;
``repair`` acts on it, ``report`` tells a person or a program, ``cli`` is the command.

Run it beside an idle registry: what is being pushed at the moment looks unfinished, because it is.
"""

from registry_app.check.cli import main

__all__ = ["main"]
