"""A small Sanic application on real sockets, to test the transport without the registry: ours to break."""

import asyncio
import contextlib
import hashlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import uvloop
from sanic import Request, Sanic, text
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, json

from registry_app.transport import (
    BodyError,
    RegistryProtocol,
    listening_socket,
    receive,
    send_file,
    server_at_work,
    small_body,
)
from registry_app.transport.chunked import Piece

DEADLINE = 20.0
"""Seconds after which something that should have happened has not."""

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when ``condition`` holds; fail if it does not within `DEADLINE`."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


class Lab:
    """The running application, and what it has seen."""

    def __init__(
        self,
        loop: str,
        ssl_context: ssl.SSLContext | None,
        extend: Callable[[Sanic[Any, Any]], None] | None,
        config: dict[str, object],
    ) -> None:
        self.uploads: list[tuple[str, int, str]] = []
        """For each upload: how it ended, the bytes that came, and their SHA-256."""
        self.hold = threading.Event()
        """Sinks of ``/upload?hold=1`` wait for it."""
        self.in_sink = threading.Event()
        self.errors: list[BaseException] = []
        self._loop = LOOPS[loop]()
        self._ssl = ssl_context
        self._config = config
        self._extend = extend
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        listener = listening_socket("127.0.0.1", 0)
        self.address: tuple[str, int] = listener.getsockname()
        self._listener = listener

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(DEADLINE)

    def stop(self) -> None:
        self.hold.set()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        assert self.errors == []

    def connect(self, receive_buffer: int | None = None) -> "Client":
        return Client(self.address, receive_buffer)

    def connections(self) -> int:
        """How many connections the server holds open."""
        return len(self._server.connections)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._note)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or RuntimeError(context["message"]))

    async def _serve(self) -> None:
        Sanic.test_mode = True
        app = Sanic(f"transport-{uuid4().hex}", configure_logging=False)
        app.config.update({"REQUEST_MAX_SIZE": 1 << 20, "MOTD": False, "ACCESS_LOG": False, **self._config})
        app.ctx.lab = self
        _routes(app)
        if self._extend is not None:
            self._extend(app)
        server = await app.create_server(
            sock=self._listener, protocol=RegistryProtocol, return_asyncio_server=True, ssl=self._ssl
        )
        assert server is not None
        self._server = server
        await server.startup()
        await server.start_serving()
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(server.connections):
            connection.abort()
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def running(
    loop: str = "uvloop",
    ssl_context: ssl.SSLContext | None = None,
    extend: Callable[[Sanic[Any, Any]], None] | None = None,
    **config: object,
) -> Iterator[Lab]:
    """Run the application on its own thread and event loop."""
    lab = Lab(loop, ssl_context, extend, config)
    lab.start()
    try:
        yield lab
    finally:
        lab.stop()


def _routes(app: Sanic[Any, Any]) -> None:
    app.add_route(_file, "/file/<path:path>", methods=["GET", "HEAD"])
    app.add_route(_upload, "/upload", methods=["PUT"], stream=True)
    app.add_route(_small, "/small", methods=["PUT"], stream=True)
    app.add_route(_hello, "/hello", methods=["GET", "HEAD"])
    app.add_route(_refuse, "/refuse", methods=["PUT"], stream=True)
    app.add_route(_busy, "/busy", methods=["GET"])
    app.add_route(_preloaded, "/preloaded", methods=["PUT"])


async def _hello(_request: Request) -> HTTPResponse:
    return text("hello")


async def _preloaded(request: Request) -> HTTPResponse:
    return text(f"{len(request.body)} bytes")


async def _refuse(_request: Request) -> HTTPResponse:
    raise SanicException("who are you?", status_code=401)


async def _busy(request: Request) -> HTTPResponse:
    with server_at_work(request):
        await asyncio.sleep(float(request.args.get("seconds")))
    return text("done")


async def _file(request: Request, path: str) -> HTTPResponse | None:
    size = os.stat(f"/{path}").st_size
    first = int(request.args.get("first", 0))
    length = int(request.args.get("length", size - first))
    return await send_file(
        request,
        status=200 if length == size else 206,
        headers=[("content-type", "application/octet-stream")],
        path=f"/{path}",
        offset=first,
        length=length,
    )


async def _small(request: Request) -> HTTPResponse:
    try:
        return text(hashlib.sha256(await small_body(request, 1000)).hexdigest())
    except BodyError as error:
        return text(type(error).__name__, status=400)


async def _upload(request: Request) -> HTTPResponse:
    lab: Lab = request.app.ctx.lab
    digest = hashlib.sha256()
    written: list[int] = []

    def hash_lane(pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            digest.update(piece)

    def write_lane(pieces: Sequence[Piece]) -> None:
        lab.in_sink.set()
        if request.args.get("hold"):
            lab.hold.wait(DEADLINE)
        if request.args.get("full"):
            raise OSError(28, "No space left on device")
        written.extend(map(len, pieces))

    outcome = "cancelled"
    try:
        limit = int(request.args["limit"][0]) if "limit" in request.args else None
        idle = float(request.args.get("idle", DEADLINE))
        await receive(request, hash_lane, write_lane, limit=limit, idle_timeout=idle)
        outcome = "whole"
    except (BodyError, OSError) as error:
        outcome = type(error).__name__
        return text(outcome, status=400)
    finally:
        lab.uploads.append((outcome, sum(written), digest.hexdigest()))
    return json({"size": sum(written), "sha256": digest.hexdigest()})


class Answer:
    """One response as it came over the wire."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Client:
    """A raw socket that can read responses."""

    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(address)
        self._reader: Any = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def encrypt(self, context: ssl.SSLContext) -> None:
        self._reader.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"") -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: lab", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def put(self, target: str, body: bytes, *headers: str) -> None:
        self.ask("PUT", target, f"Content-Length: {len(body)}", *headers, body=body)

    def answer(self, method: str = "GET") -> Answer:
        """Read one response; EOFError if the server closes instead."""
        line = self._reader.readline()
        if not line:
            raise EOFError("the server closed the connection")
        status = int(line.split()[1])
        headers = {}
        while (line := self._reader.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" or status in {100, 204} else int(headers["content-length"])
        return Answer(status, headers, self._reader.read(length))

    def at_end(self) -> bool:
        """Whether the server has closed the connection; waits for it or for more data."""
        try:
            return bool(self._reader.read(1) == b"")
        except ConnectionResetError:
            return True
