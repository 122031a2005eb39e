"""The proof on every host: push an image to its registry and pull it back, through the pinned address."""

from __future__ import annotations

from deploy import commands
from deploy.operations.acting import Acting, Commands, operation
from deploy.operations.hands import FAILURES, TRANSFER_SECONDS, Hands, StepFailed
from deploy.operations.replacement import put_back
from deploy.plan.proof import Proof
from deploy.record import Change
from deploy.settings import LabSettings
from deploy.steps import AwaitRegistry


@operation("proof")
def proof(acting: Acting, *, wanted: LabSettings) -> Commands:
    """Prove the registry by push and pull, unless what was proven before still holds.

    If it fails, the container that was replaced comes back.
    """
    wished = Proof.of(wanted)
    engine = acting.found.engine()
    text = f"push {wished.source} to {wished.repository} and pull it back"
    if not engine.answers:
        yield from acting.once_the_engine_runs(text)
        return
    acting.record.engine = engine.version
    if acting.state.is_executing:
        _await_registry(acting, wanted)
    digest = wished.digest(acting.found.image(wished.target))
    if digest and acting.found.pullable(f"{wished.repository}@{digest}"):
        acting.record.proof = _short(digest)
        acting.host.noop(f"{wished.target} was pushed and can be pulled")
        return
    acting.plan([Change(acting.title, text)])
    yield acting.command(lambda: _prove(acting, wanted, wished), text)


def _await_registry(acting: Acting, wanted: LabSettings) -> None:
    """Give a registry that was started a moment ago, perhaps by the engine itself, the time it needs."""
    try:
        acting.hands().do(AwaitRegistry(wanted.registry.name, acting.registry_url))
    except FAILURES as failure:
        put_back(acting, wanted, failure)


def _prove(acting: Acting, wanted: LabSettings, wished: Proof) -> None:
    hands = acting.hands()
    had_source = wished.source in acting.found.image_tags()
    if not had_source:
        # What fails here is no fault of the registry.
        hands.run(commands.pull(wished.source), TRANSFER_SECONDS)
    try:
        _there_and_back(acting, hands, wished, keep_source=had_source)
    except FAILURES as failure:
        put_back(acting, wanted, failure)


def _there_and_back(acting: Acting, hands: Hands, wished: Proof, *, keep_source: bool) -> None:
    hands.run(commands.tag(wished.source, wished.target))
    hands.run(commands.push(wished.target), TRANSFER_SECONDS)
    pushed = _digest(acting, wished)
    hands.run(commands.remove_image(wished.target))
    if not keep_source:
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
