"""Read JSON that somebody else wrote, so that whatever it is, it is read or a `ValueError`. Pure.

Python's own reader answers a text of brackets with a `RecursionError`, and its writer answers so what the
reader just took; either would end the run on every host.
"""

from __future__ import annotations

import json
from typing import Any, Final

_LEVELS: Final = 100
"""No configuration of Docker's has ten."""


def read_json(text: str, **options: Any) -> Any:  # noqa: ANN401 - whatever is in it; what json.loads takes
    """Return what ``text`` says; raise `ValueError` (mostly `json.JSONDecodeError`) if it says nothing."""
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise ValueError("is nested too deeply to be meant") from None
    if _is_too_deep(value):
        raise ValueError("is nested too deeply to be meant")
    return value


def _is_too_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_LEVELS):
        level = [inner for each in level for inner in _parts(each)]
        if not level:
            return False
    return True


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
