"""The registry's container is replaced by steps that can be cut short anywhere without losing it."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from deploy import steps
from deploy.places import REPLACED
from deploy.plan import container_wanted, plan_container
from deploy.plan.replacement import named, plan_way_back, stale_endpoints
from deploy.settings import LabSettings
from deploy.state import ContainerState, HnsEndpointState
from deploy.steps import Step
from tests.unit.test_plan_parts import FOUND, IMAGE, WANTED

OLD = dataclasses.replace(FOUND, id="old", image="registry-lab/registry:old")
POLICIES = ("unless-stopped", "always", "on-failure:3", "no")


class Engine:
    """Just enough of an engine to carry such a plan out; two containers never share the address."""

    def __init__(self, *containers: ContainerState) -> None:
        self.containers = list(containers)

    def do(self, step: Step) -> None:
        match step:
            case steps.StopContainer(name):
                self._change(name, running=False, addresses={})
            case steps.StartContainer(name):
                self._change(name, running=True)
            case steps.RenameContainer(name, new_name):
                assert named(self.containers, new_name) is None
                self._change(name, name=new_name)
            case steps.SetRestartPolicy(name, policy):
                self._change(name, restart=policy)
            case steps.RemoveContainer(name):
                self.containers = [each for each in self.containers if each.name != name]
            case steps.RunContainer():
                assert named(self.containers, step.name) is None
                made = dataclasses.replace(FOUND, id="new", image=step.image, restart=step.restart)
                self.containers.append(made)
        self._no_contention()

    def boot(self) -> None:
        """The engine restarts and brings back what its policies say: the worst of moments."""
        for container in self.containers:
            if container.restart == "always" or container.restart.startswith("on-failure"):
                self._change(container.name, running=True)
        self._no_contention()

    def _change(self, which: str, **fields: object) -> None:
        assert named(self.containers, which) is not None, f"there is no {which}"
        self.containers = [
            dataclasses.replace(each, **fields) if each.name == which else each  # type: ignore[arg-type]
            for each in self.containers
        ]

    def _no_contention(self) -> None:
        running = [each for each in self.containers if each.running]
        assert len(running) <= 1, f"these want one address: {[each.name for each in running]}"


def proven(engine: Engine) -> list[str]:
    return [each.id for each in engine.containers]


@pytest.mark.parametrize("reboot", [False, True], ids=["goes on", "reboots"])
@pytest.mark.parametrize("policy", POLICIES)
def test_cut_anywhere_the_next_run_arrives_and_the_old_one_is_never_lost(policy: str, reboot: bool) -> None:
    wanted = dataclasses.replace(WANTED, restart=policy)
    old = dataclasses.replace(OLD, restart=policy)
    for cut in itertools.count():
        engine = Engine(old)
        plan = plan_container(wanted, engine.containers)
        for step in plan[:cut]:
            engine.do(step)
            assert "old" in proven(engine)
        if reboot:
            engine.boot()
        for step in plan_container(wanted, engine.containers):
            engine.do(step)
            assert "old" in proven(engine), "only the proof lets it go"
        assert plan_container(wanted, engine.containers) == []
        if cut == len(plan):
            return


@pytest.mark.parametrize("policy", POLICIES)
def test_from_anywhere_there_is_a_way_back(policy: str) -> None:
    wanted = dataclasses.replace(WANTED, restart=policy)
    old = dataclasses.replace(OLD, restart=policy)
    plan = plan_container(wanted, [old])
    for cut in range(len(plan) + 1):
        engine = Engine(old)
        for step in plan[:cut]:
            engine.do(step)
        for step in plan_way_back("registry", policy, old, engine.containers):
            engine.do(step)

        assert [(each.name, each.id, each.running) for each in engine.containers] == [
            ("registry", "old", True)
        ]
        assert engine.containers[0].restart == policy


@pytest.mark.parametrize("policy", POLICIES)
def test_from_anywhere_in_the_run_after_a_cut_one_the_way_back_gives_the_policy_again(policy: str) -> None:
    wanted = dataclasses.replace(WANTED, restart=policy)
    old = dataclasses.replace(OLD, restart=policy)
    first = plan_container(wanted, [old])
    for cut, then in itertools.product(range(len(first)), repeat=2):
        engine = Engine(old)
        for step in first[:cut]:
            engine.do(step)
        before = named(engine.containers, "registry")
        second = plan_container(wanted, engine.containers)
        for step in second[:then]:
            engine.do(step)
        if named(engine.containers, REPLACED) is None:
            continue  # nothing was replaced yet
        for step in plan_way_back("registry", policy, before, engine.containers):
            engine.do(step)

        (back,) = engine.containers
        assert (back.name, back.id, back.running, back.restart) == ("registry", "old", True, policy)


@pytest.mark.parametrize("aside", [True, False], ids=["put aside", "stopped only"])
def test_the_way_back_frees_the_address_of_an_endpoint_that_was_left(aside: bool) -> None:
    old = dataclasses.replace(OLD, running=False, addresses={}, name=REPLACED if aside else OLD.name)
    left = HnsEndpointState("7a1b", "Ethernet", "172.24.194.96", "nat")
    stale = stale_endpoints("172.24.194.96", [old], [left])

    plan = plan_way_back("registry", "always", OLD, [old], stale)

    assert plan[-3:] == [
        steps.RemoveHnsEndpoint("172.24.194.96"),
        steps.StartContainer("registry"),
        steps.AwaitContainer("registry"),
    ]
    assert stale_endpoints("172.24.194.96", [OLD], [left]) == [], "a running one holds it"
    assert stale_endpoints("172.24.194.97", [old], [left]) == []


def test_there_is_no_way_back_from_a_first_container() -> None:
    assert plan_way_back("registry", "always", None, [FOUND]) == []
    assert plan_way_back("registry", "always", None, []) == []


def test_one_that_was_stopped_by_somebody_is_not_started_by_going_back() -> None:
    stopped = dataclasses.replace(OLD, running=False)

    assert plan_way_back("registry", "always", stopped, [stopped]) == []


def test_what_was_put_aside_fights_for_nothing() -> None:
    aside = dataclasses.replace(OLD, name=REPLACED, running=False)

    assert plan_container(container_wanted(LabSettings(), IMAGE), [FOUND, aside]) == []
