"""The registry's image, built on the host itself from a context that needs no network but the base image."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from gevent.lock import RLock
from pyinfra.api.state import State

from deploy.image_context import ContextError, ImageContext
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import StepFailed
from deploy.plan import plan_image
from deploy.plan.image import image_tag
from deploy.settings import LabSettings, base_image

_contexts: WeakKeyDictionary[State, dict[str, ImageContext]] = WeakKeyDictionary()
_making = RLock()


@operation("image")
def image(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Build the image if the engine has none with the fingerprint of its sources."""
    context = context_for(acting, wanted)
    if not acting.found.engine().answers:
        tag = image_tag(wanted.image, context.fingerprint)
        yield from acting.once_the_engine_runs(f"build the image {tag} if it is missing")
        return
    steps = plan_image(wanted.image, context.fingerprint, acting.found.image_tags())
    yield from acting.carry_out(steps, hands=acting.hands(lambda: _archive(context)))


def context_for(acting: Acting, wanted: LabSettings) -> ImageContext:
    """Return the build context for a host's Windows; one for all hosts with the same base image, all the
    run.
    """
    try:
        base = base_image(wanted.image, acting.found.windows().build)
    except ValueError as error:
        raise StepFailed(str(error), "set image.base for this host") from error
    known = _contexts.setdefault(acting.state, {})
    if base not in known:
        known[base] = ImageContext.of(base)
    return known[base]


def _archive(context: ImageContext) -> str:
    # All hosts ask at once; the first one makes it.
    with _making:
        try:
            return str(context.archive())
        except ContextError as error:
            raise StepFailed(str(error)) from error
