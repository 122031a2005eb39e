"""Get-CimInstance: the few classes that people ask a Docker host for, with WQL filters of simple
comparisons.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator

from rehearsal import command_line
from rehearsal.host import CURRENT_VERSION, Host
from rehearsal.services import AUTOMATIC, DISABLED, MANUAL
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsError, PsObject, Value

START_MODES = {AUTOMATIC: "Auto", MANUAL: "Manual", DISABLED: "Disabled"}
CIM_EXCEPTION = "Microsoft.Management.Infrastructure.CimException"
_CONDITION = re.compile(
    r"""\s*(\w+)\s*(=|<>|!=|like)\s*(?:'((?:[^'\\]|\\.|'')*)'|"([^"]*)"|(\w+))\s*""", re.IGNORECASE
)


def _services(host: Host) -> Iterator[PsObject]:
    for name in host.services.names():
        found, status = host.services.configuration(name), host.services.status(name)
        start = found.get("Start")
        properties: dict[str, Value] = {
            "Name": found["Name"],
            "DisplayName": found.get("DisplayName", found["Name"]),
            "State": status.state,
            "StartMode": START_MODES.get(start if isinstance(start, int) else AUTOMATIC, "Auto"),
            "PathName": command_line.expand(str(found["ImagePath"]), host.environment),
            "ProcessId": status.process_id,
            "StartName": found.get("ObjectName", "LocalSystem"),
            "Started": status.state == "Running",
            "ExitCode": status.win32_exit_code,
            "ServiceSpecificExitCode": status.service_exit_code,
            "DelayedAutoStart": found.get("DelayedAutostart") == 1,
            "Description": found.get("Description"),
        }
        yield _instance("Win32_Service", properties, ("ProcessId", "Name", "StartMode", "State"))


def _systems(host: Host) -> Iterator[PsObject]:
    version = host.hive.get(CURRENT_VERSION) or {"ProductName": "Windows"}
    properties: dict[str, Value] = {
        "Caption": f"Microsoft {version['ProductName']!s}",
        "Version": f"10.0.{host.build}",
        "BuildNumber": str(host.build),
        "CSName": host.name,
        "OSArchitecture": "64-bit",
        "SystemDirectory": r"C:\Windows\system32",
        "ProductType": 3,
    }
    yield _instance("Win32_OperatingSystem", properties, ("SystemDirectory", "BuildNumber", "Version"))


def _computers(host: Host) -> Iterator[PsObject]:
    properties: dict[str, Value] = {
        "Name": host.name,
        "Domain": "WORKGROUP",
        "PartOfDomain": False,
        "Manufacturer": "registry-lab rehearsal",
        "Model": "Simulated",
        "NumberOfLogicalProcessors": 4,
        "TotalPhysicalMemory": 8 * 1024**3,
    }
    yield _instance("Win32_ComputerSystem", properties, ("Name", "Domain", "TotalPhysicalMemory", "Model"))


def _disks(host: Host) -> Iterator[PsObject]:
    usage = shutil.disk_usage(host.directory)
    full = host.faults.arguments("disk-full") is not None
    properties: dict[str, Value] = {
        "DeviceID": "C:",
        "DriveType": 3,
        "FileSystem": "NTFS",
        "VolumeName": "Windows",
        "FreeSpace": 0 if full else usage.free,
        "Size": usage.total,
    }
    yield _instance("Win32_LogicalDisk", properties, ("DeviceID", "DriveType", "FreeSpace", "Size"))


CLASSES: dict[str, Callable[[Host], Iterator[PsObject]]] = {
    "Win32_Service": _services,
    "Win32_OperatingSystem": _systems,
    "Win32_ComputerSystem": _computers,
    "Win32_LogicalDisk": _disks,
}


@cmdlet(
    "Get-CimInstance",
    Parameter("ClassName", position=0, required=True),
    Parameter("Filter"),
    Parameter("Property", "texts"),
    Parameter("Namespace"),
)
def get_cim_instance(context: Context, bound: Bound) -> Iterator[Value]:
    """Show the instances of a class that a filter lets pass."""
    wanted = bound["ClassName"]
    found = next((name for name in CLASSES if name.casefold() == wanted.casefold()), None)
    if found is None:
        message = f"Invalid class  (The rehearsal knows: {', '.join(CLASSES)}.)"
        context.error(_error(message, "HRESULT 0x80041010", wanted))
        return
    try:
        passes = where(bound["Filter"] or "")
    except ValueError:
        context.error(_error("Invalid query ", "HRESULT 0x80041017", wanted))
        return
    yield from (item for item in CLASSES[found](context.host) if passes(item))


def where(text: str) -> Callable[[PsObject], bool]:
    """Return the test that a WQL condition is: comparisons joined by AND; `ValueError` for anything else."""
    conditions = [
        _condition(part) for part in re.split(r"\band\b", text, flags=re.IGNORECASE) if text.strip()
    ]
    return lambda item: all(condition(item) for condition in conditions)


def _condition(text: str) -> Callable[[PsObject], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    name, operator = match[1], match[2].casefold()
    wanted = next(group for group in match.groups()[2:] if group is not None)
    wanted = re.sub(r"\\(.)", r"\1", wanted).casefold()

    def test(item: PsObject) -> bool:
        value = item.get(name)
        shown = str(value).casefold() if value is not None else ""
        if operator == "like":
            pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
            return re.fullmatch(pattern.replace("_", "."), shown) is not None
        return (shown == wanted) == (operator == "=")

    return test


def _instance(name: str, properties: dict[str, Value], shown: tuple[str, ...]) -> PsObject:
    kind = f"Microsoft.Management.Infrastructure.CimInstance#root/cimv2/{name}"
    key = properties.get("Name") or properties.get("DeviceID") or ""
    return PsObject(kind, properties, text=f"{name} ({key})", default_display=shown)


def _error(message: str, code: str, target: str) -> PsError:
    full_id = f"{code},Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"
    return PsError(
        message, full_id, "InvalidArgument", CIM_EXCEPTION, target=target, activity="Get-CimInstance"
    )
