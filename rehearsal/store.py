"""Keep a small value in a file across restarts: JSON, written beside and renamed, so it is old or new,
never half.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any


def load(path: str) -> Any:  # noqa: ANN401 - whatever was saved
    """Return what `save` was given, or None if nothing was ever saved."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def save(path: str, value: object) -> None:
    """Write ``value``, which must be JSON's."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    part = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
