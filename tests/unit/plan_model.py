"""A host in a few lines: just enough of an engine to carry a plan out, or to die in the middle of it.

It knows what dockerd was recorded to do with a file, flags and a reload, and nothing of Docker beyond that.
Containers never start by themselves: the worst case for a run that is cut short.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy import steps
from deploy.commands import remembered
from deploy.places import DATA_ROOT, RUNNING_BEFORE, previous, staged
from deploy.plan import EngineFound, config_path
from deploy.plan.target import content_of
from deploy.settings.engine_options import OPTIONS
from deploy.state import EngineState, FileState, HnsNetworkState, NetworkState, ServiceState
from deploy.steps import Step
from deploy.trust.steps import Protect
from tests.unit.plan_hosts import PLAIN, container, engine_with, hns, nat, service

RESET_BY_RELOAD = {"max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "features"}


@dataclass
class Host:
    """A Windows host with an engine that was installed and started without options."""

    stores: dict[str, dict[str, bool]]
    """Containers by data root, and whether each runs, in the order in which they were started."""

    files: dict[str, str] = field(default_factory=dict)
    command_line: str = PLAIN
    running: bool = True
    subnet: str | None = "172.24.192.0/20"
    options: dict[str, Any] = field(default_factory=dict)
    """What the engine runs with, wherever it was told."""

    stops: int = 0

    @property
    def containers(self) -> dict[str, bool]:
        """The containers that the engine sees."""
        return self.stores.setdefault(self.options.get("data-root", DATA_ROOT), {})

    @property
    def service(self) -> ServiceState:
        return service(self.command_line, running=self.running)

    def file(self, path: str) -> FileState:
        return FileState(path, self.files.get(path))

    def found(self) -> EngineFound:
        """What a run would read now."""
        path = config_path(self.service)
        network = nat(self.subnet) if self.subnet else NetworkState.absent("nat")
        here: list[HnsNetworkState] = [hns(self.subnet)] if self.subnet else []
        return EngineFound(
            service=self.service,
            file=self.file(path),
            previous=self.file(previous(path)),
            staged=self.file(staged(path)),
            running_before=self.file(RUNNING_BEFORE),
            engine=engine_with(self.options, ()) if self.running else EngineState.silent("no pipe"),
            containers=tuple(
                container(name, running=runs, started=str(at))
                for at, (name, runs) in enumerate(self.containers.items())
            )
            if self.running
            else (),
            network=network if self.running else None,
            hns=tuple(here),
        )

    def lose_power_in(self, step: steps.MoveFile) -> None:
        """Delete what is in the way, as Move-Item of 5.1 does first, and boot again without having moved.

        What ran when the power failed is brought back by its restart policy: no run knows of it.
        """
        self.files.pop(step.target, None)
        runs = dict(self.containers) if self.running else {}
        self.stop()
        self.start()
        self.containers.update(runs)

    def carry_out(self, plan: Sequence[Step]) -> None:
        """Do the steps, one after the other."""
        for step in plan:
            self.do(step)

    def do(self, step: Step) -> None:
        match step:
            case steps.PutFile(path, text):
                self.files[path] = text
            case steps.RememberContainers():
                self.do(remembered(step))
            case steps.CopyFile(source, target):
                self.files[target] = self.files[source]
            case steps.MoveFile(source, target):
                self.files[target] = self.files.pop(source)
            case steps.RemovePath(path):
                self.files.pop(path, None)
            case steps.SetCommandLine(_, command_line):
                self.command_line = command_line
            case steps.StopService():
                self.stop()
            case steps.StartService():
                self.start()
            case steps.ReloadOptions():
                self.reload()
            case steps.RemoveHnsNetwork():
                assert not self.running, "the engine would lose its network while it runs"
                self.subnet = None
            case steps.StartContainer(name):
                assert self.running
                self.containers[name] = True
            case steps.ValidateOptions(path, arguments):
                self.both(json.loads(self.files[path]), flags(arguments))
            case (
                Protect()
                | steps.MakeDirectory()
                | steps.AwaitEngine()
                | steps.ProveOptions()
                | steps.AwaitContainer()
            ):
                pass
            case _:
                raise AssertionError(f"unexpected: {step}")

    def stop(self) -> None:
        self.running = False
        self.stops += 1
        self.containers.update(dict.fromkeys(self.containers, False))

    def start(self) -> None:
        content = content_of(self.file(config_path(self.service)))
        self.options = self.both(content, flags(self.service.arguments[1:]))
        self.subnet = self.subnet or content.get("fixed-cidr", "10.1.0.0/16")
        self.running = True

    def reload(self) -> None:
        assert self.running
        content = content_of(self.file(config_path(self.service)))
        self.both(content, flags(self.service.arguments[1:]))
        for key, option in OPTIONS.items():
            if not option.reload:
                continue
            if key in content:
                self.options[key] = content[key]
            elif key in RESET_BY_RELOAD:
                self.options.pop(key, None)

    @staticmethod
    def both(content: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Join file and flags as dockerd does: never."""
        assert not content.keys() & given.keys(), "the same key in both stops the engine"
        return {**content, **given}


def flags(arguments: Sequence[str]) -> dict[str, Any]:
    """Read service options back into what daemon.json would say."""
    key_of = {option.flag: key for key, option in OPTIONS.items()}
    waiting, found = list(arguments), dict[str, Any]()
    while waiting:
        flag = waiting.pop(0)
        if flag.endswith("=false"):
            found[key_of[flag.removesuffix("=false")]] = False
        elif flag == "--debug":
            found["debug"] = True
        elif flag in {"--host", "-H", "--label", "--insecure-registry", "--registry-mirror", "--dns"}:
            found.setdefault(key_of[flag], []).append(waiting.pop(0))
        else:
            value = waiting.pop(0)
            found[key_of[flag]] = int(value) if value.isdigit() else value
    return found
