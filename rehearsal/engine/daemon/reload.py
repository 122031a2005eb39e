"""What a running dockerd takes up of a changed file (moby ``config.Reload``, ``daemon/reload.go``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rehearsal.engine.daemon import file, registries, validation
from rehearsal.engine.daemon.configuration import Configuration, defaults
from rehearsal.engine.daemon.dump import dump
from rehearsal.engine.daemon.machine import FileFault, Machine
from rehearsal.engine.daemon.startup import LogLine
from rehearsal.engine.daemon.validation import InvalidConfiguration, texts
from rehearsal.engine.golang.pflag import FlagSet

_RESET_TO_DEFAULT = {"max-concurrent-downloads": 3, "max-concurrent-uploads": 5, "max-download-attempts": 5}
_TAKEN_IF_GIVEN = (
    "debug",
    "shutdown-timeout",
    "default-stop-timeout",
    "labels",
    "insecure-registries",
    "registry-mirrors",
)


class ReloadFatal(RuntimeError):
    """The daemon ended while reloading: an authorization plugin cannot be found, or dockerd broke down."""


@dataclass(frozen=True)
class Reloaded:
    """The configuration after a reload, the registries that it trusts, and what was logged."""

    configuration: Configuration
    trust: registries.Trust
    log: tuple[LogLine, ...]
    changed: bool


def reload(current: Configuration, trust: registries.Trust, flags: FlagSet, machine: Machine) -> Reloaded:
    """Return what becomes of a running daemon. Nothing changes if the file is refused.

    ``flags`` are those of the start: a key that was given as a flag conflicts at each reload again.
    """
    failed = Reloaded(current, trust, (), changed=False)
    logged: list[str] = []
    try:
        values, given = _read(current, flags, machine, logged)
    except InvalidConfiguration as error:
        return replace(failed, log=(("error", "Error reloading configuration", {"error": str(error)}),))
    warnings: list[LogLine] = [("warning", message, {}) for message in logged]
    for name in texts(values, "authorization-plugins"):
        raise ReloadFatal(f'Error validating authorization plugin: plugin "{name}" not found')
    changed = _taken_up(current.values, values, given)
    try:
        new_trust = registries.load(texts(changed, "registry-mirrors"), texts(changed, "insecure-registries"))
    except registries.RegistryError as error:
        # the daemon says so, changes nothing, and then all the same that it has reloaded
        line: LogLine = ("error", "Error reconfiguring the daemon", {"error": str(error)})
        return replace(failed, log=(*warnings, line, _done(current.values)))
    warnings += [("warning", message, {}) for message in new_trust.warnings]
    configuration = replace(current, values=changed)
    return Reloaded(configuration, new_trust, (*warnings, _done(changed)), changed=True)


def _done(values: Mapping[str, object]) -> LogLine:
    return ("info", "Reloaded configuration", {"config": dump(values)})


def _read(
    current: Configuration, flags: FlagSet, machine: Machine, logged: list[str]
) -> tuple[Mapping[str, object], Mapping[str, object]]:
    prefix = f"unable to configure the Docker daemon with file {current.path}: "
    try:
        found = file.read(machine.read(current.path), flags)
    except FileFault as fault:
        if flags.changed("config-file") or not fault.missing:
            raise InvalidConfiguration(f"{prefix}{fault.operation} {current.path}: {fault.text}") from fault
        return defaults(machine.environment), {}
    except file.FileError as error:
        raise InvalidConfiguration(f"{prefix}{error}") from error
    except file.PanicError as panic:
        raise ReloadFatal(f"panic: {panic}") from panic
    values = {**found.values, "labels": validation.conflict_free_labels(texts(found.values, "labels"))}
    try:
        validation.validate(values, logged)
    except ValueError as error:
        raise InvalidConfiguration(f"file configuration validation failed: {error}") from error
    return values, found.given


def _taken_up(
    current: Mapping[str, object], read: Mapping[str, object], given: Mapping[str, object]
) -> dict[str, object]:
    changed = dict(current)
    for key, default in _RESET_TO_DEFAULT.items():
        changed[key] = read.get(key) if key in given and read.get(key) else default
    for key in _TAKEN_IF_GIVEN:
        if key in given:
            changed[key] = read.get(key)
    changed["features"] = read.get("features") or {}
    changed["nri-opts"] = read.get("nri-opts") if "nri-opts" in given else {}
    return changed
