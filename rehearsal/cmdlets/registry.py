"""Cmdlets over the values of registry keys."""

from __future__ import annotations

from collections.abc import Iterator

from rehearsal.cmdlets.files import FORCE
from rehearsal.cmdlets.objects import matches
from rehearsal.cmdlets.paths import PATH, file_object, given, missing, registry_key, resolve
from rehearsal.interfaces import RegistryValue
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import CUSTOM, PsError, PsObject, Value

PROVIDER = "Microsoft.PowerShell.Core\\Registry"
_LONG = {"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER"}
TYPES = ("String", "ExpandString", "Binary", "DWord", "MultiString", "QWord")


@cmdlet("Get-ItemProperty", *PATH, Parameter("Name", "texts", 1))
def get_item_property(context: Context, bound: Bound) -> Iterator[Value]:
    """Show the values of keys, with what the provider adds; of a file, what Get-Item shows."""
    for path, literal in given(bound):
        key = registry_key(path)
        if key is None:
            for found in resolve(context, path, literal=literal):
                yield file_object(context, found)
            continue
        values = context.host.hive.get(key)
        if values is None:
            context.error(missing(context, path))
            continue
        chosen = _chosen(context, path, dict(values), bound["Name"] or ["*"])
        if chosen or not bound["Name"]:
            yield PsObject(CUSTOM, {**chosen, **_location(key)}, text=f"@{{{'; '.join(chosen)}}}")


def _chosen(
    context: Context, path: str, values: dict[str, RegistryValue], patterns: list[str]
) -> dict[str, RegistryValue]:
    chosen: dict[str, RegistryValue] = {}
    for pattern in patterns:
        found = {name: value for name, value in values.items() if matches(pattern, name)}
        if not found and "*" not in pattern:
            context.error(_no_property(context, path, pattern))
        chosen |= found
    return chosen


@cmdlet("Get-ItemPropertyValue", *PATH, Parameter("Name", "texts", 1, required=True))
def get_item_property_value(context: Context, bound: Bound) -> Iterator[Value]:
    """Print values of keys."""
    for item in get_item_property(context, bound):
        if isinstance(item, PsObject):
            yield from (item.get(name) for name in bound["Name"] if item.has(name))


@cmdlet(
    "Set-ItemProperty",
    *PATH,
    Parameter("Name", position=1, required=True),
    Parameter("Value", "any", 2, required=True),
    Parameter("Type", choices=TYPES),
    FORCE,
)
def set_item_property(context: Context, bound: Bound) -> Iterator[Value]:
    """Set a value of keys that are there."""
    for path, _ in given(bound):
        key = registry_key(path)
        if key is None or context.host.hive.get(key) is None:
            context.error(missing(context, path))
            continue
        context.host.hive.set(key, {bound["Name"]: _typed(bound["Value"], bound["Type"])})
        context.host.changed(f"{key}: {bound['Name']} set")
    yield from ()


def _typed(value: Value, kind: str | None) -> RegistryValue:
    if kind in {"DWord", "QWord"}:
        return int(str(value))
    if kind == "Binary" or isinstance(value, bytes):
        return (
            bytes(int(str(item)) for item in value) if isinstance(value, list) else bytes(str(value), "utf-8")
        )
    if isinstance(value, list):
        return [str(item) for item in value]
    if isinstance(value, int) and kind is None:
        return int(value)
    return str(value)


def _location(key: str) -> dict[str, Value]:
    root, _, rest = key.partition("\\")
    full = f"{_LONG.get(root, root)}\\{rest}"
    parent, _, name = full.rpartition("\\")
    return {
        "PSPath": f"{PROVIDER}::{full}",
        "PSParentPath": f"{PROVIDER}::{parent}",
        "PSChildName": name,
        "PSDrive": PsObject("System.Management.Automation.PSDriveInfo", {"Name": root}, text=root),
        "PSProvider": PsObject(
            "System.Management.Automation.ProviderInfo", {"Name": "Registry"}, text=PROVIDER
        ),
    }


def _no_property(context: Context, path: str, name: str) -> PsError:
    return PsError(
        f"Property {name} does not exist at path {path}.",
        "System.Management.Automation.PSArgumentException,Microsoft.PowerShell.Commands.GetItemPropertyCommand",
        "InvalidArgument",
        "System.Management.Automation.PSArgumentException",
        target=name,
        activity=context.command,
    )
