"""The engine's service: when it starts, after what, and what happens after a crash; changed in place."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.settings.engine import RecoverySettings, ServiceSettings
from deploy.state import ServiceState
from deploy.steps import SetDependencies, SetRecovery, SetRecoveryOnFailedStop, SetStartMode, Step

_RESTART = 1


def plan_service(wanted: ServiceSettings, found: ServiceState) -> list[Step]:
    """Return the steps that lead from ``found`` to ``wanted``; the engine keeps running meanwhile."""
    return list(_steps(wanted, found))


def _steps(wanted: ServiceSettings, found: ServiceState) -> Iterator[Step]:
    if wanted.start_mode != found.start_mode:
        yield SetStartMode(found.name, wanted.start_mode)
    if wanted.depends_on is not None and _folded(wanted.depends_on) != _folded(found.depends_on):
        yield SetDependencies(found.name, wanted.depends_on)
    if wanted.recovery is not None:
        yield from _recovery(wanted.recovery, found)


def _recovery(wanted: RecoverySettings, found: ServiceState) -> Iterator[Step]:
    actions = tuple((_RESTART, delay * 1000) for delay in wanted.restart_after)
    if found.recovery is None or (found.recovery.reset_after, found.recovery.actions) != (
        wanted.reset_after,
        actions,
    ):
        yield SetRecovery(found.name, wanted.reset_after, wanted.restart_after)
    if found.recovers_failed_stop != wanted.also_on_failed_stop:
        yield SetRecoveryOnFailedStop(found.name, wanted.also_on_failed_stop)


def _folded(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}
