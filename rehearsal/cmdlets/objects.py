"""Cmdlets over pipeline elements: select, filter, convert, show. None of them looks at the host."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from rehearsal.shell import formatting, jsontext
from rehearsal.shell.binding import text
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import CUSTOM, NotedText, PsEnum, PsError, PsObject, Value

INPUT = Parameter("InputObject", "any", pipeline="value")


def elements(bound: Bound) -> list[Value]:
    """Return what a cmdlet works on: the pipeline's elements, or the value of -InputObject as one of them."""
    if bound.input is not None:
        return list(bound.input)
    return [bound["InputObject"]] if "InputObject" in bound else []


@cmdlet(
    "Write-Output",
    Parameter("InputObject", "items", 0, remaining=True, pipeline="value"),
    Parameter("NoEnumerate", "switch"),
)
def write_output(_: Context, bound: Bound) -> Iterable[Value]:
    """Pass values on."""
    if bound.input is not None and "InputObject" not in bound:
        yield from bound.input
    for value in bound["InputObject"] or []:
        yield from value if isinstance(value, list) else [value]


@cmdlet("Out-Null", INPUT)
def out_null(_: Context, __: Bound) -> Iterable[Value]:
    """Pass nothing on."""
    return []


@cmdlet("Out-String", INPUT, Parameter("Stream", "switch"), Parameter("Width", "number"))
def out_string(_: Context, bound: Bound) -> Iterable[Value]:
    """Show objects as text."""
    lines = formatting.lines(elements(bound))
    return lines if bound["Stream"] else ["".join(f"{line}\r\n" for line in lines)]


@cmdlet("Out-Default", INPUT)
def out_default(_: Context, bound: Bound) -> Iterable[Value]:
    """Show objects as a console would."""
    return formatting.lines(elements(bound))


@cmdlet("Format-Table", INPUT, Parameter("Property", "texts", 0), Parameter("AutoSize", "switch"))
def format_table(_: Context, bound: Bound) -> Iterable[Value]:
    """Show objects as a table."""
    objects = [item for item in elements(bound) if isinstance(item, PsObject)]
    return formatting.table(objects, bound["Property"] or ()) if objects else []


@cmdlet("Format-List", INPUT, Parameter("Property", "texts", 0))
def format_list(_: Context, bound: Bound) -> Iterable[Value]:
    """Show objects as lists."""
    objects = [item for item in elements(bound) if isinstance(item, PsObject)]
    names = bound["Property"] or ()
    if not objects:
        return []
    return formatting.as_list(objects, list(objects[0].properties) if "*" in names else names)


@cmdlet(
    "ConvertTo-Json",
    Parameter("InputObject", "any", 0, pipeline="value", required=True),
    Parameter("Depth", "number"),
    Parameter("Compress", "switch"),
)
def convert_to_json(_: Context, bound: Bound) -> Iterable[Value]:
    """Write JSON: one text for all elements; a single element of the pipeline is no list."""
    depth = jsontext.DEFAULT_DEPTH if bound["Depth"] is None else bound["Depth"]
    if bound.input is not None:
        if not bound.input:
            return
        value = bound.input[0] if len(bound.input) == 1 else list(bound.input)
    else:
        value = bound["InputObject"]
    yield jsontext.convert(value, depth=depth, compress=bool(bound["Compress"]))


@cmdlet(
    "Select-Object",
    INPUT,
    Parameter("Property", "texts", 0),
    Parameter("ExpandProperty"),
    Parameter("First", "number"),
    Parameter("Last", "number"),
    Parameter("Skip", "number"),
    Parameter("Unique", "switch"),
)
def select_object(context: Context, bound: Bound) -> Iterator[Value]:
    """Take some elements, or some of their properties."""
    chosen = elements(bound)[bound["Skip"] or 0 :]
    if bound["First"] is not None:
        chosen = chosen[: bound["First"]]
    if bound["Last"] is not None:
        chosen = chosen[-bound["Last"] :] if bound["Last"] else []
    if bound["Unique"]:
        chosen = [item for number, item in enumerate(chosen) if item not in chosen[:number]]
    for item in chosen:
        if bound["ExpandProperty"]:
            yield from _expanded(context, item, bound["ExpandProperty"])
        elif bound["Property"]:
            yield _projected(item, bound["Property"])
        else:
            yield item


def property_of(item: Value, name: str) -> Value:
    """Return an element's property; text and lists have a length."""
    if isinstance(item, PsObject):
        return item.get(name)
    if isinstance(item, str | list) and name.casefold() in {"length", "count"}:
        return len(item)
    if isinstance(item, NotedText):
        return next((value for key, value in item.notes.items() if key.casefold() == name.casefold()), None)
    return None


def _projected(item: Value, names: Sequence[str]) -> PsObject:
    properties: dict[str, Value] = {}
    for name in names:
        own = list(item.properties) if isinstance(item, PsObject) else []
        if "*" in name or "?" in name:
            matching = [key for key in own if matches(name, key)]
            properties.update({key: property_of(item, key) for key in matching})
        else:
            spelt = next((key for key in own if key.casefold() == name.casefold()), name)
            properties[spelt] = property_of(item, name)
    shown = "; ".join(f"{name}={text(value)}" for name, value in properties.items())
    return PsObject(f"Selected.{CUSTOM}", properties, text=f"@{{{shown}}}")


def _expanded(context: Context, item: Value, name: str) -> Iterator[Value]:
    if isinstance(item, PsObject) and not item.has(name):
        context.error(
            PsError(
                f'Property "{name}" cannot be found.',
                "ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand",
                "InvalidArgument",
                "System.Management.Automation.PSArgumentException",
                activity="Select-Object",
            )
        )
        return
    value = property_of(item, name)
    yield from value if isinstance(value, list) else [value]


def matches(pattern: str, value: str) -> bool:
    """Whether a PowerShell wildcard pattern matches, without regard to case."""
    return re.fullmatch(fnmatch.translate(pattern.casefold()), value.casefold()) is not None


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return text(left).casefold() == text(right).casefold()
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return _plain(left).casefold() == _plain(right).casefold()


def _plain(value: Value) -> str:
    return value.name if isinstance(value, PsEnum) else text(value)


def _order(left: Value, right: Value) -> int:
    try:
        first, second = float(text(left)), float(text(right))
    except ValueError:
        a, b = text(left).casefold(), text(right).casefold()
        return (a > b) - (a < b)
    return (first > second) - (first < second)


OPERATORS: dict[str, Callable[[Value, Value], bool]] = {
    "EQ": _equal,
    "NE": lambda left, right: not _equal(left, right),
    "Like": lambda left, right: matches(text(right), _plain(left)),
    "NotLike": lambda left, right: not matches(text(right), _plain(left)),
    "Match": lambda left, right: re.search(text(right), _plain(left), re.IGNORECASE) is not None,
    "NotMatch": lambda left, right: re.search(text(right), _plain(left), re.IGNORECASE) is None,
    "GT": lambda left, right: _order(left, right) > 0,
    "GE": lambda left, right: _order(left, right) >= 0,
    "LT": lambda left, right: _order(left, right) < 0,
    "LE": lambda left, right: _order(left, right) <= 0,
}


@cmdlet(
    "Where-Object",
    INPUT,
    Parameter("Property", position=0, required=True),
    Parameter("Value", "any", 1),
    *(Parameter(name, "switch") for name in OPERATORS),
)
def where_object(_: Context, bound: Bound) -> Iterator[Value]:
    """Let those elements pass whose property compares as asked; without an operator, those where it is
    true.
    """
    operator = next((OPERATORS[name] for name in OPERATORS if bound[name]), None)
    for item in elements(bound):
        value = property_of(item, bound["Property"])
        if bool(value) if operator is None else operator(value, bound["Value"]):
            yield item


METHODS: dict[str, Callable[[str], str]] = {
    "tostring": str,
    "trim": str.strip,
    "toupper": str.upper,
    "tolower": str.lower,
}


@cmdlet("ForEach-Object", INPUT, Parameter("MemberName", position=0, required=True))
def for_each_object(context: Context, bound: Bound) -> Iterator[Value]:
    """Read a property of each element, or call a method without arguments."""
    name = bound["MemberName"]
    for item in elements(bound):
        method = METHODS.get(name.casefold())
        if method is not None:
            # str() of text with properties is the text alone
            yield method(str.__str__(item) if isinstance(item, str) else text(item))
        elif (isinstance(item, PsObject) and item.has(name)) or property_of(item, name) is not None:
            value = property_of(item, name)
            yield from value if isinstance(value, list) else [value]
        else:
            context.error(_no_member(name))


def _no_member(name: str) -> PsError:
    known = ", ".join(("ToString", "Trim", "ToUpper", "ToLower"))
    return PsError(
        f'Input name "{name}" cannot be resolved to a method. (Methods that the rehearsal knows: {known}.)',
        "MethodNotFound,Microsoft.PowerShell.Commands.ForEachObjectCommand",
        "InvalidArgument",
        "System.Management.Automation.PSArgumentException",
        activity="ForEach-Object",
    )


@cmdlet("Sort-Object", INPUT, Parameter("Property", "texts", 0), Parameter("Descending", "switch"))
def sort_object(_: Context, bound: Bound) -> Iterable[Value]:
    """Sort elements by properties, or by themselves."""
    names = bound["Property"] or []

    def key(item: Value) -> list[str]:
        return [text(property_of(item, name)).casefold() for name in names] or [text(item).casefold()]

    return sorted(elements(bound), key=key, reverse=bool(bound["Descending"]))


@cmdlet("Measure-Object", INPUT)
def measure_object(_: Context, bound: Bound) -> Iterator[Value]:
    """Count elements."""
    kind = "Microsoft.PowerShell.Commands.GenericMeasureInfo"
    yield PsObject(kind, {"Count": len(elements(bound))}, text=kind)
