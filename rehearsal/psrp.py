"""A runspace pool on the server's side of PSRP: fragments in, fragments out. No sockets, no threads.

Commands are handed out as jobs, one at a time per pool, since a pool here has one runspace; whoever
carries them out reports back with `finish`. Source: [MS-PSRP], psrpcore, and observation of pypsrp.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import psrpcore
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    NETException,
    PSInvocationState,
    PSRPMessageType,
    PSVersion,
    WarningRecord,
)

from rehearsal.channel import PIECE, Channel, CommandLine, Job
from rehearsal.serialization import from_wire, to_wire
from rehearsal.shell.values import Invocation, Outcome, PsError, Record, RemoteCommand
from rehearsal.wsman import Fault, base64_bytes

STREAM = "stdout"
DATA_PER_COMMAND = 50 * 1024 * 1024
"""Bytes that one command may receive: MaximumReceivedDataSizePerCommandMB of Windows' session
configuration.
"""

Execute = Callable[[Invocation, threading.Event], Outcome]
"""Run an invocation to its end, or until the event is set."""


@dataclass
class PipelineInProgress:
    """A pipeline from its first fragment to its end."""

    protocol: psrpcore.ServerPipeline
    channel: Channel = field(default_factory=Channel)
    input: list[object] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)
    received: int = 0
    commands: Any = None


class RunspacePool:
    """One runspace pool: a WS-Management shell whose commands are PowerShell pipelines."""

    def __init__(
        self, execute: Execute, creation: bytes, *, build: int = 20348, split_receive: bool = False
    ) -> None:
        self.channel = Channel()
        self._execute = execute
        self._split = split_receive
        self._pool = psrpcore.ServerRunspacePool({"PSVersionTable": _version_table(build)})
        self._pipelines: dict[str, PipelineInProgress] = {}
        self._ready: deque[PipelineInProgress] = deque()
        self._running: PipelineInProgress | None = None
        self._feed(creation)

    def command(self, command_id: str, command_line: CommandLine) -> None:
        """Start a pipeline with its first fragments, which are the arguments; the client names it."""
        try:
            pipeline = PipelineInProgress(psrpcore.ServerPipeline(self._pool, uuid.UUID(command_id)))
        except ValueError as error:
            raise Fault.malformed(f"CommandId {command_id!r} is no UUID") from error
        self._pipelines[command_id.upper()] = pipeline
        self._feed(b"".join(base64_bytes(argument) for argument in command_line.arguments))

    def send(self, command_id: str | None, data: bytes) -> None:
        """Take further fragments, of a pipeline or of the pool."""
        if command_id is not None:
            pipeline = self._find(command_id)
            pipeline.received += len(data)
            if pipeline.received > DATA_PER_COMMAND:
                pipeline.cancel.set()
                self._end(pipeline, Outcome(failure=_too_much()))
                return
        self._feed(data)

    def output(self, command_id: str | None) -> Channel:
        """Return the channel of a pipeline, or of the pool."""
        return self.channel if command_id is None else self._find(command_id).channel

    def signal(self, command_id: str, code: str) -> None:
        """Stop a pipeline, or close one that has ended; an unknown one is closed already."""
        pipeline = self._pipelines.get(command_id.upper())
        if pipeline is None:
            return
        if pipeline.protocol.state in (PSInvocationState.NotStarted, PSInvocationState.Running):
            pipeline.cancel.set()
            self._end(pipeline, Outcome(stopped=True))
            if self._running is pipeline:
                # Windows ends what runs; here it goes on unseen, and the runspace is free all the same
                self._running = None
        if code.lower().endswith("/terminate"):
            pipeline.protocol.close()
            del self._pipelines[command_id.upper()]

    def close(self) -> None:
        """End everything that still runs."""
        for pipeline in self._pipelines.values():
            pipeline.cancel.set()
        self._ready.clear()

    def next_job(self) -> Job | None:
        """Return the next pipeline to run, if none is running."""
        if self._running is not None or not self._ready:
            return None
        pipeline = self._running = self._ready.popleft()
        invocation = _invocation(pipeline)

        def run() -> Callable[[], None]:
            outcome = self._execute(invocation, pipeline.cancel)
            return lambda: self._finish(pipeline, outcome)

        return Job(run)

    def _finish(self, pipeline: PipelineInProgress, outcome: Outcome) -> None:
        if self._running is pipeline:
            self._running = None
        if not pipeline.cancel.is_set():
            self._end(pipeline, outcome)

    def _find(self, command_id: str) -> PipelineInProgress:
        pipeline = self._pipelines.get(command_id.upper())
        if pipeline is None or pipeline.channel.drained:
            raise Fault.no_such_command(command_id)
        return pipeline

    def _feed(self, data: bytes) -> None:
        try:
            self._pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, None))
            while (event := self._pool.next_event()) is not None:
                self._on_event(event)
        except (
            psrpcore.PSRPCoreError,
            ET.ParseError,
            struct.error,
            ValueError,
            LookupError,
            TypeError,
        ) as error:
            raise Fault.malformed(f"PSRP: {error}") from error
        self._flush()

    def _on_event(self, event: psrpcore.PSRPEvent[Any, Any]) -> None:
        if isinstance(event, psrpcore.CreatePipelineEvent):
            pipeline = self._pipelines[str(event.pipeline_id).upper()]
            pipeline.commands = event.pipeline
            if event.pipeline.no_input:
                self._ready.append(pipeline)
        elif isinstance(event, psrpcore.PipelineInputEvent | psrpcore.EndOfPipelineInputEvent):
            self._on_input(event)
        elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
            self._pool.runspace_availability_response(event.ci, 1)
        elif isinstance(
            event,
            psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent | psrpcore.ResetRunspaceStateEvent,
        ):
            self._pool.runspace_availability_response(event.ci, True)
        elif isinstance(event, psrpcore.GetCommandMetadataEvent):
            raise Fault.malformed("command metadata (implicit remoting) is not offered by a rehearsal host")

    def _on_input(self, event: psrpcore.PipelineInputEvent | psrpcore.EndOfPipelineInputEvent) -> None:
        pipeline = self._pipelines[str(event.pipeline_id).upper()]
        if pipeline.cancel.is_set():
            return
        if isinstance(event, psrpcore.PipelineInputEvent):
            pipeline.input.append(from_wire(event.data))
        else:
            self._ready.append(pipeline)

    def _end(self, pipeline: PipelineInProgress, outcome: Outcome) -> None:
        protocol = pipeline.protocol
        # Windows does not announce the Running state, so ServerPipeline.start() would say too much
        protocol.state = PSInvocationState.Running
        for record in outcome.records:
            _write(protocol, record)
        self._flush()
        if self._split:
            pipeline.channel.split()
        if outcome.stopped:
            protocol.stop()
        elif outcome.failure is not None:
            # psrpcore offers no public way to the Failed state
            protocol._change_state(PSInvocationState.Failed, _error_record(outcome.failure))
        else:
            protocol.complete()
        self._flush()
        pipeline.channel.finish(0)
        with contextlib.suppress(ValueError):
            self._ready.remove(pipeline)

    def _flush(self) -> None:
        while (payload := self._pool.data_to_send(PIECE)) is not None:
            if payload.pipeline_id is None:
                self.channel.put(STREAM, payload.data)
            elif (key := str(payload.pipeline_id).upper()) in self._pipelines:
                self._pipelines[key].channel.put(STREAM, payload.data)


class _SentThoughEmpty(str):
    """An empty text that psrpcore does not leave out; Windows sends it, for an empty line on standard
    error.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


def _invocation(pipeline: PipelineInProgress) -> Invocation:
    statements: list[list[RemoteCommand]] = [[]]
    for command in pipeline.commands.commands:
        parameters = [(name, from_wire(value)) for name, value in command.parameters]
        statements[-1].append(RemoteCommand(command.command_text, command.is_script, parameters))
        if command.end_of_statement:
            statements.append([])
    return Invocation([statement for statement in statements if statement], pipeline.input)


def _write(protocol: psrpcore.ServerPipeline, record: Record) -> None:
    if record.stream == "error" and isinstance(record.value, PsError):
        protocol.prepare_message(_error_record(record.value), message_type=PSRPMessageType.ErrorRecord)
    elif record.stream == "warning":
        warning = WarningRecord(Message=str(record.value), InvocationInfo=None, PipelineIterationInfo=None)
        warning.PSObject.to_string = str(record.value)
        protocol.prepare_message(warning, message_type=PSRPMessageType.WarningRecord)
    else:
        protocol.write_output(to_wire(record.value))


def _error_record(error: PsError) -> ErrorRecord:
    exception = NETException(Message=error.message, HResult=-2146233087)
    exception.PSObject.type_names = [error.exception, "System.Exception", "System.Object"]
    exception.PSObject.to_string = f"{error.exception}: {error.message}"
    reason = error.reason or error.exception.rpartition(".")[2]
    category = ErrorCategoryInfo(
        Category=ErrorCategory[error.category],
        Activity=error.activity,
        Reason=reason,
        TargetName=error.target,
        TargetType="String" if error.target else "",
    )
    category.PSObject.to_string = f"{error.category}: ({error.target}:String) [{error.activity}], {reason}"
    record = ErrorRecord(Exception=exception, CategoryInfo=category, FullyQualifiedErrorId=error.error_id)
    record.PSObject.to_string = error.message or _SentThoughEmpty()
    return record


def _too_much() -> PsError:
    return PsError(
        "The total data received from the remote client exceeded the allowed maximum of "
        f"{DATA_PER_COMMAND // 1024 // 1024} MB.",
        "MaximumReceivedDataSizePerCommandExceeded",
        "ResourceUnavailable",
        "System.Management.Automation.Remoting.PSRemotingTransportException",
    )


def _version_table(build: int) -> dict[str, object]:
    return {
        "PSVersion": PSVersion(f"5.1.{build}.1"),
        "PSEdition": "Desktop",
        "CLRVersion": PSVersion("4.0.30319.42000"),
        "BuildVersion": PSVersion(f"10.0.{build}.1"),
        "WSManStackVersion": PSVersion("3.0"),
    }
