"""Arguments to parameters, as PowerShell's binder does it: names by unambiguous prefix, the rest by
position.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from rehearsal.shell.cmdlet import Bound, Cmdlet, Parameter
from rehearsal.shell.syntax import Argument, Items, Literal, ParameterName
from rehearsal.shell.values import PsError, PsObject, Value

ACTIONS = ("Continue", "SilentlyContinue", "Stop", "Ignore")
COMMON = (
    Parameter("ErrorAction", choices=ACTIONS, aliases=("ea",)),
    Parameter("WarningAction", choices=ACTIONS, aliases=("wa",)),
    Parameter("Verbose", "switch", aliases=("vb",)),
)
CONFIRM = Parameter("Confirm", "switch", aliases=("cf",))
CHANGING = ("Copy", "Expand", "ForEach", "Import", "Move", "New", "Remove", "Restart", "Set", "Stop")
"""Verbs of cmdlets that ask before they change something; Start-Service does, Start-Sleep does not."""
BINDING = "System.Management.Automation.ParameterBindingException"

Evaluate = Callable[[Argument], Value]


def bind(cmdlet: Cmdlet, elements: Sequence[ParameterName | Argument], evaluate: Evaluate) -> Bound:
    """Return what is bound to which parameter; raises `PsError` with PowerShell's own words where it has
    some.
    """
    bound: dict[str, Value] = {}
    loose: list[Value] = []
    pending = list(elements)
    while pending:
        element = pending.pop(0)
        if not isinstance(element, ParameterName):
            loose.append(evaluate(element))
            continue
        parameter = find(cmdlet, element.text.lstrip("-"))
        if parameter.name in bound:
            raise _twice(cmdlet, parameter)
        if parameter.kind == "switch":
            bound[parameter.name] = True if element.value is None else bool(evaluate(element.value))
        else:
            value = element.value or _following(cmdlet, parameter, pending)
            bound[parameter.name] = convert(cmdlet, parameter, evaluate(value))
    _bind_positions(cmdlet, bound, loose)
    return Bound(bound)


def _following(cmdlet: Cmdlet, parameter: Parameter, pending: list[ParameterName | Argument]) -> Argument:
    if pending and not isinstance(following := pending[0], ParameterName):
        del pending[0]
        return following
    text = f"Missing an argument for parameter '{parameter.name}'. Specify a parameter and try again."
    raise _error(cmdlet, text, "MissingArgument")


def _twice(cmdlet: Cmdlet, parameter: Parameter) -> PsError:
    return _error(
        cmdlet,
        f"Cannot bind parameter because parameter '{parameter.name}' is specified more than once. To provide "
        "multiple values to parameters that can accept multiple values, use the array syntax. For example, "
        '"-parameter value1,value2,value3".',
        "ParameterAlreadyBound",
    )


def bind_values(cmdlet: Cmdlet, parameters: Sequence[tuple[str | None, Value]]) -> Bound:
    """Bind what came over the wire as values, not as text."""
    elements: list[ParameterName | Argument] = []
    for name, value in parameters:
        literal: Argument = (
            Items(tuple(Literal(item, str(item)) for item in value))
            if isinstance(value, list)
            else Literal(value, str(value))
        )
        elements.append(literal if name is None else ParameterName(f"-{name}", literal))
    return bind(cmdlet, elements, plain)


def plain(argument: Argument) -> Value:
    """Return the value of an argument that needs no runspace."""
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Items):
        return [item.value for item in argument.items]
    raise TypeError(f"not a literal: {argument}")


def accepted(cmdlet: Cmdlet) -> list[Parameter]:
    """Return every parameter that a cmdlet takes: its own, and those that it shares with others."""
    asks = cmdlet.name.startswith(CHANGING) and not cmdlet.name.endswith(("-HnsNetwork", "-HnsEndpoint"))
    confirm = (CONFIRM,) if asks or cmdlet.name in {"Start-Service", "mkdir"} else ()
    return [*cmdlet.parameters, *COMMON, *confirm]


def find(cmdlet: Cmdlet, given: str) -> Parameter:
    """Return the parameter that a name, an alias or an unambiguous prefix means."""
    wanted = given.casefold()
    every = accepted(cmdlet)
    for parameter in every:
        if wanted == parameter.name.casefold() or wanted in {alias.casefold() for alias in parameter.aliases}:
            return parameter
    candidates = [parameter for parameter in every if parameter.name.casefold().startswith(wanted)]
    own = [parameter for parameter in candidates if parameter in cmdlet.parameters]
    if len(candidates) == 1 or len(own) == 1:
        return (own or candidates)[0]
    if candidates:
        matches = " ".join(f"-{parameter.name}" for parameter in candidates)
        text = (
            f"Parameter cannot be processed because the parameter name '{given}' is ambiguous. "
            "Possible matches "
        )
        raise _error(cmdlet, f"{text}include: {matches}.", "AmbiguousParameter")
    raise _error(
        cmdlet,
        f"A parameter cannot be found that matches parameter name '{given}'.{near(given, every)}",
        "NamedParameterNotFound",
    )


def near(given: str, parameters: Sequence[Parameter]) -> str:
    """Say which of the parameters that are modelled come close."""
    names = [parameter.name for parameter in parameters]
    close = difflib.get_close_matches(given, names, 3, 0.5) or names
    return f" The rehearsal knows: {', '.join(f'-{name}' for name in close)}."


def convert(cmdlet: Cmdlet, parameter: Parameter, value: Value) -> Value:
    """Convert a value to what a parameter takes."""
    if parameter.kind == "any":
        return value
    if parameter.kind in {"items", "texts"}:
        items = value if isinstance(value, list) else [value]
        return [text(item) for item in items] if parameter.kind == "texts" else items
    if isinstance(value, list):
        if len(value) != 1:
            raise _error(
                cmdlet,
                f"Cannot convert 'System.Object[]' to the type 'System.String' required by parameter "
                f"'{parameter.name}'. Specified method is not supported.",
                "CannotConvertArgument",
                "InvalidArgument",
            )
        value = value[0]
    if parameter.kind == "number":
        return _number(cmdlet, parameter, value)
    if parameter.kind == "flag":
        return _flag(cmdlet, parameter, value)
    return _choice(cmdlet, parameter, text(value))


def text(value: Value) -> str:
    """Return a value as PowerShell turns it into a string."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, PsObject):
        return value.text
    if isinstance(value, list):
        return " ".join(text(item) for item in value)
    return "" if value is None else str(value)


def _choice(cmdlet: Cmdlet, parameter: Parameter, value: str) -> str:
    if not parameter.choices:
        return value
    found = next((choice for choice in parameter.choices if choice.casefold() == value.casefold()), None)
    if found is None:
        names = ",".join(parameter.choices)
        raise _error(
            cmdlet,
            f"Cannot validate argument on parameter '{parameter.name}'. The argument \"{value}\" "
            "does not belong to "
            f'the set "{names}" specified by the ValidateSet attribute.',
            "ParameterArgumentValidationError",
            "InvalidData",
        )
    return found


def _number(cmdlet: Cmdlet, parameter: Parameter, value: Value) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise _error(
            cmdlet,
            f"Cannot bind parameter '{parameter.name}'. Cannot convert value \"{value}\" to type "
            '"System.Int32". '
            'Error: "Input string was not in a correct format."',
            "CannotConvertArgumentNoMessage",
        ) from None


def _flag(cmdlet: Cmdlet, parameter: Parameter, value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).casefold() in {"true", "false"}:
        return str(value).casefold() == "true"
    raise _error(
        cmdlet,
        f"Cannot process argument transformation on parameter '{parameter.name}'. Cannot convert "
        f'value "{value}".',
        "ParameterArgumentTransformationError",
        "InvalidData",
    )


def _bind_positions(cmdlet: Cmdlet, bound: dict[str, Value], loose: list[Value]) -> None:
    places = sorted(
        (parameter for parameter in cmdlet.parameters if parameter.position is not None),
        key=lambda parameter: parameter.position or 0,
    )
    # a position that was given by name does not shift the others (parameter sets: LiteralPath for Path)
    free = [parameter for parameter in places if parameter.name not in bound]
    if free and free[-1].remaining and len(loose) >= len(free):
        rest = [item for value in loose[len(free) - 1 :] for item in _listed(value)]
        loose[len(free) - 1 :] = [rest]
    for value, parameter in zip(loose, free, strict=False):
        bound[parameter.name] = convert(cmdlet, parameter, value)
    if len(loose) > len(free):
        extra = text(loose[len(free)])
        message = f"A positional parameter cannot be found that accepts argument '{extra}'."
        raise _error(cmdlet, message, "PositionalParameterNotFound")


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _error(cmdlet: Cmdlet, message: str, error_id: str, category: str = "InvalidArgument") -> PsError:
    command = f"Microsoft.PowerShell.Commands.{cmdlet.name.replace('-', '')}Command"
    return PsError(message, f"{error_id},{command}", category, BINDING, activity=cmdlet.name)
