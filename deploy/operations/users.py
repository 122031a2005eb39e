"""The registry's users and rules on its host; the registry reads them again when they change."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pyinfra.api.state import State

from deploy import rendering
from deploy.inventory_data import address_of
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.keeping import keeper_of
from deploy.places import HTPASSWD, RULES
from deploy.plan.private import WRITTEN_BY_THE_CONTAINER, plan_private_files
from deploy.run import run_of
from deploy.settings import LabSettings
from deploy.users import Hashes, render_htpasswd

_hashes: WeakKeyDictionary[State, Hashes] = WeakKeyDictionary()


@operation("users")
def users(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Put the files of users and rules where the registry reads them, and make a place for its audit log."""
    registry, steps = wanted.registry, []
    if registry.users:
        contents = {HTPASSWD: _htpasswd(acting, wanted).encode()}
        if registry.rules is not None:
            contents[RULES] = rendering.rules(registry.rules).encode()
        place = registry.users_directory
        hashes = {name: acting.found.hash(rf"{place}\{name}") for name in contents}
        steps += plan_private_files(place, acting.found.directory(place), contents, hashes)
    if registry.audit_directory is not None:
        place = registry.audit_directory
        found = acting.found.directory(place)
        steps += plan_private_files(place, found, {}, {}, WRITTEN_BY_THE_CONTAINER)
    if registry.users or registry.audit_directory:
        yield from acting.carry_out(steps)


def _htpasswd(acting: Acting, wanted: LabSettings) -> str:
    """Return the file of users; the hashes of before are kept here, so that they stay the same."""
    keeper, name = keeper_of(wanted), f"{address_of(acting.host)}-{wanted.registry.name}"
    kept = keeper.kept_text(name, HTPASSWD)
    hashes = _hashes.setdefault(acting.state, Hashes())
    text = render_htpasswd(run_of(acting.state).passwords(acting.host), kept, hashes)
    if text != kept:
        keeper.keep_text(name, HTPASSWD, text)
    return text
