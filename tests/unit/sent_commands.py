"""Everything that the rollout can send: every step, every question, with every kind of text in them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, cast

from hypothesis import strategies as st

from deploy import commands, facts, steps
from deploy.facts import JsonFact
from deploy.settings.engine_options import OPTIONS
from deploy.steps import Step
from deploy.trust import commands as trust_commands
from deploy.trust import steps as trust_steps

UPLOADS = {steps.PutFile, steps.PutArchive, steps.RememberContainers, trust_steps.PutBytes}
"""What the connector does without a command."""

TRICKY = (
    r"C:\Program Files\docker",
    "C:\\data \\",
    "it's",
    "it\u2019s",
    "a\u201ab\u201b",
    'say "x"',
    'a \\"b\\\\" c\\',
    "\u00a0\\",
    "a=b,c=d",
    "$(x) `n; y | z",
    "007",
    "@(1)",
    "%PATH%",
)
"""What has gone wrong before, in one shell or another."""

# Names and paths never begin as an option does: the settings see to that.
TEXT = st.sampled_from(TRICKY) | st.text(
    st.sampled_from(" \"'\\`$%&|;,={}()[]#@<>*?^~\t\u2018\u2019\u201a\u201b\u201c\u2013\u00a0ab/-.:")
    | st.characters(exclude_categories=["Cs", "Cc"]),
    min_size=1,
).filter(lambda text: text[0] not in "-/")
SWITCHES = {"--debug", "--tls", "--tlsverify", "--experimental", "--raw-logs", "--cri-containerd"}
_OPTION_ARGUMENTS = st.lists(
    st.tuples(st.sampled_from(sorted({option.flag for option in OPTIONS.values() if option.flag})), TEXT)
    | st.sampled_from([("--debug",), ("--tls=false",)])
).map(
    lambda pairs: tuple(
        part
        for pair in pairs
        for part in (pair if len(pair) == 1 or pair[0] not in SWITCHES else (f"{pair[0]}=true",))
    )
)
_NUMBER = st.integers(0, 2**31 - 1)
_BY_TYPE: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: _NUMBER,
    bool: st.booleans(),
    bytes: st.binary(),
    tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
    tuple[int, ...]: st.lists(_NUMBER, min_size=1, max_size=3).map(tuple),
    Sequence[str]: st.lists(TEXT, min_size=1, max_size=3),
    Mapping[str, str]: st.dictionaries(TEXT, TEXT | st.just(""), max_size=3),
    Mapping[int, int]: st.dictionaries(_NUMBER, _NUMBER, max_size=2),
    Mapping[str, object]: st.just({}),
}
_BY_FIELD: dict[tuple[type[Step], str], st.SearchStrategy[Any]] = {
    (steps.SetStartMode, "mode"): st.sampled_from(["auto", "delayed-auto", "manual"]),
    (steps.ValidateOptions, "arguments"): _OPTION_ARGUMENTS,
    (steps.RegisterService, "arguments"): _OPTION_ARGUMENTS,
    (trust_steps.Protect, "grants"): st.dictionaries(
        TEXT, st.sampled_from(["F", "M", "RX", "R"]), min_size=1
    ),
}


def classes(module: ModuleType, base: type[Any]) -> list[type[Any]]:
    """The classes below ``base`` that a module defines."""
    found = [
        each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__
    ]
    return [each for each in found if issubclass(each, base) and each is not base]


STEPS: list[type[Step]] = [
    step for module in (steps, trust_steps) for step in classes(module, Step) if step not in UPLOADS
]
FACTS: list[type[JsonFact[Any]]] = [
    fact for fact in classes(facts, JsonFact) if "command" in vars(fact) and not vars(fact).get("abstract")
]


def any_step(kind: type[Step]) -> st.SearchStrategy[Step]:
    """A step with anything in it."""
    hints = typing.get_type_hints(kind)
    values = {name: _BY_FIELD.get((kind, name), _BY_TYPE[hint]) for name, hint in hints.items()}
    return st.builds(kind, **values)


def questions() -> dict[str, Callable[..., str]]:
    """Every function that returns the text of a command, by its name."""
    return {
        name: function
        for module in (commands, trust_commands)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and typing.get_type_hints(function).get("return") is str
    }


def answers_of(function: Callable[..., str]) -> st.SearchStrategy[str]:
    """What a function returns for any arguments."""
    hints = typing.get_type_hints(function)
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return st.builds(function, **{name: _BY_TYPE[hints[name]] for name in names})


def asked_by(fact: type[JsonFact[Any]]) -> st.SearchStrategy[str]:
    """What a fact asks."""
    # pyinfra allows other kinds of commands, too; ours are all texts.
    return answers_of(cast("Callable[..., str]", fact().command))


def sent_for(plan: Sequence[Step]) -> Iterator[str]:
    """The commands that carry a plan out."""
    for step in plan:
        if type(step) not in UPLOADS:
            yield from trust_commands.commands(step)
