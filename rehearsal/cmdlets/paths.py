"""What cmdlets over paths share: which provider a path belongs to, wildcards, and the errors of a missing
item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rehearsal.cmdlets.objects import matches
from rehearsal.drives import join, split
from rehearsal.interfaces import WindowsError
from rehearsal.shell.cmdlet import Bound, Context, Parameter
from rehearsal.shell.values import NotedText, PsError, PsObject, Value

PATH = (
    Parameter("Path", "texts", 0),
    Parameter("LiteralPath", "texts", aliases=("PSPath",)),
)
_REGISTRY = re.compile(
    r"(?:Registry::)?(?:(HKLM|HKCU):|(HKEY_LOCAL_MACHINE|HKEY_CURRENT_USER))(\\.*)?", re.IGNORECASE
)
_FILE_PROVIDER = "Microsoft.PowerShell.Core\\FileSystem"
NOT_FOUND = "System.Management.Automation.ItemNotFoundException"
HOME = r"C:\Users\Administrator\Documents"


def given(bound: Bound) -> list[tuple[str, bool]]:
    """Return the paths that a command was given, each with whether it is literal."""
    literal = [(path, True) for path in _listed(bound["LiteralPath"])]
    if literal or "Path" in bound:
        return [*((path, False) for path in _listed(bound["Path"])), *literal]
    names = (item.get("FullName") for item in bound.input or [] if isinstance(item, PsObject))
    return [(str(name), True) for name in names if name]


def _listed(paths: list[str] | str | None) -> list[str]:
    return [paths] if isinstance(paths, str) else paths or []


def registry_key(path: str) -> str | None:
    """Return the registry key that a path names, or None for a path of a drive."""
    match = _REGISTRY.fullmatch(path)
    if match is None:
        return None
    root = (match[1] or match[2]).upper()
    return f"{root}{match[3] or ''}".rstrip("\\")


def absolute(path: str) -> str:
    """Return a path of a drive in full; a relative one starts at the account's documents, as in a remote
    runspace.
    """
    if re.match(r"[A-Za-z]:", path):
        return path if len(path) > 2 else f"{path}\\"
    return f"{HOME}\\{path.removeprefix('.').lstrip(chr(92))}"


def resolve(context: Context, path: str, *, literal: bool) -> list[str]:
    """Return the existing paths that a path means; one without wildcards must exist, else an error is
    written.
    """
    files = context.host.files
    full = absolute(path)
    if not literal and re.search(r"[*?\[]", path):
        return list(_expand(context, full))
    try:
        found = files.exists(join(*split(full)))
    except WindowsError:
        found = False
    if not found:
        context.error(missing(context, path))
        return []
    return [files.spelt(full)]


def _expand(context: Context, pattern: str) -> Iterator[str]:
    directory, _, last = pattern.rpartition("\\")
    directory = directory if len(directory) > 2 else f"{directory}\\"
    if not context.host.files.is_directory(directory):
        return
    for entry in context.host.files.list(directory):
        if matches(last, entry.name):
            yield f"{context.host.files.spelt(directory).rstrip(chr(92))}\\{entry.name}"


def missing(context: Context, path: str) -> PsError:
    """Return PowerShell's error for a path that does not exist."""
    command = context.command.replace("-", "")
    return PsError(
        f"Cannot find path '{path}' because it does not exist.",
        f"PathNotFound,Microsoft.PowerShell.Commands.{command}Command",
        "ObjectNotFound",
        NOT_FOUND,
        target=path,
        activity=context.command,
    )


def failed(context: Context, error: WindowsError, path: str, error_id: str = "IOError") -> PsError:
    """Return PowerShell's error for what Windows refused."""
    message, exception, category = error.message, "System.IO.IOException", "WriteError"
    if error.code in {3, 15}:
        message, exception = (
            f"Could not find a part of the path '{path}'.",
            "System.IO.DirectoryNotFoundException",
        )
    elif error.code == 5:
        message = f"Access to the path '{path}' is denied."
        exception, category = "System.UnauthorizedAccessException", "PermissionDenied"
    command = context.command.replace("-", "")
    full_id = f"{error_id},Microsoft.PowerShell.Commands.{command}Command"
    return PsError(message, full_id, category, exception, target=path, activity=context.command)


def file_object(context: Context, path: str) -> PsObject:
    """Return the FileInfo or DirectoryInfo of an existing path."""
    entry = context.host.files.entry(path)
    name = path.rstrip("\\").rpartition("\\")[2] or path
    kind = "System.IO.DirectoryInfo" if entry.is_directory else "System.IO.FileInfo"
    properties: dict[str, Value] = {"Mode": "d-----" if entry.is_directory else "-a----"}
    properties |= {"LastWriteTime": entry.modified, "Name": name, "FullName": path}
    if not entry.is_directory:
        properties["Length"] = entry.size
        properties["Extension"] = f".{name.rpartition('.')[2]}" if "." in name else ""
    properties["PSIsContainer"] = entry.is_directory
    shown = ("Mode", "LastWriteTime", "Length", "Name")
    return PsObject(kind, properties, text=name, default_display=shown)


def noted(path: str, content: str, line: int = 1) -> NotedText:
    """Return a line of a file with the properties that the file provider attaches."""
    parent, _, name = path.rpartition("\\")
    drive = {
        "Name": "C",
        "Provider": _FILE_PROVIDER,
        "Root": "C:\\",
        "CurrentLocation": "Users\\Administrator\\Documents",
    }
    notes: dict[str, Value] = {
        "PSPath": f"{_FILE_PROVIDER}::{path}",
        "PSParentPath": f"{_FILE_PROVIDER}::{parent}",
        "PSChildName": name,
        "PSDrive": PsObject("System.Management.Automation.PSDriveInfo", dict(drive), text="C"),
        "PSProvider": PsObject(
            "System.Management.Automation.ProviderInfo", {"Name": "FileSystem"}, text=_FILE_PROVIDER
        ),
        "ReadCount": line,
    }
    return NotedText(content, notes)
