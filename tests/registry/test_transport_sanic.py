"""What the transport takes for granted of Sanic without Sanic promising it: fails when an update changes it.

The names come first, so that the failure says which; what they must *do* is in the other tests of the
transport, which all run through real sockets, and below where no other test would notice.
"""

import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from sanic.http import Http, Stage
from sanic.response import BaseHTTPResponse
from sanic.server import runners
from sanic.server.protocols.http_protocol import HttpProtocol

from registry_app.transport import Application
from registry_app.transport.cycle import RegistryHttp
from registry_app.transport.protocol import PRIVATE_MEMBERS, RegistryProtocol
from tests.registry.transport_lab import DEADLINE, Client, running


def slots(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in getattr(base, "__slots__", ())}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in PRIVATE_MEMBERS.items() for name in names]
)
def test_a_member_that_is_stood_on_exists(kind: type, name: str) -> None:
    assert name in slots(kind) or hasattr(kind, name)


@pytest.mark.parametrize(
    ("kind", "overridden"),
    [
        (HttpProtocol, "connection_made"),
        (HttpProtocol, "data_received"),
        (HttpProtocol, "connection_lost"),
        (HttpProtocol, "send"),
        (HttpProtocol, "check_timeouts"),
        (HttpProtocol, "HTTP_CLASS"),
        (Http, "init_for_request"),
        (Http, "http1_request_header"),
        (Http, "respond"),
        (Http, "read"),
    ],
)
def test_what_is_overridden_is_there_to_be_overridden(kind: type, overridden: str) -> None:
    ours = RegistryProtocol if kind is HttpProtocol else RegistryHttp

    assert hasattr(kind, overridden)
    assert overridden in vars(ours)


def test_sanic_builds_its_request_cycle_from_the_protocols_class() -> None:
    source = inspect.getsource(HttpProtocol._setup_connection)

    assert "self.HTTP_CLASS(" in source


def test_the_stages_are_those_that_decide_about_unread_bodies() -> None:
    assert [stage.name for stage in Stage] == ["IDLE", "REQUEST", "HANDLER", "RESPONSE", "FAILED"]


def test_headers_are_taken_from_the_property_that_is_overridden() -> None:
    assert isinstance(BaseHTTPResponse.processed_headers, property)
    assert "res.processed_headers" in inspect.getsource(Http.http1_response_header)


def test_sanic_ignores_signals_through_the_name_that_is_replaced() -> None:
    source = inspect.getsource(runners._setup_system_signals)

    assert "signal_func(SIGTERM, SIG_IGN)" in source
    assert source.count("SIG_IGN") == 2


def test_windows_keeps_its_proactor_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[object] = []
    monkeypatch.setattr("sanic.mixins.startup.try_use_uvloop", lambda: chosen.append("uvloop"))
    monkeypatch.setattr("sanic.mixins.startup.try_windows_loop", lambda: chosen.append("selector"))
    app = Application("windows", configure_logging=False)

    app.setup_loop()
    assert chosen == ["uvloop"]

    monkeypatch.setattr("registry_app.transport.application._WINDOWS", True)
    monkeypatch.setattr("sanic.mixins.startup.OS_IS_WINDOWS", True)
    app.setup_loop()
    assert chosen == ["uvloop"]


def test_one_line_break_of_the_header_is_left_before_a_chunked_body() -> None:
    # Sanic's chunk parser begins at the CRLF that ends the header; ours drops it.
    with running() as lab, lab.connect() as client:
        client.send(
            b"PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )

        assert client.answer().status == 200


def test_a_release_server_rewrites_sanics_methods_and_not_ours(tmp_path: Path) -> None:
    """Sanic recompiles methods when it starts outside of its test mode, as it does in production."""
    program = dedent("""
        import sys
        from sanic import Sanic, text
        from registry_app.transport import RegistryProtocol, listening_socket, receive, send_file

        app = Sanic("release", configure_logging=False)

        @app.get("/file")
        async def file(request):
            path, headers = sys.argv[1], [("a", "b")]
            return await send_file(request, status=200, headers=headers, path=path, offset=0, length=1 << 20)

        @app.put("/upload", stream=True)
        async def upload(request):
            return text(str(await receive(request, lambda pieces: None, limit=None, idle_timeout=5)))

        listener = listening_socket("127.0.0.1", 0)
        print(listener.getsockname()[1], flush=True)
        app.run(sock=listener, protocol=RegistryProtocol, single_process=True, motd=False, access_log=False)
    """)
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20))

    with subprocess.Popen(
        [sys.executable, "-c", program, str(big)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())

            with Client(("127.0.0.1", port)) as client:
                for _ in range(3):
                    client.ask("GET", "/file")
                    assert client.answer().body == big.read_bytes()
                    client.put("/upload", b"x" * 1_000_000)
                    assert client.answer().body == b"1000000"
                client.socket.shutdown(socket.SHUT_WR)
                assert client.at_end()
        finally:
            server.terminate()
            server.wait(DEADLINE)
