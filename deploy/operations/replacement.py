"""Put the registry that was replaced in its place again, when the one that came for it fails."""

from __future__ import annotations

from typing import NoReturn

from deploy.found import CouldNotRead
from deploy.operations.acting import Acting
from deploy.operations.hands import FAILURES, StepFailed
from deploy.plan.replacement import plan_way_back, stale_endpoints
from deploy.record import Change
from deploy.settings import LabSettings
from deploy.state import ContainerState, HnsEndpointState

_REMEDY = "see what it says, correct that and run again; until then the one of before serves"


def put_back(
    acting: Acting, wanted: LabSettings, failure: Exception, before: ContainerState | None = None
) -> NoReturn:
    """Fail with the reason of ``failure``, with the container that was replaced running again, if there is
    one.

    ``before`` is what the container was when this run began to replace it. What is to be done is read off the
    host, so it is right however far the replacement came.
    """
    registry = wanted.registry
    try:
        acting.found.forget()
        containers = acting.found.containers()
        stale = stale_endpoints(registry.ip, containers, _endpoints(acting))
        steps = plan_way_back(registry.name, registry.restart, before, containers, stale)
    except FAILURES as another:
        raise StepFailed(f"{failure}; whether to go back could not be seen: {another}") from failure
    if not steps:
        raise failure
    hands = acting.hands()
    for step in steps:
        acting.host.log(f"going back: {step}")
        try:
            hands.do(step)
        except FAILURES as another:
            raise StepFailed(
                f"{failure}; going back failed, too: {step}: {another}",
                "run again: the next run goes on here",
            ) from failure
    acting.record.done.append(Change(acting.title, "put the container of before in its place again"))
    cause = failure.cause if isinstance(failure, StepFailed) else str(failure)
    remedy = getattr(failure, "remedy", "") or _REMEDY
    raise StepFailed(f"{cause}; the container of before is back and runs", remedy) from failure


def _endpoints(acting: Acting) -> list[HnsEndpointState]:
    try:
        return acting.found.hns_endpoints()
    except CouldNotRead:
        return []  # then nothing is known to be in the way
