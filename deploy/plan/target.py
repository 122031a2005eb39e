"""What the engine's file and its service's command line shall say, and what they say now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy import rendering
from deploy.json_text import read_json
from deploy.places import DAEMON_JSON
from deploy.plan.command_line import flag_value, kept_arguments
from deploy.settings.daemon_json import parse_daemon_json
from deploy.settings.lab import LabSettings
from deploy.state import FileState, ServiceState

_PROXY_FLAGS = ("http-proxy", "https-proxy", "no-proxy")


@dataclass(frozen=True)
class Target:
    """The file and the command line as they shall be, for one host."""

    options: Mapping[str, Any]
    """Our options, wherever they are delivered."""

    path: str
    content: Mapping[str, Any]
    """What the file shall hold, somebody else's keys included."""

    arguments: tuple[str, ...]
    """What stands behind ``--run-service``."""

    labels: tuple[str, ...]
    """Labels that the running engine shall show, by which it is recognised."""

    @property
    def text(self) -> str:
        """The text of the file."""
        return rendering.daemon_json(self.content)


def target_of(wanted: LabSettings, service: ServiceState, file: FileState) -> Target:
    """Return what shall be, with what is to be kept of the service and the file that are there."""
    kept = kept_arguments(service.arguments) if service.exists else []
    deliver = _in_the_file if wanted.engine.delivery == "daemon.json" else _on_the_command_line
    return deliver(wanted, content_of(file), kept)


def _in_the_file(wanted: LabSettings, existing: Mapping[str, Any], kept: list[str]) -> Target:
    options, labelled = wanted.engine_options(), wanted.engine.labelled
    ours = {**options, **wanted.engine.extra}
    labels = tuple(rendering.our_labels(ours)) if labelled else ()
    content = rendering.daemon_json_content(ours, existing, labelled=labelled)
    return Target(options, _path_with({}, kept), content, tuple(kept), labels)


def _on_the_command_line(wanted: LabSettings, existing: Mapping[str, Any], kept: list[str]) -> Target:
    options = wanted.engine_options()
    labels = tuple(rendering.our_labels(options)) if wanted.engine.labelled else ()
    # The subnet belongs to the network and stays in the file: so the lab's command line is the lab's.
    in_file = {"fixed-cidr": options["fixed-cidr"]}
    flags = {key: value for key, value in options.items() if key not in in_file}
    if labels:
        flags["labels"] = [*flags.get("labels", []), *labels]
    keys = frozenset(flags) | (frozenset(_PROXY_FLAGS) if "proxies" in flags else frozenset())
    content = rendering.daemon_json_content(in_file, existing, labelled=False, flags=keys)
    arguments = (*kept, *rendering.service_options(flags))
    return Target(options, _path_with(flags, kept), content, arguments, labels)


def _path_with(flags: Mapping[str, Any], kept: list[str]) -> str:
    named = flag_value(kept, "--config-file")
    data_root = flags.get("data-root")
    return named or (rf"{data_root}\config\daemon.json" if data_root else DAEMON_JSON)


def content_of(file: FileState) -> dict[str, Any]:
    """Return what a daemon.json holds; one that dockerd could not read either holds nothing to keep."""
    try:
        return parse_daemon_json(file.text or "")
    except ValueError:
        return {}


def is_readable(file: FileState) -> bool:
    """Say whether dockerd could read the file; one that does not exist is as good as an empty one."""
    try:
        parse_daemon_json(file.text or "")
    except ValueError:
        return False
    return True


def running_before(file: FileState) -> list[str] | None:
    """Return the containers that a run wrote down before a restart it did not finish; None if there is none.

    A file that is cut short still says that a restart was begun.
    """
    if file.text is None:
        return None
    try:
        names = read_json(file.text)
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
