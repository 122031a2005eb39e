"""Take secrets out of text that is shown or written down: plans, logs, reports. Pure.

Options of the engine may hold a password: a proxy's address (``http://user:password@proxy``), and log options
such as ``splunk-token``. A host's own daemon.json may hold more of the kind.
"""

from __future__ import annotations

import re
from typing import Final

CREDENTIALS: Final = re.compile(r"""(?<=://)[^\s/"',]*@""")
"""User and password in an address, with the sign that ends them; as in Go, the last one counts."""

_NAMED: Final = re.compile(r"""((?:token|password|secret)["']?\s*[:=]\s*["']?)[^\s"',}]+""", re.IGNORECASE)


# A variable of a container: as an argument in PowerShell's quotes, and in a line of docker's own JSON.
_GIVEN: Final = re.compile(r"(--env '\w+=)(?:[^']|'')*")
_SHOWN: Final = re.compile(r"""^(\s*"\w+=)(?:[^"\\]|\\.)*("\s*,?\s*)$""", re.MULTILINE)


def masked(text: str) -> str:
    """Return ``text`` with ``…`` for every password in it, be it JSON, a command line or a sentence.

    What a variable of a container holds may be one, whatever it is called.
    """
    text = _SHOWN.sub(r"\1…\2", _GIVEN.sub(r"\1…", text))
    return _NAMED.sub(r"\1…", CREDENTIALS.sub("…@", text))
