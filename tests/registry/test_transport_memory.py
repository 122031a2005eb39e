"""Answers that are given again: only while they are true, only to the same bytes, never to credentials."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import Request, Sanic
from sanic.response import HTTPResponse

from registry_app.transport import FastResponse, prepare
from registry_app.transport.memory import LONGEST_ANSWER, LONGEST_HEAD, AnswerMemory
from tests.registry.transport_lab import LOOPS, Lab, running

HEAD = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"


def always() -> bool:
    return True


class World:
    """What the remembered answers of the test application describe."""

    def __init__(self) -> None:
        self.version = 1
        self.handled = 0

    def add_to(self, app: Sanic[Any, Any]) -> None:
        app.add_route(self.answer, "/world", methods=["GET", "HEAD"])

    async def answer(self, _request: Request) -> HTTPResponse:
        self.handled += 1
        version = self.version
        body = b"version %d" % version
        return FastResponse(body, 200, prepare([("X-A", "b")]), lambda: self.version == version)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=LOOPS)
def lab(request: pytest.FixtureRequest, world: World) -> Iterator[Lab]:
    with running(request.param, extend=world.add_to) as lab:
        yield lab


def test_the_same_request_is_handled_once(lab: Lab, world: World) -> None:
    with lab.connect() as client:
        for _ in range(5):
            client.ask("GET", "/world")
            answer = client.answer()
            assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"version 1", "b")

    assert world.handled == 1


def test_an_answer_that_is_given_again_says_when(
    lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates = []
    with lab.connect() as client:
        for second in (784111777, 784111777, 784111778):
            monkeypatch.setattr("registry_app.transport.clock.time", SimpleNamespace(time=lambda s=second: s))
            client.ask("GET", "/world")
            answer = client.answer()
            assert answer.body == b"version 1"
            dates.append(answer.headers["date"])

    assert dates == [*["Sun, 06 Nov 1994 08:49:37 GMT"] * 2, "Sun, 06 Nov 1994 08:49:38 GMT"]
    assert world.handled == 1


def test_other_connections_get_the_same_answer(lab: Lab, world: World) -> None:
    with lab.connect() as client:
        client.ask("GET", "/world")
        client.answer()

    with lab.connect() as client:
        # The very first request of a connection may come before its task has begun.
        client.ask("GET", "/hello")
        client.answer()
        client.ask("GET", "/world")
        assert client.answer().body == b"version 1"

    assert world.handled == 1


def test_an_answer_that_is_no_longer_true_is_made_anew(lab: Lab, world: World) -> None:
    with lab.connect() as client:
        client.ask("GET", "/world")
        client.answer()
        world.version = 2

        client.ask("GET", "/world")

        assert client.answer().body == b"version 2"
    assert world.handled == 2


def test_a_disk_that_cannot_say_is_asked_again_where_an_error_can_be_answered() -> None:
    memory = AnswerMemory()

    def broken() -> bool:
        raise OSError(5, "Input/output error")

    memory.keep(HEAD, b"answer", broken)

    assert memory.find(HEAD) is None


def test_head_and_get_are_told_apart(lab: Lab) -> None:
    with lab.connect() as client:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            client.ask(method, "/world")
            answer = client.answer(method)
            assert answer.headers["content-length"] == "9"
            assert answer.body == (b"version 1" if method == "GET" else b"")


def test_pipelined_and_cut_requests_are_answered_in_order(lab: Lab) -> None:
    world, hello = (f"GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode() for path in ("/world", "/hello"))

    with lab.connect() as client:
        client.send(world)
        client.answer()
        client.send(world + hello + world + hello[:9])
        bodies = [client.answer().body for _ in range(3)]
        client.send(hello[9:])
        bodies.append(client.answer().body)

    assert bodies == [b"version 1", b"hello", b"version 1", b"hello"]


@pytest.mark.parametrize("header", ["Authorization: Basic eDp5", "Cookie: a=b", "Connection: close"])
def test_such_a_request_is_always_handled(lab: Lab, world: World, header: str) -> None:
    for _ in range(3):
        with lab.connect() as client:
            client.ask("GET", "/world", header)
            assert client.answer().body == b"version 1"

    assert world.handled == 3


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nauthorization: x\r\n\r\n", id="credentials"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", id="a body"),
        pytest.param(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", id="a chunked body"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD + b"\r\n\r\n", id="a long head"),
    ],
)
def test_such_a_head_is_not_kept(head: bytes) -> None:
    memory = AnswerMemory()

    memory.keep(head, b"answer", always)

    assert memory.find(head) is None


def test_a_long_answer_is_not_kept() -> None:
    memory = AnswerMemory()

    memory.keep(HEAD, b"x" * (LONGEST_ANSWER + 1), always)

    assert memory.find(HEAD) is None


def test_memory_is_bounded_and_the_least_recently_used_goes_first() -> None:
    memory = AnswerMemory(limit=100_000)
    heads = [b"GET /%d HTTP/1.1\r\n\r\n" % index for index in range(100)]

    memory.keep(heads[0], b"x" * 2000, always)
    for head in heads[1:]:
        memory.keep(head, b"x" * 2000, always)
        assert memory.find(heads[0]) is not None

    kept = [head for head in heads if memory.find(head) is not None]
    assert 40 <= len(kept) <= 50
    assert heads[-1] in kept


def test_what_an_answer_stands_on_counts_too() -> None:
    class Heavy:
        weight = 50_000

        def __call__(self) -> bool:
            return True

    memory = AnswerMemory(limit=100_000)

    memory.keep(HEAD, b"x", Heavy())

    assert memory.find(HEAD) is None
