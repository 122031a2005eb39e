"""Change an engine: step by step, with the way back if dockerd does not come up as wanted.

Up to the first step that touches what is there, a failure changes nothing. From then on until the engine
has proved its options, a failure is answered by going back: the previous configuration, the engine up, the
containers up. After that there is nothing to go back for: a container that does not come back is told, and
tried again by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deploy import places, steps
from deploy.found import CouldNotRead
from deploy.operations.acting import Acting
from deploy.operations.hands import FAILURES, StepFailed
from deploy.plan import EngineFound, EnginePlan, plan_engine
from deploy.record import Change
from deploy.settings import LabSettings
from deploy.state import EventState
from deploy.steps import Step
from deploy.trust.steps import Protect

_HARMLESS = (steps.MakeDirectory, Protect, steps.ValidateOptions, steps.CopyFile, steps.RememberContainers)
_FORGET = steps.RemovePath(places.RUNNING_BEFORE)
_CONTAINERS = (steps.StartContainer, steps.AwaitContainer)


class EngineChange:
    """One change of an engine on one host."""

    def __init__(
        self, acting: Acting, wanted: LabSettings, plan: EnginePlan, look: Callable[[], EngineFound]
    ) -> None:
        self._acting = acting
        self._wanted = wanted
        self._plan = plan
        self._look = look
        self._hands = acting.hands()
        self._events_before: list[EventState] = []

    def make(self) -> None:
        """Make the change; raise `StepFailed` with dockerd's own words if it was taken back."""
        self._events_before = self._events()
        try:
            self._follow(self._plan)
        except _NotTakenUp as failure:
            self._restart_instead(str(failure))

    def _restart_instead(self, why: str) -> None:
        """The engine did not take up a reload: restart it, if that is allowed."""
        self._acting.host.log(f"the reload did not do it ({why})")
        self._acting.found.forget()
        plan = plan_engine(self._wanted, self._look(), distrust_reload=True)
        if plan.refusal:
            self._go_back(self._plan.rollback, StepFailed(plan.refusal.reason, plan.refusal.remedy))
        self._acting.plan([Change(self._acting.title, f"the reload did not do it; {plan}")])
        self._follow(plan, _way_back_by_restart(self._plan, plan, self._wanted.engine.start_timeout))

    def _follow(self, plan: EnginePlan, rollback: Sequence[Step] | None = None) -> None:
        rollback = plan.rollback if rollback is None else rollback
        touched = False
        lost: dict[str, str] = {}
        for step in plan.steps:
            if lost and step == _FORGET:
                continue  # the next run shall try again
            if isinstance(step, steps.AwaitContainer) and step.name in lost:
                continue  # one that could not be started is not waited for
            touched = touched or not (isinstance(step, _HARMLESS) or _is_staged(step))
            try:
                self._do(step)
            except FAILURES as failure:
                if isinstance(step, _CONTAINERS):
                    lost[step.name] = f"{step.name} ({failure})"
                    continue
                if isinstance(step, steps.ProveOptions) and plan.effect == "reload":
                    raise _NotTakenUp(str(failure)) from failure
                if touched:
                    self._go_back(rollback, failure)
                self._tidy(plan)
                raise
        if lost:
            told = "; ".join(lost.values())
            raise StepFailed(
                f"the engine runs as wanted, but these containers did not come back: {told}",
                "see to them; the next run starts them again",
            )

    def _do(self, step: Step) -> None:
        self._acting.host.log(f"  {step}")
        self._hands.do(step)
        self._acting.record.done.append(Change(self._acting.title, str(step)))

    def _go_back(self, rollback: Sequence[Step], failure: Exception) -> None:
        """Take back what was done, and fail with the reason and how it ended."""
        reason = self._words_of_dockerd() or str(failure)
        trouble: list[str] = []
        for step in rollback:
            if trouble and step == _FORGET:
                continue  # what ran does not run again yet: the next run shall know
            self._acting.host.log(f"  going back: {step}")
            try:
                self._take_back(step)
            except FAILURES as another:
                trouble.append(f"{step}: {another}")
        if not rollback:
            raise StepFailed(f"{reason} (there was nothing to go back to)", _remedy(failure)) from failure
        self._acting.record.done.append(Change(self._acting.title, "went back to the previous configuration"))
        if trouble:
            raise StepFailed(
                f"{reason}; going back failed, too: {'; '.join(trouble)}", _remedy(failure)
            ) from failure
        raise StepFailed(
            f"{reason}; the previous configuration is back, and what ran runs again", _remedy(failure)
        ) from failure

    def _take_back(self, step: Step) -> None:
        if isinstance(step, steps.RemovePath) and not self._acting.found.exist([step.path])[step.path]:
            return  # the change had not come to putting it there
        self._hands.do(step)

    def _words_of_dockerd(self) -> str:
        """Return what the engine wrote to the event log since the change began, if it was an error."""
        fresh: list[EventState] = []
        for event in self._events():
            if self._events_before and event == self._events_before[0]:
                break
            fresh.append(event)
        errors = [event.message for event in fresh if event.severity == "Error"]
        return f"dockerd: {errors[0]}" if errors else ""

    def _events(self) -> list[EventState]:
        self._acting.found.forget()
        try:
            return self._acting.found.events()
        except CouldNotRead:
            return []  # Windows calls it an error when there is none

    def _tidy(self, plan: EnginePlan) -> None:
        """Leave no file behind that was written beside the one in use.

        Where none is in use, for a run was cut off, both files beside its place stay: by them the next run
        sees that, and takes the keys of others out of the previous one.
        """
        if plan.heals:
            return
        for step in plan.steps:
            if _is_staged(step) and isinstance(step, steps.PutFile):
                try:
                    if self._acting.found.exist([step.path])[step.path]:
                        self._hands.do(steps.RemovePath(step.path))
                except FAILURES as failure:
                    self._acting.host.log(f"could not remove {step.path}: {failure}")


class _NotTakenUp(Exception):
    """The engine was told to reload and runs with other options than the file says."""


def _is_staged(step: Step) -> bool:
    return isinstance(step, steps.PutFile) and step.path.endswith(places.staged(""))


def _way_back_by_restart(reload: EnginePlan, restart: EnginePlan, seconds: int) -> tuple[Step, ...]:
    """Return the way back when a reload was answered by a restart: the old file, and one more restart."""
    old_file = [step for step in reload.rollback if not isinstance(step, steps.ReloadOptions)]
    return (
        steps.StopService(places.SERVICE),
        *old_file,
        steps.StartService(places.SERVICE),
        steps.AwaitEngine(seconds),
        *(steps.StartContainer(name) for name in restart.stops),
    )


def _remedy(failure: Exception) -> str:
    return getattr(failure, "remedy", "") or (
        "correct the option, or see to what else the engine says on the host"
        " (Get-EventLog -LogName Application -Source docker -Newest 5), then run again"
    )
