"""Turn the decision about an engine into steps: the way forth, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from deploy.places import (
    DATA_ROOT,
    DOCKERD,
    OURS,
    REPLACED,
    RUNNING_BEFORE,
    SERVICE,
    parent,
    previous,
    staged,
)
from deploy.plan.command_line import flag_value
from deploy.plan.decision import Decision
from deploy.plan.engine_types import EngineFound, EnginePlan
from deploy.plan.network import obstacles
from deploy.plan.private import ADMINISTRATORS, SYSTEM
from deploy.plan.running import same_path
from deploy.plan.target import Target, content_of, is_readable
from deploy.settings.lab import LabSettings
from deploy.state import ContainerState
from deploy.steps import (
    AwaitContainer,
    AwaitEngine,
    CopyFile,
    MakeDirectory,
    MoveFile,
    ProveOptions,
    PutFile,
    Refuse,
    RegisterService,
    ReloadOptions,
    RememberContainers,
    RemoveHnsNetwork,
    RemovePath,
    SetCommandLine,
    SetStartMode,
    StartContainer,
    StartService,
    Step,
    StopService,
    ValidateOptions,
)
from deploy.trust.steps import Protect
from deploy.windows_command_line import join


@dataclass(frozen=True)
class EngineSteps:
    """One change of an engine, being turned into steps."""

    wanted: LabSettings
    found: EngineFound
    target: Target
    decision: Decision
    network_anew: bool
    left_over: Sequence[str]
    """Containers that an earlier run did not come to start again."""

    arguments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", ("--run-service", *self.target.arguments))

    @property
    def file_changes(self) -> bool:
        """Whether the file, or its place, is another one than now."""
        found = self.found.file
        same_place = found.path == self.target.path and not self.found.cut_off
        return not (same_place and is_readable(found) and content_of(found) == dict(self.target.content))

    @property
    def line_changes(self) -> bool:
        """Whether the service's command line is another one than now."""
        return self.found.service.exists and list(self.arguments) != self.found.service.arguments

    @property
    def command_line(self) -> str:
        """What the service's command line shall be."""
        return join([self.found.service.program or DOCKERD, *self.arguments])

    @property
    def running(self) -> list[ContainerState]:
        """What runs, in the order in which it was started."""
        return sorted((each for each in self.found.containers if each.running), key=lambda each: each.started)

    @property
    def restarts(self) -> bool:
        """Whether the engine stops and starts."""
        return self.decision.effect == "restart"

    @property
    def leaves_data_root(self) -> bool:
        """Whether the engine comes up elsewhere, with none of its images and containers."""
        before = self._data_root_before
        wanted = {**self.target.content, **self.target.options}.get("data-root", DATA_ROOT)
        return bool(before) and not same_path(wanted, before)

    @property
    def _data_root_before(self) -> str:
        """Where the engine has its containers; empty if it does not say.

        One whose file was cut off may have started without it, elsewhere, and goes back.
        """
        if not self.found.engine.answers:
            return ""
        if not self.found.cut_off:
            return self.found.engine.data_root
        flag = flag_value(self.found.service.arguments, "--data-root")
        return str(content_of(self.found.file_before).get("data-root") or flag or DATA_ROOT)

    @property
    def _is_astray(self) -> bool:
        """Whether the engine runs at another data root than it did before a run was cut off."""
        now, before = self.found.engine.data_root, self._data_root_before
        return bool(now and before) and not same_path(now, before)

    def refusals(self) -> Iterator[Refuse]:
        """Yield why this change may not be made on this host."""
        ours = {self.wanted.registry.name, REPLACED}
        if self.network_anew:
            yield from obstacles(self.wanted.network, self.found.routes, self.found.containers, ours)
        if self.leaves_data_root and (left := [c.name for c in self.found.containers if c.name not in ours]):
            yield Refuse(
                f"data-root changes, and these containers would stay behind in {self.found.engine.data_root}:"
                f" {', '.join(left)}",
                "remove them first (docker commit and docker save keep what is in them), or keep data-root",
            )
        if self.target.content.get("bridge") == "none":
            yield Refuse(
                f"{self.target.path} says bridge: none, which makes no nat network",
                "take that key out of the file, or give this host no registry",
            )
        if self.restarts and (foreign := self._uncovered(ours)):
            yield Refuse(
                f"the engine must restart ({'; '.join(self.decision.reasons)}), which stops containers"
                f" that are not ours: {', '.join(foreign)}",
                f"set engine.allow_restart = {foreign!r}, or True",
            )

    def _uncovered(self, ours: set[str]) -> list[str]:
        allowed = self.wanted.engine.allow_restart
        if allowed is True:
            return []
        covered = {*ours, *(allowed or ())}
        return [each.name for each in self.running if each.name not in covered]

    def plan(self) -> EnginePlan:
        """Return the whole plan."""
        before = self.found.service.command_line
        return EnginePlan(
            effect=self.decision.effect,
            reasons=self.decision.reasons,
            steps=tuple(self._forth()),
            rollback=tuple(self._back()),
            stops=tuple(each.name for each in self.running) if self.restarts else (),
            heals=self.found.cut_off,
            file_before=self.found.file_before.text or "",
            file_after=self.target.text if self.file_changes else self.found.file.text or "",
            command_line_before=before,
            command_line_after=self.command_line if self.line_changes or not before else before,
        )

    def _forth(self) -> Iterator[Step]:
        yield from self._prepared()
        match self.decision.effect:
            case "restart":
                yield from self._restarted()
            case "start":
                yield from self._started()
            case "reload":
                yield from self._file_in_place()
                yield ReloadOptions(SERVICE)
                yield self._proof()
                yield from self._containers_back()
            case _:
                yield from self._file_in_place()
                yield from self._containers_back()

    def _prepared(self) -> Iterator[Step]:
        """Write and validate beside what is there; up to here nothing is changed."""
        if self.file_changes:
            path = self.target.path
            yield from self._closed_data_root(parent(parent(path)))
            yield MakeDirectory(parent(path))
            yield PutFile(staged(path), self.target.text)
            yield ValidateOptions(staged(path), self._options())
            if self.found.file.exists and self.found.file.path == path:
                yield CopyFile(path, previous(path))
        elif self.line_changes:
            yield ValidateOptions(self.target.path, self._options())

    def _closed_data_root(self, directory: str) -> Iterator[Step]:
        """Make the data root that the file comes into, if it is not there, as dockerd would.

        dockerd makes one for administrators and SYSTEM alone (moby ``MkdirAllWithACL`` with
        ``SddlAdministratorsLocalSystem``) and leaves one that is there as it is: open to every user, with
        the passwords in the file, and with the layers and configurations of containers.
        """
        if any(same_path(directory, absent) for absent in self.found.absent):
            yield MakeDirectory(directory)
            yield Protect(directory, {SYSTEM: "F", ADMINISTRATORS: "F"}, is_directory=True)

    def _options(self) -> tuple[str, ...]:
        kept = {"--config-file", "--service-name"}
        arguments, options = list(self.target.arguments), []
        while arguments:
            argument = arguments.pop(0)
            if argument in kept:
                arguments.pop(0)
            else:
                options.append(argument)
        return tuple(options)

    def _file_in_place(self) -> Iterator[Step]:
        if self.file_changes:
            yield MoveFile(staged(self.target.path), self.target.path)
            old = self.found.file
            if old.exists and old.path != self.target.path:
                yield RemovePath(old.path)

    def _restarted(self) -> Iterator[Step]:
        yield MakeDirectory(OURS)
        yield RememberContainers(RUNNING_BEFORE, tuple(self._to_start()))
        yield StopService(SERVICE)
        yield from self._changed_while_stopped()
        yield StartService(SERVICE)
        yield from self._proven()

    def _started(self) -> Iterator[Step]:
        yield from self._changed_while_stopped()
        yield StartService(SERVICE)
        yield from self._proven()

    def _changed_while_stopped(self) -> Iterator[Step]:
        if self.found.service.start_mode == "disabled":
            # Windows starts no disabled service: neither on the way forth nor on the way back.
            yield SetStartMode(SERVICE, self.wanted.engine.service.start_mode)
        if not self.found.service.exists:
            yield RegisterService(self.target.arguments)
        elif self.line_changes:
            yield SetCommandLine(SERVICE, self.command_line, self.found.service.command_line)
        if self.network_anew and any(each.name == self.wanted.network.name for each in self.found.hns):
            yield RemoveHnsNetwork(self.wanted.network.name)
        yield from self._file_in_place()

    def _proven(self) -> Iterator[Step]:
        yield AwaitEngine(self.wanted.engine.start_timeout)
        yield self._proof()
        yield from self._containers_back(forget=self.restarts)

    def _proof(self) -> ProveOptions:
        return ProveOptions(self.target.options, self.target.labels)

    def _to_start(self) -> list[str]:
        """Return the containers to start again, in the order in which they were started before."""
        if self.leaves_data_root:
            return []  # only the registry's own is left behind: it is made anew, and its data is elsewhere
        ours = self.wanted.registry.name
        kept = [
            each.name
            for each in self.running
            # The registry's own container is replaced if its address does not fit the new network.
            if not (self.network_anew and each.name == ours and not self._fits(each)) and not self._is_astray
        ]
        return list(dict.fromkeys([*self.left_over, *kept]))

    def _fits(self, container: ContainerState) -> bool:
        return container.networks.get(self.wanted.network.name) == self.wanted.registry.ip

    def _containers_back(self, *, forget: bool = False) -> Iterator[Step]:
        running = {each.name for each in self.running}
        names = (
            self._to_start() if self.restarts else [each for each in self.left_over if each not in running]
        )
        for name in names:
            if self._may_exist(name):
                yield StartContainer(name)
                yield AwaitContainer(name)
        if forget or self.found.running_before.exists:
            yield RemovePath(RUNNING_BEFORE)

    def _back(self) -> Iterator[Step]:
        """Yield the way back: the old file and command line, the engine up, what ran running."""
        if self.decision.effect == "none" or not (self.file_changes or self.line_changes):
            return
        restarts = self.decision.effect in {"restart", "start"}
        if restarts:
            yield StopService(SERVICE)
            if self.line_changes:
                yield SetCommandLine(SERVICE, self.found.service.command_line, self.command_line)
            if self.network_anew:
                yield RemoveHnsNetwork(self.wanted.network.name)
        yield from self._old_file()
        if not restarts:
            yield ReloadOptions(SERVICE)
            return
        if self.decision.effect == "start":
            return  # it was stopped when we came, and its options were not ours
        yield StartService(SERVICE)
        yield AwaitEngine(self.wanted.engine.start_timeout)
        for name in self._ran():
            yield StartContainer(name)
        yield RemovePath(RUNNING_BEFORE)

    def _ran(self) -> list[str]:
        """Return what runs, and what ran before an earlier run broke off and still exists."""
        left = [name for name in self.left_over if self._may_exist(name)]
        runs = [] if self._is_astray else [each.name for each in self.running]
        return list(dict.fromkeys([*left, *runs]))

    def _may_exist(self, name: str) -> bool:
        """Say whether a container that was written down may be there once the engine is up.

        While the engine is down, or up elsewhere, nobody can say what exists; what was written down did.
        """
        unseen = self._is_astray or not self.found.engine.answers
        return unseen or name in {each.name for each in self.found.containers}

    def _old_file(self) -> Iterator[Step]:
        if not self.file_changes:
            return
        old = self.found.file_before
        if old.path != self.target.path or not old.exists:
            yield RemovePath(self.target.path)
        if old.text is not None:
            yield PutFile(staged(old.path), old.text)
            yield MoveFile(staged(old.path), old.path)
