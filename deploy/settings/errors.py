"""Check the settings of every host before any is touched, and say all that is wrong with them at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from deploy.settings.engine_options import EngineOptions
from deploy.settings.lab import LabSettings, lab_problems
from deploy.settings.merge import deep_merge
from deploy.settings.problems import Problem, Problems
from deploy.settings.wrong_keys import explain

Model = TypeVar("Model", bound=BaseModel)


class SettingsErrors(ValueError):
    """The settings of one or more hosts cannot work; as text, one line for each thing that is wrong."""

    def __init__(self, problems: Mapping[str, Iterable[Problem]]) -> None:
        self.problems = {host: tuple(found) for host, found in problems.items()}
        self.lines = [f"{host}: {problem}" for host, found in self.problems.items() for problem in found]
        super().__init__("\n".join(self.lines))


def validate_all(
    inventory: Mapping[str, Mapping[str, Any]], addresses: Mapping[str, str] | None = None
) -> dict[str, LabSettings]:
    """Return the settings of every host, from the ``lab`` data of each.

    ``addresses`` says where each host is reached, to find two names for one. Raise `SettingsErrors` with
    everything that is wrong with any of them.
    """
    settings: dict[str, LabSettings] = {}
    problems: dict[str, list[Problem]] = defaultdict(list)
    for host, data in inventory.items():
        try:
            settings[host] = LabSettings.model_validate(data)
        except ValidationError as error:
            problems[host] = _all_problems(data, error)
    for host, problem in _shared_addresses(addresses or {}):
        problems[host].append(problem)
    if problems:
        raise SettingsErrors(problems)
    return settings


def validate(model: type[Model], data: Mapping[str, Any], name: str) -> Model:
    """Return ``data`` as the ``model``, or raise `SettingsErrors` in the name of ``name``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SettingsErrors({name: problems_of(error, model)}) from None


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return what pydantic found wrong with data for ``model``, in words that say what to write."""
    found = [problem for details in error.errors() for problem in _problems(details, model)]
    return list(dict.fromkeys(found))


def _problems(details: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    setting = ".".join(_shown(details["loc"]))
    raised = details.get("ctx", {}).get("error")
    if isinstance(raised, Problems):
        for problem in raised.problems:
            yield problem.under(setting)
    elif details["type"] == "extra_forbidden":
        yield Problem(setting, _unknown(details["loc"], model))
    else:
        yield Problem(setting, _in_words(details))


def _all_problems(data: Mapping[str, Any], error: ValidationError) -> list[Problem]:
    """Return what is wrong with a host's data, the rules included that pydantic skips after any wrong value.

    Wrong values are left out, one round after the other, until only rules speak. What a round says about a
    setting that is not there any more is an echo.
    """
    left, found, gone = deep_merge(data), list[Problem](), set[str]()
    while True:
        found += [each for each in problems_of(error, LabSettings) if not _is_echo(each, gone)]
        wrong = {
            tuple(_path(details["loc"], left)) for details in error.errors() if not _is_rule(details)
        } - {()}
        if not wrong:
            break
        gone |= {".".join(path) for path in wrong}
        for path in wrong:
            _drop(left, path)
        try:
            LabSettings.model_validate(left)
        except ValidationError as another:
            error = another
        else:
            return list(dict.fromkeys(found))
    found += [each for each in _between_valid_parts(left, error) if not _is_echo(each, gone)]
    return list(dict.fromkeys(found))


def _is_rule(details: ErrorDetails) -> bool:
    return isinstance(details.get("ctx", {}).get("error"), Problems)


def _is_echo(problem: Problem, gone: Iterable[str]) -> bool:
    return any(
        f"{problem.setting}.".startswith(f"{name}.") or _speaks_of(problem.message, name.rpartition(".")[2])
        for name in gone
    )


def _speaks_of(message: str, key: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", message) is not None


def _path(location: Iterable[str | int], data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys that lead to what is wrong, as far as there are mappings."""
    for part in location:
        if not isinstance(part, str) or part not in data:
            return
        yield part
        if not isinstance(data[part], Mapping):
            return
        data = data[part]


def _drop(data: dict[str, Any], path: tuple[str, ...]) -> None:
    *outer, last = path
    for part in outer:
        inner = data.get(part)
        if not isinstance(inner, dict):
            return
        data = inner
    data.pop(last, None)


def _between_valid_parts(data: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    """Run the rules between parts that pydantic skips when any one part is wrong."""
    wrong = {details["loc"][0] if details["loc"] else None for details in error.errors()}
    if None in wrong:
        return  # they ran, and are in `error` already
    parts: dict[str, Any] = {}
    for name, field in LabSettings.model_fields.items():
        if name in wrong:
            continue
        model, given = field.annotation, data.get(name, field.default)
        if isinstance(model, type) and issubclass(model, BaseModel) and isinstance(given, Mapping):
            given = model.model_validate(given)
        parts[name] = given
    yield from lab_problems(parts)


def _shared_addresses(addresses: Mapping[str, str]) -> Iterator[tuple[str, Problem]]:
    first: dict[str, str] = {}
    for host, address in addresses.items():
        other = first.setdefault(address.lower(), host)
        if other != host:
            yield host, Problem("psrp_host", f"{address} is also the address of {other}; name a host once")


def _shown(location: Iterable[str | int]) -> Iterator[str]:
    for part in location:
        # Which branch of a union was tried ("function-after[…]", "bool", …) says nothing to a person.
        text = str(part)
        if isinstance(part, int) or (not any(mark in text for mark in "[(") and text not in _BRANCHES):
            yield text


_BRANCHES = {"bool", "int", "str", "constrained-int", "constrained-str", "literal['auto']"}


def _unknown(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    key = str(location[-1])
    holder = _model_at(location[:-1], model)
    if holder is None:
        return "is not known"
    known = [field.alias or name for name, field in holder.model_fields.items()]
    if holder is EngineOptions:
        return explain(key, known)
    close = get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"is not known; {meant}"


def _model_at(location: Iterable[str | int], model: type[BaseModel]) -> type[BaseModel] | None:
    for part in location:
        field = next((each for name, each in model.model_fields.items() if part in {name, each.alias}), None)
        if field is None:
            return None
        candidates = (field.annotation, *get_args(field.annotation))
        inner = next(
            (each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None
        )
        if inner is None:
            return None
        model = inner
    return model


def _in_words(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    given = _given(details)
    match details["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}{given}"
        case "bool_type":
            return f"must be True or False{given}"
        case "int_type" | "int_from_float":
            return f"must be a whole number{given}"
        case "string_type":
            return f"must be a text{given}"
        case "tuple_type" | "list_type":
            return f"must be a list{given}; write [{details['input']!r}]" if given else "must be a list"
        case "mapping_type" | "dict_type" | "model_type":
            return f"must be a mapping of names to values{given}"
        case "missing":
            return "is missing"
        case "greater_than_equal":
            return f"must be {context['ge']} or more{given}"
        case "less_than_equal":
            return f"must be {context['le']} or less{given}"
        case _:
            return details["msg"].removeprefix("Input should ").removeprefix("Value error, ") + given


def _given(details: ErrorDetails) -> str:
    # Variables of the container may hold secrets, and a whole mapping is no help in one line.
    if "environment" in details["loc"] or not isinstance(details["input"], str | int | float | bool):
        return ""
    return f", not {details['input']!r}"
