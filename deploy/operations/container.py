"""The registry's container."""

from __future__ import annotations

from deploy.inventory_data import address_of
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.image import context_for
from deploy.operations.replacement import put_back
from deploy.plan import container_wanted, plan_container
from deploy.plan.image import image_tag
from deploy.plan.replacement import named
from deploy.settings import LabSettings
from deploy.steps import AwaitRegistry, RunContainer


@operation("registry")
def container(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Run the registry exactly as wanted, replacing a container that differs; data and address stay.

    The old container is kept until the new one is proven, and comes back if that fails.
    """
    registry = wanted.registry
    from_outside = f"{address_of(acting.host)}:{registry.published_port}"
    acting.record.registry = (*registry.addresses, from_outside)
    if not acting.found.engine().answers:
        yield from acting.once_the_engine_runs("run the registry")
        return
    tag = image_tag(wanted.image, context_for(acting, wanted).fingerprint)
    containers, endpoints = acting.found.containers(), acting.found.hns_endpoints()
    steps = plan_container(container_wanted(wanted, tag), containers, endpoints)
    if any(isinstance(step, RunContainer) for step in steps):
        steps.append(AwaitRegistry(registry.name, acting.registry_url))
    before = named(containers, registry.name)
    yield from acting.carry_out(steps, undo=lambda failure: put_back(acting, wanted, failure, before))
