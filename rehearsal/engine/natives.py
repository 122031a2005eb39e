"""The engine's two programs, as a host's table of native programs wants them."""

from __future__ import annotations

from rehearsal.engine import dockerd_program
from rehearsal.engine.cli import program
from rehearsal.interfaces import Native

NATIVES: dict[str, Native] = {"docker": program.run, "dockerd": dockerd_program.run}
