"""The proof on every host: push an image to its registry and pull it back, through the pinned address."""

from __future__ import annotations

from deploy import commands
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import TRANSFER_SECONDS, StepFailed
from deploy.plan.proof import Proof
from deploy.record import Change
from deploy.settings import LabSettings

_PATIENCE = 60


@operation("proof")
def proof(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Prove the registry by push and pull, unless what was proven before still holds."""
    wished = Proof.of(wanted)
    engine = acting.found.engine()
    text = f"push {wished.source} to {wished.repository} and pull it back"
    if not engine.answers:
        yield from acting.once_the_engine_runs(text)
        return
    acting.record.engine = engine.version
    if acting.state.is_executing:
        _await_registry(acting)
    digest = wished.digest(acting.found.image(wished.target))
    if digest and acting.found.pullable(f"{wished.repository}@{digest}"):
        acting.record.proof = _short(digest)
        acting.host.noop(f"{wished.target} was pushed and can be pulled")
        return
    acting.plan([Change(acting.title, text)])
    yield acting.command(lambda: _prove(acting, wished), text)


def _await_registry(acting: Acting) -> None:
    """Give a registry that was started a moment ago, perhaps by the engine itself, the time it needs."""
    url = acting.registry_url
    if not acting.hands().wait_for(lambda: acting.found.registry_answers(url), bool, _PATIENCE):
        raise StepFailed(
            f"the registry does not answer at {url} after {_PATIENCE} s",
            "see what it says: docker container logs registry",
        )


def _prove(acting: Acting, wished: Proof) -> None:
    hands = acting.hands()
    had_source = wished.source in acting.found.image_tags()
    if not had_source:
        hands.run(commands.pull(wished.source), TRANSFER_SECONDS)
    hands.run(commands.tag(wished.source, wished.target))
    hands.run(commands.push(wished.target), TRANSFER_SECONDS)
    pushed = _digest(acting, wished)
    hands.run(commands.remove_image(wished.target))
    if not had_source:
        hands.run(commands.remove_image(wished.source))
    hands.run(commands.pull(wished.target), TRANSFER_SECONDS)
    pulled = _digest(acting, wished)
    if pushed != pulled:
        raise StepFailed(
            f"{wished.target} was pushed as {pushed} and came back as {pulled}",
            "somebody else pushes to that repository: choose another with proof.repository",
        )
    acting.record.proof = _short(pulled)
    acting.record.done.append(Change(acting.title, f"pushed {wished.target} and pulled it back: {pulled}"))


def _digest(acting: Acting, wished: Proof) -> str:
    acting.found.forget()
    digest = wished.digest(acting.found.image(wished.target))
    if digest is None:
        raise StepFailed(f"the engine does not say under which digest {wished.repository} has the image")
    return digest


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
