"""Cmdlets over files and directories: look, make, remove, move, copy."""

from __future__ import annotations

from collections.abc import Iterator

from rehearsal.acl import ACCOUNTS
from rehearsal.cmdlets.certificates import certificates, shown, store_of
from rehearsal.cmdlets.certificates import remove as remove_certificate
from rehearsal.cmdlets.objects import matches
from rehearsal.cmdlets.paths import PATH, absolute, failed, file_object, given, missing, registry_key, resolve
from rehearsal.interfaces import WindowsError
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsError, PsObject, Value

FORCE = Parameter("Force", "switch")
RECURSE = Parameter("Recurse", "switch")
_UNTIL_THE_CONNECTION_ENDS = 20.0


@cmdlet("Test-Path", *PATH, Parameter("PathType", choices=("Any", "Container", "Leaf")))
def test_path(context: Context, bound: Bound) -> Iterator[Value]:
    """Say for each path whether it is there."""
    for path, literal in given(bound):
        key = registry_key(path)
        if key is not None:
            yield context.host.hive.get(key) is not None
            continue
        quiet = Context(context.host, [], context.cancel, context.command, "Ignore")
        found = resolve(quiet, path, literal=literal)
        directories = [context.host.files.is_directory(item) for item in found]
        kind = bound["PathType"] or "Any"
        yield bool(found) and (kind == "Any" or any(item == (kind == "Container") for item in directories))


@cmdlet(
    "Get-ChildItem",
    *PATH,
    Parameter("Filter", position=1),
    Parameter("Recurse", "switch", aliases=("s",)),
    FORCE,
    Parameter("Name", "switch"),
    Parameter("File", "switch"),
    Parameter("Directory", "switch", aliases=("ad",)),
)
def get_child_item(context: Context, bound: Bound) -> Iterator[Value]:
    """List directories, and stores of certificates; a file is listed by itself."""
    for path, literal in given(bound) or [(".", True)]:
        store = store_of(path)
        if store is not None:
            yield from map(shown, certificates(context.host, store))
            continue
        for found in resolve(context, path, literal=literal):
            for item in _listed(context, found, recurse=bool(bound["Recurse"])):
                if bound["Filter"] and not matches(bound["Filter"], str(item.get("Name"))):
                    continue
                is_directory = bool(item.get("PSIsContainer"))
                if (bound["File"] and is_directory) or (bound["Directory"] and not is_directory):
                    continue
                yield item.get("Name") if bound["Name"] else item


@cmdlet("Get-Item", *PATH, FORCE)
def get_item(context: Context, bound: Bound) -> Iterator[Value]:
    """Describe files and directories."""
    for path, literal in given(bound):
        for found in resolve(context, path, literal=literal):
            yield file_object(context, found)


def _listed(context: Context, path: str, *, recurse: bool) -> Iterator[PsObject]:
    files = context.host.files
    if not files.is_directory(path):
        yield file_object(context, path)
        return
    for entry in files.list(path):
        below = f"{path.rstrip(chr(92))}\\{entry.name}"
        yield file_object(context, below)
        if recurse and entry.is_directory:
            yield from _listed(context, below, recurse=True)


@cmdlet(
    "New-Item",
    Parameter("Path", "texts", 0),
    Parameter("Name"),
    Parameter("ItemType", choices=("Directory", "File"), aliases=("Type",)),
    Parameter("Value", "any"),
    FORCE,
)
def new_item(context: Context, bound: Bound) -> Iterator[Value]:
    """Make a directory, with those above it, or a file."""
    name = bound["Name"]
    for path in bound["Path"] or ["."]:
        full = absolute(f"{path}\\{name}" if name else path)
        if bound["ItemType"] == "Directory":
            yield from _make_directory(context, full, force=bool(bound["Force"]))
        else:
            yield from _make_file(context, full, str(bound["Value"] or ""), force=bool(bound["Force"]))


@cmdlet("mkdir", Parameter("Path", "texts", 0, required=True), FORCE)
def mkdir(context: Context, bound: Bound) -> Iterator[Value]:
    """Make directories: what PowerShell's function of this name does."""
    for path in bound["Path"]:
        yield from _make_directory(context, absolute(path), force=bool(bound["Force"]))


def _make_directory(context: Context, path: str, *, force: bool) -> Iterator[PsObject]:
    files = context.host.files
    if files.exists(path) and not (force and files.is_directory(path)):
        context.error(
            PsError(
                f"An item with the specified name {path} already exists.",
                "DirectoryExist,Microsoft.PowerShell.Commands.NewItemCommand",
                "ResourceExists",
                "System.IO.IOException",
                target=path,
                activity=context.command,
            )
        )
        return
    try:
        if not files.exists(path):
            files.make_directory(path)
            context.host.changed(f"directory {path} created")
        yield file_object(context, files.spelt(path))
    except WindowsError as error:
        context.error(failed(context, error, path, "CreateDirectoryIOError"))


def _make_file(context: Context, path: str, content: str, *, force: bool) -> Iterator[PsObject]:
    files = context.host.files
    if files.exists(path) and not force:
        context.error(
            failed(context, WindowsError(80, f"The file '{path}' already exists."), path, "NewItemIOError")
        )
        return
    try:
        files.write(path, content.encode())
        context.host.changed(f"file {path} written")
        yield file_object(context, files.spelt(path))
    except WindowsError as error:
        context.error(failed(context, error, path, "NewItemIOError"))


@cmdlet("Remove-Item", *PATH, RECURSE, FORCE)
def remove_item(context: Context, bound: Bound) -> Iterator[Value]:
    """Remove files, and directories with what is in them if that is asked for; certificates by thumbprint."""
    files = context.host.files
    for path, literal in given(bound):
        removed = remove_certificate(context.host, path)
        if removed is not None:
            if not removed:
                context.error(missing(context, path))
            continue
        for found in resolve(context, path, literal=literal):
            if files.is_directory(found) and files.list(found) and not bound["Recurse"]:
                context.error(
                    PsError(
                        f"The item at {found} has children and the Recurse parameter was not "
                        "specified. Nobody "
                        "can be asked in a remote session.",
                        "InvalidOperation,Microsoft.PowerShell.Commands.RemoveItemCommand",
                        "InvalidOperation",
                        "System.Management.Automation.PSInvalidOperationException",
                        activity=context.command,
                    )
                )
                continue
            try:
                files.remove(found)
                context.host.changed(f"{found} removed")
            except WindowsError as error:
                context.error(failed(context, error, found, "RemoveFileSystemItemIOError"))
    yield from ()


@cmdlet("Move-Item", *PATH, Parameter("Destination", position=1, required=True), FORCE)
def move_item(context: Context, bound: Bound) -> Iterator[Value]:
    """Rename; with -Force over a file that is there, which 5.1 deletes first: it tries to move, and only when
    that fails does it delete what is in the way and move again (``FileSystemProvider.MoveFileInfoItem``).
    """
    files = context.host.files
    for path, literal in given(bound):
        for found in resolve(context, path, literal=literal):
            target = _target(context, found, absolute(bound["Destination"]))
            taken = files.exists(target) and target.casefold() != found.casefold()
            if taken and (files.is_directory(target) or not bound["Force"]):
                exists = WindowsError(183, "Cannot create a file when that file already exists.", target)
                context.error(failed(context, exists, target, "MoveFileInfoItemIOError"))
                continue
            try:
                if taken:
                    files.remove(target)
                    if context.host.faults.take("power-cut-in-move"):
                        context.host.changed(f"{target} removed; the power fails")
                        context.host.restart()
                        context.cancel.wait(_UNTIL_THE_CONNECTION_ENDS)
                        return
                files.move(found, target)
                context.host.changed(f"{found} moved to {target}")
            except WindowsError as error:
                context.error(failed(context, error, target, "MoveFileInfoItemIOError"))
    yield from ()


@cmdlet("Copy-Item", *PATH, Parameter("Destination", position=1, required=True), RECURSE, FORCE)
def copy_item(context: Context, bound: Bound) -> Iterator[Value]:
    """Copy files, and directories with what is in them if that is asked for."""
    for path, literal in given(bound):
        for found in resolve(context, path, literal=literal):
            target = _target(context, found, absolute(bound["Destination"]))
            try:
                _copy(context, found, target, recurse=bool(bound["Recurse"]))
                context.host.changed(f"{found} copied to {target}")
            except WindowsError as error:
                context.error(failed(context, error, target, "CopyFileInfoItemIOError"))
    yield from ()


def _target(context: Context, source: str, destination: str) -> str:
    if context.host.files.is_directory(destination) and destination.casefold() != source.casefold():
        return f"{destination.rstrip(chr(92))}\\{source.rpartition(chr(92))[2]}"
    return destination


def _copy(context: Context, source: str, target: str, *, recurse: bool) -> None:
    files = context.host.files
    if not files.is_directory(source):
        files.write(target, files.read(source))
        return
    files.make_directory(target)
    if recurse:
        for entry in files.list(source):
            _copy(context, f"{source}\\{entry.name}", f"{target}\\{entry.name}", recurse=True)


@cmdlet("Get-Acl", *PATH)
def get_acl(context: Context, bound: Bound) -> Iterator[Value]:
    """Show who may do what."""
    for path, literal in given(bound):
        if registry_key(path) is not None:
            context.error(missing(context, path))
            continue
        for found in resolve(context, path, literal=literal):
            directory = context.host.files.is_directory(found)
            sddl = context.host.files.access.sddl(found, is_directory=directory)
            owner = context.host.files.access.own(found).owner
            kind = "System.Security.AccessControl.DirectorySecurity"
            properties: dict[str, Value] = {
                "Path": f"Microsoft.PowerShell.Core\\FileSystem::{found}",
                "Owner": ACCOUNTS.get(owner, owner),
                "Group": "NT AUTHORITY\\SYSTEM",
                "Sddl": sddl,
            }
            yield PsObject(kind, properties, text=kind)
