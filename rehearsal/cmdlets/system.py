"""Cmdlets over the computer itself: the time, the event log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rehearsal.cmdlets.objects import matches
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import PsEnum, PsError, PsObject, Value

ENTRY_TYPES = {"Error": 1, "Warning": 2, "Information": 4}
ENTRY = "System.Diagnostics.EventLogEntry"


@cmdlet("Get-Date")
def get_date(_: Context, __: Bound) -> Iterator[Value]:
    """Tell the time."""
    yield datetime.now(UTC)


@cmdlet("Restart-Computer", Parameter("Force", "switch"))
def restart_computer(context: Context, _: Bound) -> Iterator[Value]:
    """Restart this host: every connection and shell is lost, what starts by itself comes up again."""
    if not context.host.restart():
        context.error(PsError("Nobody runs this host.", "RestartcomputerFailed", activity=context.command))
    context.host.changed("restarted")
    yield from ()


@cmdlet("Start-Sleep", Parameter("Seconds", "number", 0), Parameter("Milliseconds", "number", aliases=("m",)))
def start_sleep(context: Context, bound: Bound) -> Iterator[Value]:
    """Wait, unless the client gives up."""
    context.cancel.wait((bound["Seconds"] or 0) + (bound["Milliseconds"] or 0) / 1000)
    yield from ()


@cmdlet(
    "Get-EventLog",
    Parameter("LogName", position=0, required=True, choices=("Application", "System")),
    Parameter("Source", "texts"),
    Parameter("Newest", "number"),
    Parameter("EntryType", "texts"),
)
def get_event_log(context: Context, bound: Bound) -> Iterator[Value]:
    """Show entries of the event log, the newest first; that there are none is an error, as in 5.1."""
    sources, kinds = bound["Source"] or ["*"], bound["EntryType"] or ["*"]
    found = [
        event
        for event in context.host.events.read(log_name=bound["LogName"])
        if any(matches(source, event.source) for source in sources)
        and any(matches(kind, event.entry_type) for kind in kinds)
    ]
    if not found:
        error_id = "GetEventLogNoEntriesFound,Microsoft.PowerShell.Commands.GetEventLogCommand"
        exception = "System.ArgumentException"
        context.error(
            PsError("No matches found", error_id, "ObjectNotFound", exception, activity=context.command)
        )
    newest = len(found) if bound["Newest"] is None else bound["Newest"]
    for index, event in enumerate(found[:newest]):
        properties: dict[str, Value] = {
            "Index": len(found) - index,
            "EventID": event.event_id,
            "InstanceId": event.event_id,
            "EntryType": PsEnum(event.entry_type, ENTRY_TYPES[event.entry_type]),
            "Message": event.message,
            "Source": event.source,
            "TimeGenerated": event.time,
            "TimeWritten": event.time,
            "MachineName": context.host.name,
        }
        shown = ("TimeGenerated", "EntryType", "Source", "Message")
        yield PsObject(ENTRY, properties, text=ENTRY, default_display=shown)
