"""A rehearsal host takes nothing that Windows PowerShell 5.1 would not: its cmdlets against the list of 5.1.

It may know less, never more and never otherwise: a parameter that only PowerShell 7 has, or a switch where
5.1 wants a value, would let a command pass here that fails on Windows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal import cmdlets as _cmdlets  # noqa: F401 -- importing them registers them
from rehearsal.programs import PROGRAMS
from rehearsal.shell.aliases import ALIASES
from rehearsal.shell.binding import accepted
from rehearsal.shell.cmdlet import CMDLETS, Cmdlet, Parameter

LIST: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "recorded" / "powershell-5.1.json").read_text("utf-8")
)
COMMON: dict[str, Any] = LIST["common_parameters"]
INTEGERS = {"Int16", "Int32", "Int64", "UInt16", "UInt32", "UInt64"}
ANYTHING = {"Object", "Object[]", "PSObject", "PSObject[]", "CimInstance"}
FLAGS = {"Profile"}
"""Enumerations whose names a list joins."""

PARAMETERS = [
    pytest.param(cmdlet, parameter, id=f"{cmdlet.name} -{parameter.name}")
    for cmdlet in CMDLETS.values()
    for parameter in accepted(cmdlet)
]


def known(cmdlet: Cmdlet) -> dict[str, Any]:
    """What 5.1 has of the cmdlet, its common parameters with it."""
    entry: dict[str, Any] = LIST["cmdlets"][cmdlet.name]
    merged = {key: {**COMMON[key], **entry.get(key, {})} for key in ("parameters", "choices", "aliases")}
    return {**entry, **merged}


def suits(kind: str, net: str) -> bool:
    """Whether a rehearsal's kind of value is what a parameter of the .NET type ``net`` takes."""
    if kind in {"any", "items"}:
        return net in ANYTHING
    if (kind == "switch") != (net == "switch"):
        return False
    if kind == "switch":
        return True
    if (kind == "number") != (net in INTEGERS):
        return False
    if kind == "texts":
        return net.endswith("[]") or net in FLAGS
    # One text for a list of texts is less than 5.1 takes; Object would take it as it is.
    return kind in {"text", "number"} and net not in ANYTHING


def test_all_cmdlets_of_the_rehearsal_are_looked_at() -> None:
    assert {cmdlet.name for cmdlet in CMDLETS.values()} >= {
        "Get-Content",
        "Get-HnsNetwork",
        "Get-CimInstance",
    }


@pytest.mark.parametrize("cmdlet", CMDLETS.values(), ids=lambda cmdlet: cmdlet.name)
def test_a_cmdlet_is_one_that_51_has(cmdlet: Cmdlet) -> None:
    assert cmdlet.name in LIST["cmdlets"]


@pytest.mark.parametrize(("cmdlet", "parameter"), PARAMETERS)
def test_a_parameter_is_one_that_51_has_and_takes_the_same(cmdlet: Cmdlet, parameter: Parameter) -> None:
    theirs = known(cmdlet)

    assert parameter.name in theirs["parameters"]
    assert suits(parameter.kind, theirs["parameters"][parameter.name])


@pytest.mark.parametrize(("cmdlet", "parameter"), PARAMETERS)
def test_a_parameter_goes_by_no_other_names_and_places_than_in_51(
    cmdlet: Cmdlet, parameter: Parameter
) -> None:
    theirs = known(cmdlet)
    aliases = {alias.casefold() for alias in theirs["aliases"].get(parameter.name, ())}

    assert {alias.casefold() for alias in parameter.aliases} <= aliases
    assert parameter.position is None or parameter.name in theirs["positional"]


@pytest.mark.parametrize(("cmdlet", "parameter"), PARAMETERS)
def test_a_parameter_takes_no_word_that_51_refuses(cmdlet: Cmdlet, parameter: Parameter) -> None:
    choices = known(cmdlet)["choices"].get(parameter.name)

    if choices is not None:
        assert {each.casefold() for each in parameter.choices} <= {each.casefold() for each in choices}


@pytest.mark.parametrize("cmdlet", CMDLETS.values(), ids=lambda cmdlet: cmdlet.name)
def test_a_change_can_be_confirmed_exactly_where_51_asks(cmdlet: Cmdlet) -> None:
    offered = "Confirm" in {parameter.name for parameter in accepted(cmdlet)}

    assert offered == ("Confirm" in LIST["cmdlets"][cmdlet.name]["parameters"])


def test_an_alias_hides_no_program_that_the_rollout_calls() -> None:
    called = {name.casefold() for name in LIST["programs"]}

    assert called.isdisjoint(ALIASES)
    assert {name for name in called if name.endswith(".exe")} <= set(PROGRAMS)
