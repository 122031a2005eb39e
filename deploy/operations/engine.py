"""The engine's options: plan them against the file, the service and the running engine, and change them
with care.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from deploy import places
from deploy.found import Found
from deploy.json_text import read_json
from deploy.masking import masked
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.engine_change import EngineChange
from deploy.operations.hands import StepFailed
from deploy.plan import EngineFound, EnginePlan, config_path, plan_engine
from deploy.record import Change
from deploy.settings import LabSettings


@operation("engine")
def engine(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Give the engine its options; reload if that is enough, restart with care if not, and go back if it
    fails.
    """
    found = engine_found(acting.found, wanted)
    acting.record.engine = found.engine.version
    plan = plan_engine(wanted, found)
    if refusal := plan.refusal:
        raise StepFailed(refusal.reason, refusal.remedy)
    if not plan.steps:
        acting.host.noop(f"the engine is {plan}")
        return
    acting.plan([Change(acting.title, str(plan), tuple(details(plan)))])
    for step in plan.steps:
        acting.record.plan(Change(acting.title, str(step)))
    change = EngineChange(acting, wanted, plan, lambda: engine_found(acting.found, wanted))
    yield acting.command(change.make, str(plan))


def engine_found(found: Found, wanted: LabSettings) -> EngineFound:
    """Read all that the plan for an engine asks about."""
    service = found.service()
    path = config_path(service)
    running = found.engine()
    roots = sorted({places.DATA_ROOT, wanted.engine_options().get("data-root", places.DATA_ROOT)})
    absent = frozenset(root for root, there in found.exist(roots).items() if not there)
    return EngineFound(
        service=service,
        file=found.file(path),
        previous=found.file(places.previous(path)),
        staged=found.file(places.staged(path)),
        running_before=found.file(places.RUNNING_BEFORE),
        engine=running,
        containers=tuple(found.containers()) if running.answers else (),
        network=found.network(wanted.network.name) if running.answers else None,
        hns=tuple(found.hns_networks()),
        routes=tuple(found.routes()),
        absent=absent,
    )


def details(plan: EnginePlan) -> Iterator[str]:
    """Yield what a person wants to see of a plan before saying yes: both files, both command lines, what
    stops; but no password.
    """
    yield from map(masked, _details(plan))


def _details(plan: EnginePlan) -> Iterator[str]:
    before, after = _lines(plan.file_before), _lines(plan.file_after)
    yield from difflib.unified_diff(before, after, "daemon.json now", "daemon.json wanted", lineterm="", n=2)
    if plan.command_line_before != plan.command_line_after:
        yield f"- {plan.command_line_before or '(no service)'}"
        yield f"+ {plan.command_line_after}"
    if plan.stops:
        yield f"containers that stop and start again: {', '.join(plan.stops)}"


def _lines(text: str) -> list[str]:
    """Return a daemon.json as lines, all of one form, so that a difference is one of content."""
    try:
        return json.dumps(read_json(text), indent=2, ensure_ascii=False).splitlines() if text.strip() else []
    except ValueError:
        return text.splitlines()
