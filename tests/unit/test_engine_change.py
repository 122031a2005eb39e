"""An engine is changed step by step; what fails is taken back, as far as there is something to take back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import pytest

from deploy import steps
from deploy.operations.acting import Acting
from deploy.operations.engine_change import EngineChange
from deploy.operations.hands import StepFailed
from deploy.places import DAEMON_JSON, RUNNING_BEFORE, staged
from deploy.plan import EnginePlan
from deploy.record import HostRecord
from deploy.settings import LabSettings
from deploy.state import EventState
from deploy.steps import Step
from deploy.trust.steps import Protect

PUT = steps.PutFile(staged(DAEMON_JSON), "{}")
VALIDATE = steps.ValidateOptions(staged(DAEMON_JSON))
STOP, START = steps.StopService("docker"), steps.StartService("docker")
MOVE = steps.MoveFile(staged(DAEMON_JSON), DAEMON_JSON)
AWAIT, PROVE = steps.AwaitEngine(60), steps.ProveOptions({}, ("a=b",))
RELOAD = steps.ReloadOptions("docker")
WEB, WEB_WELL = steps.StartContainer("web"), steps.AwaitContainer("web")
REGISTRY, REGISTRY_WELL = steps.StartContainer("registry"), steps.AwaitContainer("registry")
FORGET = steps.RemovePath(RUNNING_BEFORE)
OLD = steps.PutFile(staged(DAEMON_JSON), '{"debug": true}')

RESTART = EnginePlan(
    "restart",
    ("group changes",),
    (PUT, VALIDATE, STOP, MOVE, START, AWAIT, PROVE, WEB, WEB_WELL, REGISTRY, REGISTRY_WELL, FORGET),
    rollback=(STOP, OLD, MOVE, START, AWAIT, WEB, FORGET),
    stops=("web", "registry"),
)
RELOADED = EnginePlan(
    "reload", ("debug changes",), (PUT, VALIDATE, MOVE, RELOAD, PROVE), rollback=(OLD, MOVE, RELOAD)
)


class Engine:
    """Stands for host, hands and facts: notes what is done, and fails at the steps it was told to."""

    title = "engine"

    def __init__(self, *failing: Step, once: bool = True) -> None:
        self.failing = list(failing)
        self.once = once
        self.did: list[Step] = []
        self.record = HostRecord("pc-01")
        self.log_book: list[EventState] = [EventState("Information", "API listen on //./pipe/docker_engine")]
        self.last_words: list[EventState] = []
        self.host = self.found = self
        self.absent: set[str] = set()

    def hands(self) -> Engine:
        return self

    def do(self, step: Step) -> None:
        self.did.append(step)
        if step in self.failing:
            if self.once:
                self.failing.remove(step)
            self.log_book = self.last_words + self.log_book
            raise StepFailed(f"{step} failed")

    def events(self) -> list[EventState]:
        return self.log_book

    def exist(self, paths: Sequence[str]) -> dict[str, bool]:
        return {path: path not in self.absent for path in paths}

    def forget(self) -> None:
        pass

    def log(self, text: str) -> None:
        pass

    def plan(self, changes: Iterable[object]) -> None:
        list(changes)


def change(engine: Engine, plan: EnginePlan, look: Callable[[], Any] = lambda: None) -> str:
    """Make the change; return the reason if it failed."""
    try:
        EngineChange(cast("Acting", engine), LabSettings(), plan, look).make()
    except StepFailed as failure:
        return failure.cause
    return ""


def test_a_change_that_works_is_followed_to_its_end() -> None:
    engine = Engine()

    assert change(engine, RESTART) == ""
    assert engine.did == list(RESTART.steps)
    assert [done.text for done in engine.record.done] == [str(step) for step in RESTART.steps]


def test_what_dockerd_refuses_beforehand_leaves_no_trace() -> None:
    engine = Engine(VALIDATE)

    reason = change(engine, RESTART)

    assert reason == f"{VALIDATE} failed"
    assert engine.did == [PUT, VALIDATE, steps.RemovePath(staged(DAEMON_JSON))]


def test_closing_a_new_data_root_touches_nothing_that_is_there() -> None:
    close = Protect(r"D:\docker", {}, is_directory=True)
    engine = Engine(close)

    assert change(engine, dataclasses.replace(RESTART, steps=(close, *RESTART.steps))) == f"{close} failed"
    assert STOP not in engine.did


def test_a_failure_while_healing_leaves_the_files_by_which_the_next_run_heals() -> None:
    engine = Engine(VALIDATE)

    assert change(engine, dataclasses.replace(RESTART, heals=True)) == f"{VALIDATE} failed"
    assert engine.did == [PUT, VALIDATE]


@pytest.mark.parametrize("step", [STOP, MOVE, START, AWAIT, PROVE], ids=str)
def test_a_failure_after_the_first_touch_is_taken_back(step: Step) -> None:
    engine = Engine(step)

    reason = change(engine, RESTART)

    assert engine.did[-len(RESTART.rollback) :] == list(RESTART.rollback)
    assert "the previous configuration is back, and what ran runs again" in reason


def test_a_file_that_was_not_put_there_yet_is_no_trouble_on_the_way_back() -> None:
    new_file = steps.RemovePath(DAEMON_JSON)
    engine = Engine(STOP, new_file)
    engine.absent = {DAEMON_JSON}
    plan = dataclasses.replace(RESTART, rollback=(STOP, new_file, START, AWAIT, WEB, FORGET))

    reason = change(engine, plan)

    assert engine.did[-5:] == [STOP, START, AWAIT, WEB, FORGET]
    assert "the previous configuration is back, and what ran runs again" in reason


def test_the_reason_is_given_in_the_words_of_dockerd() -> None:
    engine = Engine(START)
    engine.last_words = [EventState("Information", "Stopping"), EventState("Error", "group docker not found")]

    assert change(engine, RESTART).startswith("dockerd: group docker not found; the previous")


def test_older_words_of_dockerd_are_not_taken_for_the_reason() -> None:
    engine = Engine(START)
    engine.log_book = [EventState("Error", "an error of last week")]

    assert change(engine, RESTART).startswith(f"{START} failed; the previous")


def test_the_same_words_as_last_time_are_the_reason_again() -> None:
    engine = Engine(START)
    engine.log_book = [EventState("Error", "group docker not found", "at nine")]
    engine.last_words = [EventState("Error", "group docker not found", "at ten")]

    assert change(engine, RESTART).startswith("dockerd: group docker not found; the previous")


def test_a_way_back_that_is_blocked_is_told() -> None:
    engine = Engine(START, once=False)

    reason = change(engine, RESTART)

    assert f"going back failed, too: {START}: {START} failed" in reason


def test_what_ran_is_not_forgotten_while_the_way_back_is_blocked() -> None:
    engine = Engine(START, once=False)

    change(engine, RESTART)

    assert FORGET not in engine.did


def test_a_container_that_does_not_come_back_takes_nothing_back_and_is_tried_again() -> None:
    engine = Engine(WEB)

    reason = change(engine, RESTART)

    assert f"these containers did not come back: web ({WEB} failed)" in reason
    assert steps.AwaitContainer("web") not in engine.did, "one that could not be started is not waited for"
    assert REGISTRY_WELL in engine.did
    assert FORGET not in engine.did


def test_a_reload_that_is_not_taken_up_becomes_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    restart = EnginePlan("restart", steps=(STOP, START, AWAIT, PROVE), stops=("web",))
    monkeypatch.setattr("deploy.operations.engine_change.plan_engine", lambda *_, **__: restart)
    engine = Engine(PROVE)

    assert change(engine, RELOADED) == ""
    assert engine.did == [*RELOADED.steps, *restart.steps]


def test_a_restart_that_is_not_allowed_takes_the_reload_back(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = EnginePlan("none", steps=(steps.Refuse("web runs", "set engine.allow_restart"),))
    monkeypatch.setattr("deploy.operations.engine_change.plan_engine", lambda *_, **__: refused)
    engine = Engine(PROVE)

    reason = change(engine, RELOADED)

    assert reason.startswith("web runs")
    assert engine.did == [*RELOADED.steps, *RELOADED.rollback]


def test_a_restart_in_place_of_a_reload_goes_back_by_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    restart = EnginePlan("restart", steps=(STOP, START, AWAIT, PROVE, WEB), stops=("web",))
    monkeypatch.setattr("deploy.operations.engine_change.plan_engine", lambda *_, **__: restart)
    engine = Engine(PROVE, once=False)

    change(engine, RELOADED)

    assert engine.did[-6:] == [STOP, OLD, MOVE, START, AWAIT, WEB]
