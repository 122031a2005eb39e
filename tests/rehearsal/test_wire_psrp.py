"""A runspace pool, spoken to by psrpcore's client side: bytes in, bytes out."""

import base64
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import psrpcore
import pytest
from psrpcore.types import PSInvocationState

from rehearsal.channel import CommandLine
from rehearsal.psrp import RunspacePool
from rehearsal.shell.values import Invocation, Outcome, PsEnum, PsError, PsObject, Record
from rehearsal.wsman import Fault

Event = psrpcore.PSRPEvent[Any, Any]
Execute = Callable[[Invocation, threading.Event], Outcome]


class Client:
    """psrpcore's client with the transport done by hand."""

    def __init__(self, execute: Execute, *, split_receive: bool = False) -> None:
        self.pool = psrpcore.ClientRunspacePool()
        self.pool.open()
        self.server = RunspacePool(execute, self._data(), split_receive=split_receive)
        self.events = self._read(None)

    def _data(self) -> bytes:
        chunks = []
        while (payload := self.pool.data_to_send()) is not None:
            chunks.append(payload.data)
        return b"".join(chunks)

    def _read(self, command_id: str | None, pipeline_id: uuid.UUID | None = None) -> list[Event]:
        pieces = self.server.output(command_id).take(10_000_000).pieces
        data = b"".join(piece for _, piece in pieces)
        self.pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline_id))
        events = []
        while (event := self.pool.next_event()) is not None:
            events.append(event)
        return events

    def start(self, *texts: str, given: Sequence[object] | None = None) -> uuid.UUID:
        pipeline = psrpcore.ClientPowerShell(self.pool)
        for text in texts:
            pipeline.add_script(text).add_statement()
        pipeline.metadata.no_input = given is None
        pipeline.start()
        argument = base64.b64encode(self._data()).decode()
        self.server.command(str(pipeline.pipeline_id), CommandLine("", [argument]))
        for value in given or []:
            pipeline.send(value)
            self.server.send(str(pipeline.pipeline_id), self._data())
        if given is not None:
            pipeline.send_eof()
            self.server.send(str(pipeline.pipeline_id), self._data())
        return pipeline.pipeline_id

    def work(self) -> int:
        """Carry out every job; return how many there were."""
        count = 0
        while (job := self.server.next_job()) is not None:
            job.run()()
            count += 1
        return count

    def result(self, pipeline_id: uuid.UUID) -> list[Event]:
        return self._read(str(pipeline_id), pipeline_id)


def answering(*records: Record, failure: PsError | None = None) -> Execute:
    return lambda _invocation, _cancel: Outcome(list(records), failure)


def state_of(events: list[Event]) -> PSInvocationState:
    return next(event.state for event in events if isinstance(event, psrpcore.PipelineStateEvent))


def test_a_pool_opens_in_one_exchange() -> None:
    client = Client(answering())

    states = [
        event.state.name for event in client.events if isinstance(event, psrpcore.RunspacePoolStateEvent)
    ]
    assert states == ["Opened"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("plain", id="text"),
        pytest.param("a\r\nb\x00\x1b \U0001f600 _x0041_ \u2019", id="text that XML has trouble with"),
        pytest.param(True, id="truth value"),
        pytest.param(5, id="number"),
        pytest.param(-(2**40), id="long number"),
        pytest.param(b"\x00\xff", id="bytes"),
        pytest.param(["a", 1], id="list"),
        pytest.param("x" * 300_000, id="more than a fragment"),
    ],
)
def test_output_arrives_as_it_was_written(value: object) -> None:
    client = Client(answering(Record("output", value)))
    pipeline = client.start("anything")
    client.work()

    events = client.result(pipeline)

    assert [event.data for event in events if isinstance(event, psrpcore.PipelineOutputEvent)] == [value]
    assert state_of(events) == PSInvocationState.Completed


def test_an_object_arrives_with_its_properties_and_its_text() -> None:
    client = Client(
        answering(Record("output", PsObject("Some.Type", {"State": PsEnum("Running", 4)}, text="shown")))
    )
    pipeline = client.start("anything")
    client.work()

    (output,) = [
        event.data for event in client.result(pipeline) if isinstance(event, psrpcore.PipelineOutputEvent)
    ]

    assert (output.State, str(output)) == ("Running", "shown")


def test_warnings_and_errors_have_a_text() -> None:
    error = PsError("it went wrong", "SomeId", "ObjectNotFound", target="thing")
    blank = PsError("", "NativeCommandErrorMessage")
    client = Client(answering(Record("warning", "careful"), Record("error", error), Record("error", blank)))
    pipeline = client.start("anything")
    client.work()

    events = client.result(pipeline)

    (warning,) = [event.record for event in events if isinstance(event, psrpcore.WarningRecordEvent)]
    record, empty = [event.record for event in events if isinstance(event, psrpcore.ErrorRecordEvent)]
    assert warning.Message == "careful"
    assert (str(record), record.FullyQualifiedErrorId) == ("it went wrong", "SomeId")
    assert str(empty) == ""
    assert state_of(events) == PSInvocationState.Completed


def test_an_error_that_ends_the_pipeline_is_its_state() -> None:
    client = Client(answering(Record("output", "before"), failure=PsError("no", "Stopped")))
    pipeline = client.start("anything")
    client.work()

    events = client.result(pipeline)

    assert state_of(events) == PSInvocationState.Failed
    reason = next(event.reason for event in events if isinstance(event, psrpcore.PipelineStateEvent))
    assert str(reason) == "no"


def test_statements_and_input_reach_the_runspace() -> None:
    seen: list[Invocation] = []

    def execute(invocation: Invocation, _: threading.Event) -> Outcome:
        seen.append(invocation)
        return Outcome()

    client = Client(execute)
    client.start("first", "second", given=["a", 2])
    client.work()

    (invocation,) = seen
    assert [[command.text for command in statement] for statement in invocation.statements] == [
        ["first"],
        ["second"],
    ]
    assert invocation.input == ["a", 2]


def test_a_pool_has_one_runspace() -> None:
    order: list[str] = []

    def execute(invocation: Invocation, _: threading.Event) -> Outcome:
        order.append(invocation.statements[0][0].text)
        return Outcome()

    client = Client(execute)
    client.start("one")
    client.start("two")
    first = client.server.next_job()
    assert first is not None

    assert client.server.next_job() is None
    first.run()()
    client.work()
    assert order == ["one", "two"]


def test_a_stopped_pipeline_says_so_at_once_and_frees_the_runspace() -> None:
    cancelled: list[threading.Event] = []

    def execute(_: Invocation, cancel: threading.Event) -> Outcome:
        cancelled.append(cancel)
        return Outcome([Record("output", "late")])

    client = Client(execute)
    pipeline = client.start("long")
    job = client.server.next_job()
    assert job is not None

    client.server.signal(str(pipeline), "powershell/signal/ctrl_c")

    assert state_of(client.result(pipeline)) == PSInvocationState.Stopped
    client.start("next")
    assert client.work() == 1
    job.run()()
    assert cancelled[-1].is_set()


def test_output_and_state_come_apart_if_asked_for() -> None:
    client = Client(answering(Record("output", "x")), split_receive=True)
    pipeline = client.start("anything")
    client.work()
    channel = client.server.output(str(pipeline))

    first, second = channel.take(100_000), channel.take(100_000)

    assert first.exit_code is None
    assert second.exit_code == 0


def test_a_command_that_gave_all_its_output_is_gone() -> None:
    client = Client(answering(Record("output", "x")))
    pipeline = client.start("anything")
    client.work()
    client.result(pipeline)

    with pytest.raises(Fault):
        client.server.output(str(pipeline))


@pytest.mark.parametrize("data", [b"nonsense", b"\x00" * 40])
def test_bytes_that_are_no_fragment_are_a_fault(data: bytes) -> None:
    client = Client(answering())

    with pytest.raises(Fault):
        client.server.send(None, data)


def test_a_command_that_is_sent_too_much_fails_and_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.psrp.DATA_PER_COMMAND", 1000)
    client = Client(answering(Record("output", "ran")))

    pipeline = client.start("anything", given=["x" * 2000, "y"])

    assert client.work() == 0
    assert state_of(client.result(pipeline)) == PSInvocationState.Failed
