"""Cmdlets over services, with the words that Windows PowerShell 5.1 has for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rehearsal.cmdlets.objects import matches
from rehearsal.interfaces import ServiceFailure, WindowsError
from rehearsal.services import AUTOMATIC, DISABLED, MANUAL
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsEnum, PsError, PsObject, Value

NAME = Parameter("Name", "texts", 0, aliases=("ServiceName",), pipeline="value")
FORCE = Parameter("Force", "switch")
PASS_THRU = Parameter("PassThru", "switch")
CONTROLLER = "System.ServiceProcess.ServiceController"
EXCEPTION = "Microsoft.PowerShell.Commands.ServiceCommandException"
STATES = {"Stopped": 1, "Start Pending": 2, "Stop Pending": 3, "Running": 4}
START_TYPES = {"Automatic": AUTOMATIC, "Manual": MANUAL, "Disabled": DISABLED}


def service_object(context: Context, name: str) -> PsObject:
    """Return a service as Get-Service shows it."""
    services = context.host.services
    found = services.configuration(name)
    state = services.status(name).state
    start = next((key for key, value in START_TYPES.items() if value == found.get("Start")), "Automatic")
    properties: dict[str, Value] = {
        "Name": found["Name"],
        "DisplayName": found.get("DisplayName", found["Name"]),
        "Status": PsEnum(state.replace(" ", ""), STATES[state]),
        "StartType": PsEnum(start, START_TYPES[start]),
        "CanStop": state == "Running",
        "ServiceName": found["Name"],
        "ServicesDependedOn": found.get("DependOnService", []),
        "DependentServices": services.dependents(name),
    }
    return PsObject(
        CONTROLLER, properties, text=CONTROLLER, default_display=("Status", "Name", "DisplayName")
    )


def named(context: Context, bound: Bound) -> Iterator[str]:
    """Yield the services that a command means; for a name that no service has, an error is written."""
    piped = [item.get("Name") if isinstance(item, PsObject) else item for item in bound.input or []]
    given = bound["Name"]
    for pattern in [given] if isinstance(given, str) else given or piped:
        found = [name for name in context.host.services.names() if matches(str(pattern), name)]
        if not found and "*" not in str(pattern):
            context.error(
                PsError(
                    f"Cannot find any service with service name '{pattern}'.",
                    _id(context, "NoServiceFoundForGivenName"),
                    "ObjectNotFound",
                    EXCEPTION,
                    target=str(pattern),
                    activity=context.command,
                )
            )
        yield from found


@cmdlet("Get-Service", NAME)
def get_service(context: Context, bound: Bound) -> Iterator[Value]:
    """Show services."""
    names = named(context, bound) if "Name" in bound or bound.input else context.host.services.names()
    for name in names:
        yield service_object(context, name)


@cmdlet("Start-Service", NAME, PASS_THRU)
def start_service(context: Context, bound: Bound) -> Iterator[Value]:
    """Start services; one that runs is left alone."""
    yield from _each(context, bound, _start)


@cmdlet("Stop-Service", NAME, FORCE, PASS_THRU)
def stop_service(context: Context, bound: Bound) -> Iterator[Value]:
    """Stop services; with -Force also those that depend on them."""
    yield from _each(context, bound, lambda inner, name: _stop(inner, name, force=bool(bound["Force"])))


@cmdlet("Restart-Service", NAME, FORCE, PASS_THRU)
def restart_service(context: Context, bound: Bound) -> Iterator[Value]:
    """Stop and start services."""

    def restart(inner: Context, name: str) -> None:
        dependents = _running_dependents(inner, name)
        _stop(inner, name, force=bool(bound["Force"]))
        for service in [name, *dependents]:
            _start(inner, service)

    yield from _each(context, bound, restart)


@cmdlet(
    "Set-Service",
    Parameter("Name", position=0, aliases=("ServiceName", "SN")),
    Parameter("StartupType", choices=tuple(START_TYPES), aliases=("StartMode",)),
    Parameter("DisplayName"),
    Parameter("Description"),
    Parameter("Status", choices=("Running", "Stopped")),
    PASS_THRU,
)
def set_service(context: Context, bound: Bound) -> Iterator[Value]:
    """Change how services start and what they are called."""
    changes: dict[str, str | int] = {}
    if bound["StartupType"]:
        changes |= {"Start": START_TYPES[bound["StartupType"]], "DelayedAutostart": 0}
    changes |= {key: bound[key] for key in ("DisplayName", "Description") if bound[key] is not None}

    def change(inner: Context, name: str) -> None:
        if changes:
            inner.host.services.configure(name, changes)
        if bound["Status"] == "Running":
            _start(inner, name)
        elif bound["Status"] == "Stopped":
            _stop(inner, name, force=False)

    yield from _each(context, bound, change)


def _each(context: Context, bound: Bound, act: Callable[[Context, str], None]) -> Iterator[Value]:
    for name in named(context, bound):
        act(context, name)
        if bound["PassThru"]:
            yield service_object(context, name)


def _start(context: Context, name: str) -> None:
    services = context.host.services
    if services.status(name).state == "Running":
        return
    title = _title(context, name)
    try:
        services.start(name)
    except ServiceFailure:
        # what the service itself had to say is in the event log, not here
        message = f"Failed to start service '{title}'."
        context.error(_error(context, message, "StartServiceFailed", name))
    except WindowsError:
        message = (
            f"Service '{title}' cannot be started due to the following error: Cannot start service {name} on "
            "computer '.'."
        )
        context.error(_error(context, message, "CouldNotStartService", name))


def _stop(context: Context, name: str, *, force: bool) -> None:
    services = context.host.services
    if services.status(name).state == "Stopped":
        return
    dependents = _running_dependents(context, name)
    if dependents and not force:
        message = (
            f"Cannot stop service '{_title(context, name)}' because it has dependent services. It "
            "can only be "
            "stopped if the Force flag is set."
        )
        context.error(_error(context, message, "ServiceHasDependentServices", name))
        return
    for dependent in dependents:
        services.stop(dependent)
    services.stop(name)


def _running_dependents(context: Context, name: str) -> list[str]:
    services = context.host.services
    return [found for found in services.dependents(name) if services.status(found).state == "Running"]


def _title(context: Context, name: str) -> str:
    return f"{context.host.services.configuration(name).get('DisplayName', name)!s} ({name})"


def _error(context: Context, message: str, error_id: str, name: str) -> PsError:
    return PsError(
        message, _id(context, error_id), "OpenError", EXCEPTION, target=name, activity=context.command
    )


def _id(context: Context, error_id: str) -> str:
    return f"{error_id},Microsoft.PowerShell.Commands.{context.command.replace('-', '')}Command"
