"""A host's WS-Management service: envelopes in, envelopes out; what must wait is handed back as a wait."""

import base64
import uuid
from xml.etree import ElementTree as ET

import pytest

from rehearsal import wsman
from rehearsal.channel import PIECE, Channel, CommandLine, Job
from rehearsal.sessions import IDLE_TIMEOUT, MAX_COMMANDS, MAX_SHELLS, Reply, Sessions, Wait
from rehearsal.wsman import SHELL, Fault, Request, seconds

ENVELOPE = f"""<s:Envelope xmlns:s="{wsman.SOAP}" xmlns:a="{wsman.ADDRESSING}" xmlns:w="{wsman.WSMAN}"
 xmlns:rsp="{SHELL}"><s:Header><a:Action>{{action}}</a:Action><a:MessageID>{{message}}</a:MessageID>
<w:OperationTimeout>PT7S</w:OperationTimeout><w:MaxEnvelopeSize>{{size}}</w:MaxEnvelopeSize>
<w:ResourceURI>{{uri}}</w:ResourceURI>{{selectors}}</s:Header><s:Body>{{body}}</s:Body></s:Envelope>"""
SELECTORS = '<w:SelectorSet><w:Selector Name="ShellId">{}</w:Selector></w:SelectorSet>'


def envelope(
    action: str,
    body: str = "",
    *,
    shell: str = "",
    message: str = "",
    size: int = 153_600,
    uri: str = "shell/cmd",
) -> bytes:
    return ENVELOPE.format(
        action=action,
        message=message or f"uuid:{uuid.uuid4()}",
        body=body,
        size=size,
        uri=uri,
        selectors=SELECTORS.format(shell) if shell else "",
    ).encode()


class EchoShell:
    """A shell whose commands give what their channel is given by the test."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.sent: list[tuple[str | None, bytes]] = []
        self.signals: list[tuple[str, str]] = []
        self.closed = False

    def command(self, command_id: str, command_line: CommandLine) -> None:  # noqa: ARG002 - as `Shell` has it
        self.channels[command_id] = Channel()

    def send(self, command_id: str | None, data: bytes) -> None:
        self.sent.append((command_id, data))

    def output(self, command_id: str | None) -> Channel:
        if command_id not in self.channels or self.channels[command_id].drained:
            raise Fault.no_such_command(str(command_id))
        return self.channels[command_id]

    def signal(self, command_id: str, code: str) -> None:
        self.signals.append((command_id, code))

    def close(self) -> None:
        self.closed = True

    def next_job(self) -> Job | None:
        return None


class Service:
    """A service with one kind of shell and a clock that the test winds."""

    def __init__(self) -> None:
        self.opened: list[EchoShell] = []
        self.now = 0.0
        self.sessions = Sessions("HOST", lambda _: self._open(), self._open, clock=lambda: self.now)

    def _open(self) -> EchoShell:
        self.opened.append(EchoShell())
        return self.opened[-1]

    def create(self) -> str:
        reply = self.handle(envelope(wsman.CREATE, "<rsp:Shell/>"))
        return ET.fromstring(reply.body).findtext(f".//{{{SHELL}}}ShellId") or ""

    def command(self, shell: str) -> tuple[str, Channel]:
        reply = self.handle(envelope(wsman.COMMAND, "<rsp:CommandLine/>", shell=shell))
        command = ET.fromstring(reply.body).findtext(f".//{{{SHELL}}}CommandId") or ""
        return command, self.opened[-1].channels[command]

    def handle(self, data: bytes) -> Reply:
        reply = self.sessions.handle(data)
        assert isinstance(reply, Reply)
        return reply

    def receive(self, shell: str, command: str, *, message: str = "", size: int = 153_600) -> Reply:
        return self.handle(receive(shell, command, message=message, size=size))

    def wait(self, shell: str, command: str, *, message: str = "") -> Wait:
        wait = self.sessions.handle(receive(shell, command, message=message))
        assert isinstance(wait, Wait)
        return wait


def receive(shell: str, command: str, *, message: str = "", size: int = 153_600) -> bytes:
    body = f'<rsp:Receive><rsp:DesiredStream CommandId="{command}">stdout</rsp:DesiredStream></rsp:Receive>'
    return envelope(wsman.RECEIVE, body, shell=shell, message=message, size=size)


@pytest.fixture
def service() -> Service:
    return Service()


def output_of(reply: Reply) -> bytes:
    streams = ET.fromstring(reply.body).iter(f"{{{SHELL}}}Stream")
    return b"".join(base64.b64decode(stream.text or "") for stream in streams)


def fault_code(reply: Reply) -> int:
    assert reply.status == 500
    found = next(e for e in ET.fromstring(reply.body).iter() if e.tag.endswith("}WSManFault"))
    return int(found.get("Code", "0"))


def test_an_answer_names_the_message_that_it_answers(service: Service) -> None:
    reply = service.handle(envelope(wsman.CREATE, "<rsp:Shell/>", message="uuid:THIS"))

    assert ET.fromstring(reply.body).findtext(f".//{{{wsman.ADDRESSING}}}RelatesTo") == "uuid:THIS"


def test_a_receive_without_output_waits_as_long_as_its_client_does(service: Service) -> None:
    shell = service.create()
    command, channel = service.command(shell)

    wait = service.wait(shell, command)

    assert (wait.seconds, wait.over) == (7.0, False)
    channel.put("stdout", b"now")
    assert wait.over
    assert output_of(wait.finish()) == b"now"


def test_a_wait_whose_time_is_up_is_the_fault_that_clients_repeat_on(service: Service) -> None:
    shell = service.create()
    command, _ = service.command(shell)
    wait = service.wait(shell, command)

    reply = wait.finish()

    assert fault_code(reply) == wsman.OPERATION_TIMED_OUT


def test_a_repeated_receive_gets_the_same_output_again(service: Service) -> None:
    shell = service.create()
    command, channel = service.command(shell)
    channel.put("stdout", b"once")
    channel.finish(0)
    first = service.receive(shell, command, message="uuid:SAME")

    again = service.receive(shell, command, message="uuid:SAME")

    assert output_of(again) == output_of(first) == b"once"


def test_output_that_nobody_waited_for_is_there_for_the_next_receive(service: Service) -> None:
    shell = service.create()
    command, channel = service.command(shell)
    service.wait(shell, command, message="uuid:LOST")
    channel.put("stdout", b"kept")

    reply = service.receive(shell, command, message="uuid:LOST")

    assert output_of(reply) == b"kept"


def test_a_second_receive_takes_the_place_of_the_first(service: Service) -> None:
    shell = service.create()
    command, _ = service.command(shell)
    first = service.wait(shell, command)

    service.wait(shell, command)

    assert first.superseded


@pytest.mark.parametrize("size", [153_600, 512_000, 10_000_000])
def test_an_answer_fits_the_envelope_that_its_client_takes(service: Service, size: int) -> None:
    shell = service.create()
    command, channel = service.command(shell)
    channel.put("stdout", bytes(1_000_000))
    channel.finish(3)
    sizes, total = [], 0

    while not channel.drained:
        reply = service.receive(shell, command, size=size)
        sizes.append(len(reply.body))
        total += len(output_of(reply))

    assert total == 1_000_000
    assert max(sizes) <= min(size, wsman.MAX_ENVELOPE_SIZE)
    assert max(sizes) > min(size, wsman.MAX_ENVELOPE_SIZE) - 2 * PIECE


def test_the_last_answer_has_the_exit_code_and_the_next_is_a_fault(service: Service) -> None:
    shell = service.create()
    command, channel = service.command(shell)
    channel.put("stdout", b"x")
    channel.finish(3)

    reply = service.receive(shell, command)

    assert ET.fromstring(reply.body).findtext(f".//{{{SHELL}}}ExitCode") == "3"
    assert fault_code(service.receive(shell, command)) == wsman.SHELL_NOT_FOUND


@pytest.mark.parametrize(
    "action", [wsman.COMMAND, wsman.SEND, wsman.RECEIVE, wsman.SIGNAL, wsman.DELETE, wsman.GET]
)
def test_a_shell_that_is_not_open_is_a_fault(service: Service, action: str) -> None:
    reply = service.handle(envelope(action, shell="NOWHERE"))

    assert fault_code(reply) == wsman.SHELL_NOT_FOUND


def test_a_deleted_shell_is_closed_and_gone(service: Service) -> None:
    shell = service.create()

    service.handle(envelope(wsman.DELETE, shell=shell))

    assert service.opened[0].closed
    assert fault_code(service.handle(envelope(wsman.GET, shell=shell))) == wsman.SHELL_NOT_FOUND


def test_input_and_signals_reach_their_command(service: Service) -> None:
    shell = service.create()
    data = base64.b64encode(b"data").decode()
    send = f'<rsp:Send><rsp:Stream Name="stdin" CommandId="C1">{data}</rsp:Stream></rsp:Send>'
    signal = '<rsp:Signal CommandId="C1"><rsp:Code>stop</rsp:Code></rsp:Signal>'

    service.handle(envelope(wsman.SEND, send, shell=shell))
    service.handle(envelope(wsman.SIGNAL, signal, shell=shell))

    assert service.opened[0].sent == [("C1", b"data")]
    assert service.opened[0].signals == [("C1", "stop")]


def test_disconnected_shells_are_not_offered(service: Service) -> None:
    shell = service.create()

    reply = service.handle(envelope(f"{SHELL}/Disconnect", shell=shell))

    assert fault_code(reply) == wsman.ACTION_NOT_SUPPORTED


def test_the_service_tells_how_large_an_envelope_may_be(service: Service) -> None:
    reply = service.handle(envelope(wsman.GET, uri=wsman.CONFIG))

    assert ET.fromstring(reply.body).findtext(f".//{{{wsman.CONFIG}}}MaxEnvelopeSizekb") == "500"


def test_a_user_has_so_many_shells_until_one_was_idle_long_enough(service: Service) -> None:
    for _ in range(MAX_SHELLS):
        service.create()

    refused = service.handle(envelope(wsman.CREATE, "<rsp:Shell/>"))
    service.now = IDLE_TIMEOUT + 1
    admitted = service.handle(envelope(wsman.CREATE, "<rsp:Shell/>"))

    assert fault_code(refused) == wsman.TOO_MANY_SHELLS
    assert admitted.status == 200
    assert all(shell.closed for shell in service.opened[:-1])


def test_a_command_counts_until_it_is_signalled(service: Service) -> None:
    shell = service.create()
    commands = [service.command(shell)[0] for _ in range(MAX_COMMANDS)]
    command = envelope(wsman.COMMAND, "<rsp:CommandLine/>", shell=shell)
    code = f"<rsp:Code>{SHELL}/signal/Terminate</rsp:Code>"

    refused = service.handle(command)
    service.handle(
        envelope(wsman.SIGNAL, f'<rsp:Signal CommandId="{commands[0]}">{code}</rsp:Signal>', shell=shell)
    )
    admitted = service.handle(command)

    assert fault_code(refused) == wsman.TOO_MANY_COMMANDS
    assert admitted.status == 200


@pytest.mark.parametrize("data", [b"", b"<a", b"<a/>", b"\xff", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_envelope_is_a_fault(service: Service, data: bytes) -> None:
    assert fault_code(service.handle(data)) == wsman.MALFORMED


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT20S", 20), ("PT20.500S", 20.5), ("PT1M", 60), ("P0DT0H0M5S", 5), ("P1D", 86_400), ("PT2H", 7200)],
)
def test_durations_are_read(text: str, expected: object) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["20", "PT", "P", "20S", "P1Y"])
def test_what_is_no_duration_is_a_fault(text: str) -> None:
    with pytest.raises(Fault):
        seconds(text)


def test_a_request_is_read_with_what_matters_here() -> None:
    request = Request.parse(envelope(wsman.SIGNAL, shell="ABC", message="uuid:1", size=600_000))

    assert (request.action, request.shell_id, request.message_id) == (wsman.SIGNAL, "ABC", "uuid:1")
    assert (request.operation_timeout, request.max_envelope_size) == (7.0, wsman.MAX_ENVELOPE_SIZE)
