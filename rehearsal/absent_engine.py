"""Stands in for the engine model until it is there; goes away with it."""

from __future__ import annotations

from collections.abc import Sequence

from rehearsal.interfaces import HostApi, Native


class EngineService:
    """An engine that only starts and stops."""

    def __init__(self, host: HostApi) -> None:
        self._host = host

    def start(self, arguments: Sequence[str]) -> int:  # noqa: ARG002
        """Start."""
        return 4242

    def stop(self) -> None:
        """Stop."""

    def paramchange(self) -> None:
        """Reload."""


NATIVES: dict[str, Native] = {}
