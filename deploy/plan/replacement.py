"""The registry's container, replaced without losing it: the old one goes when the new one is proven.

It is put aside under another name, stopped, since address and port must be free. Which of the two is which
shows in their names alone, so a run that was cut short at any point is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.places import REPLACED
from deploy.state import ContainerState, HnsEndpointState
from deploy.steps import (
    AwaitContainer,
    RemoveContainer,
    RemoveHnsEndpoint,
    RenameContainer,
    SetRestartPolicy,
    StartContainer,
    Step,
    StopContainer,
)

_LEFT_ALONE = {"no", "unless-stopped"}
"""Policies under which a container that was stopped stays so when the engine starts (moby
``restartmanager``): under the others it would come up and fight for the address.
"""


def named(found: Sequence[ContainerState], name: str) -> ContainerState | None:
    """Return the container of this name, or None."""
    return next((container for container in found if container.name == name), None)


def make_room(current: ContainerState | None, aside: ContainerState | None, why: str) -> Iterator[Step]:
    """Yield the steps after which the registry's name, address and port are free, with one to go back to.

    ``current`` has the name now. One that is ``aside`` already was put there by a run that did not get to the
    proof: so it is the last one proven, and ``current`` is not.
    """
    if aside is not None:
        if current is not None:
            yield RemoveContainer(current.name, why)
        yield from _stopped(aside)
    elif current is not None:
        yield from _stopped(current)
        yield RenameContainer(current.name, REPLACED, f"{why}; kept until the new one is proven")


def stale_endpoints(
    ip: str, found: Sequence[ContainerState], endpoints: Sequence[HnsEndpointState]
) -> list[RemoveHnsEndpoint]:
    """Return the step that frees an address that an endpoint holds, though no running container has it (moby
    issue 47576); none if it is free.
    """
    held = any(ip in container.addresses.values() for container in found if container.running)
    return [RemoveHnsEndpoint(ip)] if not held and any(endpoint.ip == ip for endpoint in endpoints) else []


def _stopped(container: ContainerState) -> Iterator[Step]:
    if container.running:
        yield StopContainer(container.name)
    if container.restart not in _LEFT_ALONE:
        yield SetRestartPolicy(container.name, "no")


def plan_way_back(
    name: str,
    restart: str,
    before: ContainerState | None,
    found: Sequence[ContainerState],
    stale: Sequence[RemoveHnsEndpoint] = (),
) -> list[Step]:
    """Return the steps that put the replaced container in its place again; none if there is nothing to go to.

    ``before`` is what had the ``name`` when the replacement began, ``restart`` the policy to give one back
    that was taken from it; ``stale`` frees the address (`stale_endpoints`).
    """
    current, aside = named(found, name), named(found, REPLACED)
    if aside is None:
        if current is None or before is None or current.id != before.id:
            return []
        up = _up(name, current, before.restart, stale)
        return up if before.running and not current.running else []
    policy = before.restart if before is not None and _has_its_policy(before, aside) else restart
    removed: list[Step] = [RemoveContainer(name)] if current is not None else []
    return [*removed, RenameContainer(REPLACED, name), *_up(name, aside, policy, stale)]


def _has_its_policy(before: ContainerState, aside: ContainerState) -> bool:
    """Say whether the policy that a container had ``before`` was its own.

    One that was stopped and had ``no`` was put aside by a run that was cut off before it gave it the other
    name.
    """
    return before.id == aside.id and (before.running or before.restart != "no")


def _up(name: str, container: ContainerState, policy: str, stale: Sequence[Step]) -> list[Step]:
    given: list[Step] = [SetRestartPolicy(name, policy)] if container.restart == "no" != policy else []
    return [*given, *stale, StartContainer(name), AwaitContainer(name)]
