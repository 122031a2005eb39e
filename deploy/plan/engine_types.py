"""What a plan for an engine is made from, and what it is."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.plan.decision import Effect
from deploy.state import (
    ContainerState,
    EngineState,
    FileState,
    HnsNetworkState,
    NetworkState,
    RouteState,
    ServiceState,
)
from deploy.steps import Refuse, Step


@dataclass(frozen=True)
class EngineFound:
    """All that a host says about its engine. Nothing may be guessed: who could not read it does not plan."""

    service: ServiceState
    file: FileState
    """daemon.json at `config_path`."""

    previous: FileState
    """What the file was before, at `deploy.places.previous`."""

    staged: FileState
    """What was written beside the file to take its place, at `deploy.places.staged`, and did not come to it.
    """

    running_before: FileState
    """`deploy.places.RUNNING_BEFORE`."""

    engine: EngineState
    containers: tuple[ContainerState, ...] = ()
    """Empty while the engine does not answer."""

    network: NetworkState | None = None
    """The nat network; None while the engine does not answer."""

    hns: tuple[HnsNetworkState, ...] = ()
    routes: tuple[RouteState, ...] = ()

    absent: frozenset[str] = frozenset()
    """Those data roots that do not exist, of the default one and the wanted one."""

    @property
    def cut_off(self) -> bool:
        """Whether an earlier run was cut off while the file's successor took its place.

        ``Move-Item -Force`` of Windows PowerShell 5.1 removes the file in the way before it renames; a host
        that loses its power between the two has both files beside the place, and none in it. Without the
        successor it was a person who took the file away.
        """
        return not self.file.exists and self.staged.exists and self.previous.exists

    @property
    def file_before(self) -> FileState:
        """The file as it was, whose keys are to be kept: the previous one where a run was cut off."""
        return FileState(self.file.path, self.previous.text) if self.cut_off else self.file


@dataclass(frozen=True)
class EnginePlan:
    """What is to be done to an engine, why, what it costs, and how to take it back."""

    effect: Effect
    reasons: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    rollback: tuple[Step, ...] = ()
    """Puts the previous configuration back and starts what ran; for when a step fails."""

    stops: tuple[str, ...] = ()
    """Containers that stop, and are started again."""

    heals: bool = False
    """Whether it goes on where a run was cut off (`EngineFound.cut_off`), which shows in the files beside."""

    file_before: str = ""
    file_after: str = ""
    command_line_before: str = ""
    command_line_after: str = ""

    @property
    def refusal(self) -> Refuse | None:
        """Why nothing is done, if nothing may be."""
        return next((step for step in self.steps if isinstance(step, Refuse)), None)

    def __str__(self) -> str:
        if self.refusal:
            return str(self.refusal)
        if self.effect == "restart":
            stopping = ", ".join(self.stops)
            what = (
                f"these containers will stop and start again: {stopping}" if stopping else "no container runs"
            )
            return f"restart: {what} ({'; '.join(self.reasons)})"
        if self.effect == "none" and self.steps:
            return "; ".join(map(str, self.steps))
        effects = {"none": "as wanted", "reload": "reload: no container stops", "start": "start"}
        why = f" ({'; '.join(self.reasons)})" if self.reasons else ""
        return f"{effects[self.effect]}{why}"
