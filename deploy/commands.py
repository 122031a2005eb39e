"""The text of every command that is sent to a host: what changes it (a step's commands), and what asks it.

Each is one pipeline that a person could type into Windows PowerShell 5.1. ``$ErrorActionPreference`` stays
as it is, since docker writes progress to stderr: every cmdlet says for itself that it stops on errors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import singledispatch

from deploy import steps
from deploy.powershell import Value, cmdlet, failure, json_list, native, pipeline

JSON = "{{json .}}"
"""docker's template for everything it knows, as JSON."""

_AUTHENTICATED_USERS = "*S-1-5-11"
_NULL = cmdlet("Out-Null")
_START_TYPES = {"auto": "auto", "delayed-auto": "delayed-auto", "manual": "demand"}


def _act(name: str, **parameters: Value) -> str:
    return cmdlet(name, **parameters, ErrorAction="Stop")


def _quietly(command: str) -> str:
    return pipeline(command, _NULL)


@singledispatch
def commands(step: steps.Step) -> list[str]:
    """Return the commands that do ``step``, in order; raise `TypeError` for one that is no command."""
    raise TypeError(f"{type(step).__name__} is not done by commands")


@commands.register
def _(step: steps.Refuse) -> list[str]:
    return [failure(str(step))]


@commands.register
def _(step: steps.MakeDirectory) -> list[str]:
    return [
        _quietly(cmdlet("New-Item", ItemType="Directory", Force=True, Path=step.path, ErrorAction="Stop"))
    ]


@commands.register
def _(step: steps.GrantModify) -> list[str]:
    return [native("icacls.exe", step.path, "/grant", f"{_AUTHENTICATED_USERS}:(OI)(CI)M")]


@commands.register
def _(step: steps.CopyFile) -> list[str]:
    return [_act("Copy-Item", LiteralPath=step.source, Destination=step.target, Force=True)]


@commands.register
def _(step: steps.MoveFile) -> list[str]:
    return [_act("Move-Item", LiteralPath=step.source, Destination=step.target, Force=True)]


@commands.register
def _(step: steps.RemovePath) -> list[str]:
    return [_act("Remove-Item", LiteralPath=step.path, Recurse=True, Force=True)]


@commands.register
def _(step: steps.EmptyDirectory) -> list[str]:
    return [_act("Remove-Item", Path=rf"{step.path}\*", Recurse=True, Force=True)]


@commands.register
def _(step: steps.RemoveFile) -> list[str]:
    return [_act("Remove-Item", LiteralPath=step.path, Force=True)]


@commands.register
def _(step: steps.ExpandArchive) -> list[str]:
    return [_act("Expand-Archive", LiteralPath=step.archive, DestinationPath=step.directory, Force=True)]


@commands.register
def _(step: steps.ValidateOptions) -> list[str]:
    return [native("dockerd", "--validate", "--config-file", step.config_file, *step.arguments)]


@commands.register
def _(step: steps.RegisterService) -> list[str]:
    return [native("dockerd", "--register-service", *step.arguments)]


@commands.register
def _(step: steps.SetCommandLine) -> list[str]:
    return [native("sc.exe", "config", step.service, "binPath=", step.command_line)]


@commands.register
def _(step: steps.SetStartMode) -> list[str]:
    return [native("sc.exe", "config", step.service, "start=", _START_TYPES[step.mode])]


@commands.register
def _(step: steps.SetRecovery) -> list[str]:
    actions = "/".join(f"restart/{delay * 1000}" for delay in step.delays)
    return [native("sc.exe", "failure", step.service, "reset=", step.reset_after, "actions=", actions)]


@commands.register
def _(step: steps.SetRecoveryOnFailedStop) -> list[str]:
    return [native("sc.exe", "failureflag", step.service, int(step.on))]


@commands.register
def _(step: steps.SetDependencies) -> list[str]:
    # A lone slash takes all dependencies away.
    return [native("sc.exe", "config", step.service, "depend=", "/".join(step.depends_on) or "/")]


@commands.register
def _(step: steps.StopService) -> list[str]:
    return [_act("Stop-Service", Name=step.service, Force=True)]


@commands.register
def _(step: steps.StartService) -> list[str]:
    return [_act("Start-Service", Name=step.service)]


@commands.register
def _(step: steps.ReloadOptions) -> list[str]:
    return [native("sc.exe", "control", step.service, "paramchange")]


@commands.register
def _(_step: steps.AwaitEngine) -> list[str]:
    return [engine_info()]


@commands.register
def _(_step: steps.ProveOptions) -> list[str]:
    return [engine_info()]


@commands.register
def _(step: steps.StartContainer) -> list[str]:
    return [native("docker", "container", "start", step.name)]


@commands.register
def _(step: steps.StopContainer) -> list[str]:
    return [native("docker", "container", "stop", step.name)]


@commands.register
def _(step: steps.RemoveContainer) -> list[str]:
    return [native("docker", "container", "rm", "--force", step.name)]


@commands.register
def _(step: steps.RenameContainer) -> list[str]:
    return [native("docker", "container", "rename", step.name, step.new_name)]


@commands.register
def _(step: steps.SetRestartPolicy) -> list[str]:
    return [native("docker", "container", "update", "--restart", step.policy, step.name)]


@commands.register
def _(step: steps.RunContainer) -> list[str]:
    arguments = ["--name", step.name, "--restart", step.restart, "--network", step.network, "--ip", step.ip]
    for host_port, container_port in step.ports.items():
        arguments += ["--publish", f"{host_port}:{container_port}"]
    for directory, target in step.volumes.items():
        arguments += ["--volume", f"{directory}:{target}"]
    for name, value in step.environment.items():
        arguments += ["--env", f"{name}={value}"]
    for name, value in step.labels.items():
        arguments += ["--label", f"{name}={value}"]
    return [native("docker", "container", "run", "--detach", *arguments, step.image)]


@commands.register
def _(step: steps.AwaitContainer) -> list[str]:
    return [container_details([step.name])]


@commands.register
def _(step: steps.AwaitRegistry) -> list[str]:
    return [web_head(step.url)]


@commands.register
def _(step: steps.BuildImage) -> list[str]:
    return [native("docker", "build", "--tag", step.tag, step.directory)]


@commands.register
def _(step: steps.RemoveImage) -> list[str]:
    return [remove_image(step.reference)]


@commands.register
def _(step: steps.RemoveHnsNetwork) -> list[str]:
    chosen = cmdlet("Where-Object", Property="Name", EQ=True, Value=step.name)
    return [pipeline(_act("Get-HnsNetwork"), chosen, cmdlet("Remove-HnsNetwork"))]


@commands.register
def _(step: steps.RemoveHnsEndpoint) -> list[str]:
    chosen = cmdlet("Where-Object", Property="IPAddress", EQ=True, Value=step.ip)
    return [pipeline(_act("Get-HnsEndpoint"), chosen, cmdlet("Remove-HnsEndpoint"))]


@commands.register
def _(step: steps.AddFirewallRule) -> list[str]:
    rule = _act(
        "New-NetFirewallRule",
        Name=step.name,
        DisplayName=step.title,
        Direction="Inbound",
        Action="Allow",
        Protocol="TCP",
        LocalPort=step.port,
    )
    return [_quietly(rule)]


@commands.register
def _(step: steps.RemoveFirewallRule) -> list[str]:
    return [_act("Remove-NetFirewallRule", Name=step.name)]


def remembered(step: steps.RememberContainers) -> steps.PutFile:
    """Return the upload that a `RememberContainers` is: a JSON list of names, in the order to start them."""
    return steps.PutFile(step.path, json.dumps(list(step.names), ensure_ascii=False) + "\n")


# What is asked


def _selected(command: str, properties: Sequence[str], *, depth: int | None = None) -> str:
    return json_list(pipeline(command, cmdlet("Select-Object", Property=properties)), depth=depth)


def windows_version() -> str:
    """Ask which Windows it is; `WindowsState.from_json` reads the answer."""
    key = r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    return _selected(
        _act("Get-ItemProperty", LiteralPath=key), ["ProductName", "CurrentBuild", "UBR", "InstallationType"]
    )


def service(name: str) -> str:
    """Ask the service manager for a service; an empty list means that there is none."""
    found = _act("Get-CimInstance", ClassName="Win32_Service", Filter=f"Name='{name}'")
    return _selected(found, ["Name", "State", "StartMode", "PathName", "ProcessId", "StartName"])


def service_key(name: str) -> str:
    """Ask the registry for what the service manager does not tell: dependencies and recovery."""
    key = rf"HKLM:\SYSTEM\CurrentControlSet\Services\{name}"
    properties = [
        "ImagePath",
        "Start",
        "DependOnService",
        "FailureActions",
        "FailureActionsOnNonCrashFailures",
        "DelayedAutostart",
    ]
    return _selected(_act("Get-ItemProperty", LiteralPath=key), properties)


def paths_exist(paths: Sequence[str]) -> str:
    """Ask which paths exist; `presence` reads the answer."""
    return json_list(cmdlet("Test-Path", LiteralPath=list(paths)))


def file_text(path: str) -> str:
    """Ask for a file's text. ``ToString`` drops the notes that Get-Content adds, which 5.1 would print."""
    content = _act("Get-Content", LiteralPath=path, Raw=True, Encoding="UTF8")
    return json_list(pipeline(content, cmdlet("ForEach-Object", MemberName="ToString")))


def file_hash(path: str) -> str:
    """Ask for a file's SHA-256."""
    return _selected(_act("Get-FileHash", LiteralPath=path, Algorithm="SHA256"), ["Hash"])


def directory_listing(path: str) -> str:
    """Ask for what is in a directory."""
    listing = cmdlet("Get-ChildItem", LiteralPath=path, Force=True, ErrorAction="Stop")
    return _selected(listing, ["Name", "Length", "PSIsContainer"])


def permissions(path: str) -> str:
    """Ask for a directory's permissions; `DirectoryState.from_json` reads the answer."""
    return _selected(_act("Get-Acl", LiteralPath=path), ["Sddl"])


def firewall_rules() -> str:
    """Ask for our firewall rules."""
    rules = _act("Get-NetFirewallRule", Name="registry-lab-*")
    return _selected(rules, ["Name", "Enabled", "Direction", "Action"])


def firewall_ports() -> str:
    """Ask for the ports of our firewall rules."""
    rules = _act("Get-NetFirewallRule", Name="registry-lab-*")
    return _selected(
        pipeline(rules, cmdlet("Get-NetFirewallPortFilter")), ["InstanceID", "Protocol", "LocalPort"]
    )


def routes() -> str:
    """Ask for the IPv4 routes."""
    found = _act("Get-NetRoute", AddressFamily="IPv4")
    return _selected(found, ["DestinationPrefix", "InterfaceAlias", "NextHop"])


def hns_networks() -> str:
    """Ask the Host Network Service for its networks."""
    return _selected(_act("Get-HnsNetwork"), ["Name", "Type", "ID", "Subnets"], depth=5)


def hns_endpoints() -> str:
    """Ask the Host Network Service for its endpoints."""
    properties = ["ID", "Name", "IPAddress", "VirtualNetworkName", "State"]
    return _selected(_act("Get-HnsEndpoint"), properties, depth=5)


def engine_events(newest: int = 20) -> str:
    """Ask for the engine's last words in the event log, newest first."""
    log = _act("Get-EventLog", LogName="Application", Source="docker", Newest=newest)
    return _selected(log, ["EntryType", "InstanceId", "Message", "TimeWritten"])


def engine_version() -> str:
    """Ask for the versions of docker's client and engine."""
    return native("docker", "version", "--format", JSON)


def engine_info() -> str:
    """Ask the engine how it runs; `EngineState.from_json` reads the answer."""
    return native("docker", "info", "--format", JSON)


def container_list() -> str:
    """Ask for all containers; `names` reads the answer, with the key ``Names``."""
    return json_list(native("docker", "container", "ls", "--all", "--no-trunc", "--format", JSON))


def container_details(names: Sequence[str]) -> str:
    """Ask for all about some containers; `ContainerState.list_from_json` reads the answer."""
    return native("docker", "container", "inspect", *names)


def container_log(name: str, lines: int = 8) -> str:
    """Ask for the last lines that a container wrote, to both of its streams."""
    return native("docker", "container", "logs", "--tail", lines, name)


def network_list() -> str:
    """Ask for all networks; `names` reads the answer."""
    return json_list(native("docker", "network", "ls", "--no-trunc", "--format", JSON))


def network_details(name: str) -> str:
    """Ask for all about a network; `NetworkState.from_json` reads the answer."""
    return native("docker", "network", "inspect", name)


def image_list() -> str:
    """Ask for all images; `image_tags` reads the answer."""
    return json_list(native("docker", "image", "ls", "--no-trunc", "--format", JSON))


def image_details(references: Sequence[str]) -> str:
    """Ask for all about some images; `ImageState.list_from_json` reads the answer."""
    return native("docker", "image", "inspect", *references)


def web_head(url: str) -> str:
    """Ask a web server for the head of a page, from the host; whatever its certificate is worth.

    Never through a proxy: curl takes one from the machine's environment, where classrooms set it.
    """
    quietly = ("--silent", "--show-error", "--head", "--insecure")
    return native("curl.exe", *quietly, "--noproxy", "*", "--max-time", 5, url)


# The proof


def pull(reference: str) -> str:
    """Return the command that pulls an image."""
    return native("docker", "image", "pull", reference)


def push(reference: str) -> str:
    """Return the command that pushes an image."""
    return native("docker", "image", "push", reference)


def tag(source: str, target: str) -> str:
    """Return the command that gives an image another name."""
    return native("docker", "image", "tag", source, target)


def remove_image(reference: str) -> str:
    """Return the command that takes a name from an image, and removes it with its last one."""
    return native("docker", "image", "rm", reference)
