"""Plans carried out on a modelled host: whole, cut short after every step, and taken back."""

from __future__ import annotations

import copy
import json
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy import steps
from deploy.places import DATA_ROOT
from deploy.plan import config_path, plan_engine
from deploy.plan.target import target_of
from deploy.settings import LabSettings
from tests.unit.plan_hosts import lab, options
from tests.unit.plan_model import Host

RESTART = {"engine": {"allow_restart": True}}
CHANGES: dict[str, dict[str, Any]] = {
    "lab": {},
    "debug": {"engine": {"options": {"debug": True}}},
    "mirror and timeout": {
        "engine": {"options": {"registry-mirrors": ["http://m.lab"], "shutdown-timeout": 60}}
    },
    "dns": {"engine": {"options": {"dns": ["10.0.0.1"], "labels": ["a=b"]}}},
    "service options": {"engine": {"delivery": "service-options"}},
    "labelled service options": {"engine": {"delivery": "service-options", "fingerprint": True}},
    "data root as flag": {"engine": {"delivery": "service-options", "options": {"data-root": r"D:\docker"}}},
    "data root as key": {"engine": {"options": {"data-root": r"D:\docker"}}},
    "subnet": {"network": {"subnet": "10.9.0.0/16"}, "registry": {"ip": "10.9.0.96"}},
}
ELSEWHERE = {"data root as flag", "data root as key"}
"""The engine comes up elsewhere: that is refused where other containers than ours would be left behind."""

PAIRS = [
    pytest.param(before, after, id=f"{before} to {after}")
    for before, after in product(CHANGES, CHANGES)
    if before != "data root as flag" or after in ELSEWHERE  # else refused: the settings do not name it
]


def wanted_of(name: str) -> LabSettings:
    return lab(RESTART, CHANGES[name])


def bare_host(*names: str) -> Host:
    """A host with an engine as installed, and containers that run."""
    running = ["registry"] if ELSEWHERE & set(names) else ["db", "registry", "web"]
    return Host({DATA_ROOT: dict.fromkeys(running, True)})


def host_with(name: str, then: str) -> Host:
    """A host that a run has given the settings ``name``, and that will be given those of ``then``."""
    host, wanted = bare_host(name, then), wanted_of(name)
    host.carry_out(plan_engine(wanted, host.found()).steps)
    assert_converged(host, wanted)
    host.stops = 0
    return host


def assert_converged(host: Host, wanted: LabSettings) -> None:
    found = host.found()
    target = target_of(wanted, found.service, found.file)
    for key, value in target.options.items():
        if key != "labels":
            assert host.options[key] == value, key
    assert set(target.labels) <= set(host.options.get("labels", ()))
    assert host.subnet == wanted.network.subnet
    assert plan_engine(wanted, found).steps == ()
    # The registry's own container is its own plan's matter: its address or its data root may have changed.
    assert all(runs for name, runs in host.containers.items() if name != "registry")


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_one_run_is_enough(before: str, after: str) -> None:
    host, wanted = host_with(before, after), wanted_of(after)
    plan = plan_engine(wanted, host.found())

    host.carry_out(plan.steps)

    assert_converged(host, wanted)
    assert host.stops == (1 if plan.effect == "restart" else 0)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_run_that_dies_anywhere_is_finished_by_the_next(before: str, after: str) -> None:
    start, wanted = host_with(before, after), wanted_of(after)
    plan = plan_engine(wanted, start.found())

    for cut in range(len(plan.steps)):
        host = copy.deepcopy(start)
        host.carry_out(plan.steps[:cut])

        host.carry_out(plan_engine(wanted, host.found()).steps)

        assert_converged(host, wanted)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_way_back_leads_back_from_wherever_it_began(before: str, after: str) -> None:
    start, was = host_with(before, after), wanted_of(before)
    plan = plan_engine(wanted_of(after), start.found())
    touched = next(
        (at for at, step in enumerate(plan.steps) if type(step).__name__ in TOUCHING), len(plan.steps)
    )

    for cut in range(touched + 1, len(plan.steps) + 1):
        host = copy.deepcopy(start)
        host.carry_out(plan.steps[:cut])

        host.carry_out(plan.rollback)

        assert_converged(host, was)


TOUCHING = {"StopService", "SetCommandLine", "MoveFile"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CHANGES.keys() - ELSEWHERE)), st.integers(0, 14)),
        min_size=1,
        max_size=6,
    )
)
def test_no_chain_of_broken_runs_is_beyond_the_next(chain: list[tuple[str, int]]) -> None:
    host = bare_host()
    for name, cut in chain:
        plan = plan_engine(wanted_of(name), host.found())
        host.carry_out(plan.steps[:cut])
    last = wanted_of(chain[-1][0])

    host.carry_out(plan_engine(last, host.found()).steps)

    assert_converged(host, last)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_power_cut_while_the_file_takes_its_place_loses_no_key(before: str, after: str) -> None:
    """Move-Item of 5.1 deletes what is in the way before it renames: both files lie beside an empty place."""
    start, wanted = host_with(before, after), wanted_of(after)
    path = config_path(start.service)
    start.files[path] = json.dumps({**json.loads(start.files[path]), "max-download-attempts": 7})
    plan = plan_engine(wanted, start.found())

    for at, step in enumerate(plan.steps):
        if not isinstance(step, steps.MoveFile) or step.target != path:
            continue
        host = copy.deepcopy(start)
        host.carry_out(plan.steps[:at])
        host.lose_power_in(step)
        assert path not in host.files

        host.carry_out(plan_engine(wanted, host.found()).steps)

        assert_converged(host, wanted)
        assert json.loads(host.files[path])["max-download-attempts"] == 7


def test_a_file_that_somebody_took_away_is_not_brought_back() -> None:
    host, wanted = host_with("debug", "debug"), wanted_of("debug")
    path = config_path(host.service)
    host.files[f"{path}.previous"] = json.dumps({"max-download-attempts": 7})
    host.files.pop(path)

    host.carry_out(plan_engine(wanted, host.found()).steps)

    assert_converged(host, wanted)
    assert "max-download-attempts" not in json.loads(host.files[path])


def test_healing_that_itself_fails_early_loses_no_key_either() -> None:
    start, wanted = host_with("lab", "dns"), wanted_of("dns")
    path = config_path(start.service)
    start.files[path] = json.dumps({**json.loads(start.files[path]), "max-download-attempts": 7})
    lose_power_in_the_move(start, wanted)

    healing = plan_engine(wanted, start.found())
    start.carry_out(healing.steps[:3])  # dockerd refuses it, or the connection is lost

    assert healing.heals
    start.carry_out(plan_engine(wanted, start.found()).steps)
    assert_converged(start, wanted)
    assert json.loads(start.files[path])["max-download-attempts"] == 7


def lose_power_in_the_move(host: Host, wanted: LabSettings) -> None:
    """Begin to make the host as wanted, and lose its power while the file takes its place."""
    plan = plan_engine(wanted, host.found())
    at = next(at for at, step in enumerate(plan.steps) if isinstance(step, steps.MoveFile))
    host.carry_out(plan.steps[:at])
    host.lose_power_in(cast("steps.MoveFile", plan.steps[at]))


@pytest.mark.parametrize("forth", [True, False], ids=["healed", "taken back"])
def test_after_a_power_cut_the_containers_of_the_data_root_in_the_file_start_again(forth: bool) -> None:
    """Without its file the engine comes up at the default data root, and sees none of what ran."""
    root = options(data_root=r"D:\docker")
    host = Host({r"D:\docker": dict.fromkeys(["db", "registry", "web"], True), DATA_ROOT: {"old": True}})
    host.options = {"data-root": r"D:\docker"}
    host.carry_out(plan_engine(lab(RESTART, root), host.found()).steps)
    wanted = lab(RESTART, root, options(dns=["10.0.0.1"]))
    lose_power_in_the_move(host, wanted)
    assert set(host.containers) == {"old"}

    healing = plan_engine(wanted, host.found())
    host.carry_out([*healing.steps, *(() if forth else healing.rollback)])

    assert healing.refusal is None
    assert host.containers == {"db": True, "registry": True, "web": True}


def test_a_power_cut_while_the_data_root_changes_still_leaves_no_container_of_others_behind() -> None:
    host, wanted = bare_host("data root as key"), lab(RESTART, options(data_root=r"D:\docker"))
    host.carry_out(plan_engine(lab(RESTART), host.found()).steps)
    lose_power_in_the_move(host, wanted)
    host.containers["web"] = True

    refusal = plan_engine(wanted, host.found()).refusal

    assert refusal is not None
    assert "would stay behind in" in refusal.reason


def test_going_back_after_a_power_cut_leads_to_the_file_of_before() -> None:
    start, wanted = host_with("lab", "dns"), wanted_of("dns")
    path = config_path(start.service)
    before = start.files[path]
    lose_power_in_the_move(start, wanted)

    healing = plan_engine(wanted, start.found())
    start.carry_out([*healing.steps, *healing.rollback])

    assert start.files[path] == before
