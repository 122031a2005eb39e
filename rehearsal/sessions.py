"""One host's WS-Management service: which shell a request is for, and what it is answered. No sockets, no
waiting.

A request is answered at once, or with a `Wait`: a Receive that has nothing to hand over yet. Whoever owns
the connection waits, and asks the `Wait` for its answer when it is ready or its time is over.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rehearsal import wsman
from rehearsal.channel import Bite, Channel, CommandLine, Job, Shell
from rehearsal.wsman import SHELL, Fault, Request

MAX_SHELLS = 30
"""Open shells at most: MaxShellsPerUser of Windows since Server 2012."""

MAX_COMMANDS = 1000
"""Commands of one shell at most: MaxConcurrentCommandsPerShell of the plug-in microsoft.powershell."""

IDLE_TIMEOUT = 7200.0
"""Seconds after which an unused shell is closed, unless its client asked for another time (Windows'
default).
"""

OPEN_POWERSHELL = "{http://schemas.microsoft.com/powershell}creationXml"


@dataclass(frozen=True)
class Reply:
    """An HTTP status and an envelope."""

    status: int
    body: bytes


@dataclass
class Wait:
    """A Receive with nothing to hand over yet. ``seconds`` is how long its client is ready to wait."""

    channel: Channel
    seconds: float
    finish: Callable[[], Reply]
    superseded: bool = False

    @property
    def over(self) -> bool:
        """Whether there is something to answer before the time is up."""
        return self.superseded or self.channel.ready


@dataclass
class OpenShell:
    """A shell with what the service keeps about it. Times are of the service's clock."""

    shell: Shell
    resource_uri: str
    idle_timeout: float
    used: float
    commands: set[str] = field(default_factory=set)
    last: dict[str, tuple[str, Reply]] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)


class Sessions:
    """All open shells of a host. ``admit`` is called before each command and may raise to have it dropped."""

    def __init__(
        self,
        machine: str,
        open_pool: Callable[[bytes], Shell],
        open_prompt: Callable[[], Shell],
        admit: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine = machine
        self._open_pool = open_pool
        self._open_prompt = open_prompt
        self._admit = admit
        self._clock = clock
        self._shells: dict[str, OpenShell] = {}

    def handle(self, data: bytes) -> Reply | Wait:
        """Answer one request."""
        try:
            request = Request.parse(data)
        except Fault as fault:
            return self._fault("", fault)
        try:
            return self._dispatch(request)
        except Fault as fault:
            return self._fault(request.message_id, fault)

    def jobs(self) -> Iterator[Job]:
        """Yield the work that can start now."""
        for entry in list(self._shells.values()):
            while (job := entry.shell.next_job()) is not None:
                yield job

    def close(self) -> None:
        """Close every shell."""
        for entry in self._shells.values():
            entry.shell.close()
        self._shells.clear()

    def _dispatch(self, request: Request) -> Reply | Wait:
        if request.action == wsman.CREATE:
            return self._create(request)
        if request.action == wsman.GET:
            return self._get(request)
        entry = self._find(request)
        command_id = _command_id(request)
        message, reply = entry.last.get(command_id, ("", None))
        if reply is not None and message == request.message_id:
            # a client whose connection broke asks again, with the same MessageID, for the same data
            return reply
        if request.action == wsman.RECEIVE:
            return self._receive(request, entry, command_id)
        return self._remember(entry, command_id, request, self._act(request, entry, command_id))

    def _act(self, request: Request, entry: OpenShell, command_id: str) -> Reply:
        if request.action == wsman.COMMAND:
            return self._command(request, entry, command_id or str(uuid.uuid4()).upper())
        if request.action == wsman.SEND:
            for stream in request.body.iter(f"{{{SHELL}}}Stream"):
                entry.shell.send(stream.get("CommandId"), wsman.base64_bytes(stream.text))
            return Reply(200, request.answer("<rsp:SendResponse/>"))
        if request.action == wsman.SIGNAL:
            code = wsman.child_text(request.body, "Signal", "Code") or ""
            entry.shell.signal(command_id, code)
            if code.lower().endswith("/terminate"):
                entry.commands.discard(command_id)
            return Reply(200, request.answer("<rsp:SignalResponse/>"))
        if request.action == wsman.DELETE:
            entry.shell.close()
            del self._shells[request.shell_id.upper()]
            return Reply(200, request.answer(""))
        raise Fault.unsupported(request.action)

    def _create(self, request: Request) -> Reply:
        self._drop_idle()
        if len(self._shells) >= MAX_SHELLS:
            raise Fault.too_many_shells()
        shell = request.body.find(f"{{{SHELL}}}Shell")
        if shell is None:
            raise Fault.malformed("Create without a Shell")
        shell_id = shell.get("ShellId") or str(uuid.uuid4()).upper()
        creation = shell.findtext(OPEN_POWERSHELL)
        opened = self._open_prompt() if creation is None else self._open_pool(wsman.base64_bytes(creation))
        idle = wsman.child_text(shell, "IdleTimeOut")
        self._shells[shell_id.upper()] = OpenShell(
            opened, request.resource_uri, wsman.seconds(idle) if idle else IDLE_TIMEOUT, self._clock()
        )
        return Reply(200, request.answer(_created(shell_id, request.resource_uri)))

    def _get(self, request: Request) -> Reply:
        if request.resource_uri == wsman.CONFIG:
            size = wsman.MAX_ENVELOPE_SIZE // 1024
            body = f"<c:MaxEnvelopeSizekb>{size}</c:MaxEnvelopeSizekb><c:MaxTimeoutms>60000</c:MaxTimeoutms>"
            return Reply(200, request.answer(f'<c:Config xmlns:c="{wsman.CONFIG}">{body}</c:Config>'))
        entry = self._find(request)
        return Reply(200, request.answer(_shell(request.shell_id, entry.resource_uri)))

    def _command(self, request: Request, entry: OpenShell, command_id: str) -> Reply:
        line = request.body.find(f"{{{SHELL}}}CommandLine")
        if line is None:
            raise Fault.malformed("Command without a CommandLine")
        if len(entry.commands) >= MAX_COMMANDS:
            raise Fault.too_many_commands()
        self._admit()
        arguments = [item.text or "" for item in line.iterfind(f"{{{SHELL}}}Arguments")]
        entry.shell.command(command_id, CommandLine(wsman.child_text(line, "Command") or "", arguments))
        entry.commands.add(command_id)
        body = f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"
        return Reply(200, request.answer(body))

    def _receive(self, request: Request, entry: OpenShell, command_id: str) -> Reply | Wait:
        channel = entry.shell.output(command_id or None)
        if (older := entry.waits.pop(command_id, None)) is not None:
            older.superseded = True
            if channel.on_change is not None:
                channel.on_change()

        def finish() -> Reply:
            if not channel.ready:
                return self._fault(request.message_id, Fault.timed_out())
            reply = Reply(200, _output(request, command_id, channel))
            return self._remember(entry, command_id, request, reply)

        if channel.ready:
            return finish()
        wait = entry.waits[command_id] = Wait(channel, request.operation_timeout, finish)
        return wait

    def _find(self, request: Request) -> OpenShell:
        entry = self._shells.get(request.shell_id.upper())
        if entry is None:
            raise Fault.no_such_shell(request.shell_id)
        entry.used = self._clock()
        return entry

    def _drop_idle(self) -> None:
        now = self._clock()
        for shell_id, entry in list(self._shells.items()):
            if now - entry.used > entry.idle_timeout:
                entry.shell.close()
                del self._shells[shell_id]

    def _fault(self, message_id: str, fault: Fault) -> Reply:
        return Reply(500, wsman.fault(message_id, fault, self._machine))

    @staticmethod
    def _remember(entry: OpenShell, command_id: str, request: Request, reply: Reply) -> Reply:
        entry.last[command_id] = (request.message_id, reply)
        if request.action == wsman.SIGNAL:
            entry.waits.pop(command_id, None)
        return reply


def _command_id(request: Request) -> str:
    """The command that a request names; each action has its own place for that."""
    for element in request.body.iter():
        if (command_id := element.get("CommandId")) is not None:
            return command_id.upper()
    return ""


def _output(request: Request, command_id: str, channel: Channel) -> bytes:
    # an envelope holds base64, four bytes for three, beside some 2 kB of its own
    bite = channel.take((request.max_envelope_size - 2048) * 3 // 4)
    name = f' CommandId="{command_id}"' if command_id else ""
    streams = "".join(
        f'<rsp:Stream Name="{stream}"{name}>{base64.b64encode(data).decode()}</rsp:Stream>'
        for stream, data in _joined(bite)
    )
    return request.answer(f"<rsp:ReceiveResponse>{streams}{_state(command_id, bite)}</rsp:ReceiveResponse>")


def _joined(bite: Bite) -> Iterator[tuple[str, bytes]]:
    for name in ("stdout", "stderr"):
        if data := b"".join(piece for stream, piece in bite.pieces if stream == name):
            yield name, data


def _state(command_id: str, bite: Bite) -> str:
    if not command_id:
        return ""
    if bite.exit_code is None:
        return f'<rsp:CommandState CommandId="{command_id}" State="{SHELL}/CommandState/Running"/>'
    return (
        f'<rsp:CommandState CommandId="{command_id}" State="{SHELL}/CommandState/Done">'
        f"<rsp:ExitCode>{bite.exit_code}</rsp:ExitCode></rsp:CommandState>"
    )


def _created(shell_id: str, resource_uri: str) -> str:
    return (
        f"<x:ResourceCreated><a:Address>{wsman.ADDRESSING}/role/anonymous</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{resource_uri}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
        f"</x:ResourceCreated>{_shell(shell_id, resource_uri)}"
    )


def _shell(shell_id: str, resource_uri: str) -> str:
    return (
        f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId><rsp:ResourceUri>{resource_uri}</rsp:ResourceUri>"
        "<rsp:State>Connected</rsp:State><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>"
        "<rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>"
    )
