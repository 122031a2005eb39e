"""The command line of the engine's service: what of it stays, and which file it makes dockerd read."""

from __future__ import annotations

import ntpath
from collections.abc import Sequence

from deploy.places import DAEMON_JSON
from deploy.state import ServiceState

_KEPT = ("--config-file", "--service-name")


def flag_value(arguments: Sequence[str], flag: str) -> str | None:
    """Return the value of a flag, in either of its spellings; of several, the last."""
    found = None
    for at, argument in enumerate(arguments):
        if argument == flag and at + 1 < len(arguments):
            found = arguments[at + 1]
        elif argument.startswith(f"{flag}="):
            found = argument.partition("=")[2]
    return found


def config_path(service: ServiceState) -> str:
    r"""Return the file that the service's engine reads.

    ``--config-file`` says so; else it lies under ``--data-root``, if that is a flag, and not if it is a key
    of the file (recorded: ``file-default-place``). A relative path would be looked for in System32, so it is
    not believed.
    """
    named = flag_value(service.arguments, "--config-file")
    if named and ntpath.isabs(named):
        return named
    data_root = flag_value(service.arguments, "--data-root")
    return rf"{data_root}\config\daemon.json" if data_root else DAEMON_JSON


def kept_arguments(arguments: Sequence[str]) -> list[str]:
    """Return what of a service's arguments is about the service and not about the engine's options."""
    kept: list[str] = []
    for flag in _KEPT:
        value = flag_value(arguments, flag)
        if value and (flag != "--config-file" or ntpath.isabs(value)):
            kept += [flag, value]
    return kept
