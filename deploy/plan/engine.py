"""The engine's options: the file, the service's command line and the running engine, compared and made one.

Validated before anything is touched, reloaded if that is enough, restarted with care if it is not, and with
the way back as data beside the way forth. Every step leaves a state from which the next run finds on: that
the file is new and the engine is old shows in the engine's labels, that containers are still to be started in
a file that is there only meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deploy.plan.command_line import config_path, flag_value
from deploy.plan.decision import decide
from deploy.plan.engine_steps import EngineSteps
from deploy.plan.engine_types import EngineFound, EnginePlan
from deploy.plan.network import must_be_made_anew
from deploy.plan.target import Target, running_before, target_of
from deploy.settings.engine_options import OPTIONS
from deploy.settings.lab import LabSettings
from deploy.state import ServiceState
from deploy.steps import Refuse

__all__ = ["EngineFound", "EnginePlan", "config_path", "plan_engine"]

_RELEASE = re.compile(r"([0-9]+)\.([0-9]+)(?:\.|$)")


def plan_engine(wanted: LabSettings, found: EngineFound, *, distrust_reload: bool = False) -> EnginePlan:
    """Return what leads from ``found`` to ``wanted``, and the way back.

    ``distrust_reload`` is for the second attempt, when a reload was tried and the engine did not take it up.
    """
    if lost := _lost_data_root(wanted, found.service):
        return EnginePlan("none", steps=(lost,))
    target = target_of(wanted, found.service, found.file_before)
    if unknown := tuple(_options_too_new(target, found.engine.version)):
        return EnginePlan("none", steps=unknown)
    anew = must_be_made_anew(wanted.network, found.network, found.hns)
    names = running_before(found.running_before)
    decision = decide(
        target,
        found.service,
        found.file_before,
        found.engine,
        previous=found.previous,
        unfinished=names is not None,
        cut_off=found.cut_off,
        network=anew,
        distrust_reload=distrust_reload,
    )
    change = EngineSteps(wanted, found, target, decision, anew is not None, names or [])
    if refusals := tuple(change.refusals()):
        return EnginePlan("none", decision.reasons, refusals)
    return change.plan()


def _options_too_new(target: Target, version: str) -> Iterator[Refuse]:
    """Refuse options that this engine does not know: one unknown key, and it would not start."""
    known = _release(version)
    if known is None:
        return
    for key in target.options:
        since = _release(OPTIONS[key].since)
        if since is not None and known < since:
            yield Refuse(
                f"engine.options.{key} needs Docker Engine {OPTIONS[key].since}, and this host has {version}",
                "update the engine, or leave the option out",
            )


def _release(version: str) -> tuple[int, int] | None:
    """Return the first two numbers of a release, or None for a build that is none."""
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2])) if found else None


def _lost_data_root(wanted: LabSettings, service: ServiceState) -> Refuse | None:
    """Refuse to drop a ``--data-root`` that the settings do not name: the engine would come up empty."""
    flag = flag_value(service.arguments, "--data-root")
    if not flag or "data-root" in wanted.engine_options():
        return None
    return Refuse(
        f"the service's command line says --data-root {flag}, which the settings do not name: without it the"
        " engine would come up with none of its images and containers",
        f"set engine.data_root = {flag!r}",
    )
