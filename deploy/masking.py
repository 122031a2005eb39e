"""Take secrets out of text that is shown or written down: plans, logs, reports. Pure.

Options of the engine may hold a password: a proxy's address (``http://user:password@proxy``), and log options
such as ``splunk-token``. A host's own daemon.json may hold more of the kind.
"""

from __future__ import annotations

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r"""(?<=://)[^\s/"]*@""")
"""User and password in an address, with the sign that ends them; as in Go, the last one counts.

A password may hold what ends a word elsewhere (``,`` and ``'``): what is masked too much is no harm.
"""

_CALLED: Final = r"""[\w.-]*(?:token|password|secret)[\w.-]*"""
# Quotes around name and value, as on a command line; and around the value, as in JSON, or nowhere.
_QUOTED: Final = re.compile(rf"""(["'])({_CALLED}\s*[:=]\s*)(?:\\.|''|(?!\1)[^\n])+""", re.IGNORECASE)
_NAMED: Final = re.compile(
    rf"""({_CALLED}["']?\s*[:=]\s*)"""
    r"""(?:(")(?:\\.|[^"\\\n])*|(')(?:\\.|''|[^'\\\n])*|[^\s"',}]+)""",
    re.IGNORECASE,
)

# A variable of a container: as an argument in PowerShell's quotes, and in a line of docker's own JSON.
_GIVEN: Final = re.compile(r"(--env '\w+=)(?:[^']|'')*")
_SHOWN: Final = re.compile(r"""^(\s*"\w+=)(?:[^"\\]|\\.)*("\s*,?\s*)$""", re.MULTILINE)


def masked(text: str) -> str:
    """Return ``text`` with ``…`` for every password in it, be it JSON, a command line or a sentence.

    What a variable of a container holds may be one, whatever it is called.
    """
    text = _SHOWN.sub(r"\1…\2", _GIVEN.sub(r"\1…", text))
    text = _QUOTED.sub(r"\1\2…", _CREDENTIALS.sub("…@", text))
    return _NAMED.sub(lambda found: f"{found[1]}{found[2] or found[3] or ''}…", text)
