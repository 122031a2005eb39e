"""Files on their way to clients: content, connection reuse, and clients that do not behave."""

import asyncio
import errno
import hashlib
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from registry_app.transport import listening_socket, protocol, sendfile, transfer
from registry_app.transport.listener import congestion_control
from tests.registry.transport_lab import LOOPS, Lab, running, until

SIZE = 24 << 20  # several windows, chunks and socket buffers

WAYS = {
    "uvloop kernel": ("uvloop", sendfile.send_kernel),
    "uvloop mapped": ("uvloop", sendfile.send_mapped),
    "uvloop chunks": ("uvloop", sendfile.send_chunks),
    "asyncio kernel": ("asyncio", sendfile.send_kernel),
    "asyncio mapped": ("asyncio", sendfile.send_mapped),
    "asyncio loop": ("asyncio", sendfile.send_loop),
    "asyncio chunks": ("asyncio", sendfile.send_chunks),
}


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("pull") / "big"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(params=list(WAYS.values()), ids=list(WAYS))
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    loop, way = request.param
    monkeypatch.setattr(protocol, "choose_sender", lambda _transport, _loop: way)
    with running(loop, RESPONSE_TIMEOUT=60) as lab:
        yield lab


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_connection_serves_many_files_parts_and_heads(lab: Lab, big: Path) -> None:
    content = big.read_bytes()

    with lab.connect() as client:
        for first, length in [
            (0, SIZE),
            (0, 1),
            (SIZE - 1, 1),
            (4097, 5 << 20),
            (1, 65536),
            (1, 65537),
            (7, 70000),
        ]:
            client.ask("GET", f"/file{big}?first={first}&length={length}")
            answer = client.answer()
            assert answer.headers["content-length"] == str(length)
            assert answer.body == content[first : first + length]
            client.ask("HEAD", f"/file{big}")
            assert client.answer("HEAD").headers["content-length"] == str(SIZE)


def test_pipelined_requests_are_answered_in_order(lab: Lab, big: Path) -> None:
    content = big.read_bytes()
    parts = [(0, 100000), (5, 10), (SIZE - 3_000_000, 3_000_000), (9, 200000)]

    with lab.connect() as client:
        requests = [f"GET /file{big}?first={a}&length={n} HTTP/1.1\r\nHost: x\r\n\r\n" for a, n in parts]
        client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".join(["", *requests, ""]).encode())

        assert client.answer().body == b"hello"
        for first, length in parts:
            assert client.answer().body == content[first : first + length]
            assert client.answer().body == b"hello"


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_clients_that_leave_in_the_middle_leave_nothing_behind(lab: Lab, big: Path, leave: str) -> None:
    with lab.connect() as client:
        client.ask("GET", f"/file{big}")
        client.answer()
    until(lambda: lab.connections() == 0, "the first connection is closed")
    before = descriptors()

    for _ in range(20):
        client = lab.connect(receive_buffer=16384)
        client.ask("GET", f"/file{big}")
        assert client.socket.recv(10000)
        getattr(client, leave)()

    until(lambda: lab.connections() == 0, "every connection is closed")
    until(lambda: descriptors() <= before, "every descriptor is closed")


@pytest.mark.parametrize("push", [transfer.KernelPush, transfer.MappedPush], ids=["kernel", "mapped"])
def test_a_process_without_descriptors_left_loses_none(
    big: Path, monkeypatch: pytest.MonkeyPatch, push: type[transfer.Push]
) -> None:
    opened: list[transfer.Push] = []

    def no_descriptor_left(_socket: int, push: transfer.Push, _offset: int, _length: int) -> None:
        opened.append(push)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    way = sendfile.send_kernel if push is transfer.KernelPush else sendfile.send_mapped
    monkeypatch.setattr(protocol, "choose_sender", lambda _transport, _loop: way)
    monkeypatch.setattr(sendfile, "Transfer", no_descriptor_left)
    with running("uvloop") as lab:
        before = descriptors()
        for _ in range(5):
            with lab.connect() as client:
                client.ask("GET", f"/file{big}")
                assert client.answer().body == b""
                assert client.at_end()

        until(lambda: descriptors() <= before, "every descriptor is closed")
    assert [type(one) for one in opened] == [push] * 5


def test_slow_clients_do_not_stop_a_fast_one(lab: Lab, big: Path) -> None:
    # More clients than the pool has threads, none of which reads: their transfers are all under way and
    # stuck.
    slow = [lab.connect(receive_buffer=8192) for _ in range(100)]
    for client in slow:
        client.ask("GET", f"/file{big}")
    for client in slow:
        client.socket.recv(1)

    with lab.connect() as fast:
        fast.ask("GET", f"/file{big}")
        assert hashlib.sha256(fast.answer().body).digest() == hashlib.sha256(big.read_bytes()).digest()
        fast.ask("GET", "/hello")
        assert fast.answer().body == b"hello"

    assert lab.connections() >= 100
    for client in slow:
        client.close()


def test_a_client_that_sends_no_more_still_gets_its_answer(lab: Lab, big: Path) -> None:
    with lab.connect() as client:
        client.ask("GET", f"/file{big}")
        client.socket.shutdown(socket.SHUT_WR)

        assert client.answer().body == big.read_bytes()
        assert client.at_end()


def test_a_file_that_shrinks_ends_the_connection(lab: Lab, tmp_path: Path) -> None:
    shrinking = tmp_path / "shrinking"
    shrinking.write_bytes(b"x" * SIZE)

    with lab.connect(receive_buffer=8192) as client:
        client.ask("GET", f"/file{shrinking}")
        received = len(client.socket.recv(1))
        os.truncate(shrinking, 1000)
        try:
            while blob := client.socket.recv(1 << 20):
                received += len(blob)
        except ConnectionResetError:
            pass

    assert received < SIZE


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_client_that_reads_nothing_is_closed(
    way: tuple[str, sendfile.Sender], big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, sender = way
    monkeypatch.setattr(protocol, "choose_sender", lambda _transport, _loop: sender)

    with running(loop, RESPONSE_TIMEOUT=0.5) as lab, lab.connect(receive_buffer=8192) as client:
        client.ask("GET", f"/file{big}")
        client.socket.recv(1)

        until(lambda: lab.connections() == 0, "the stalled connection is closed")


@pytest.mark.parametrize("loop", LOOPS)
def test_files_go_through_tls(loop: str, big: Path) -> None:
    authority = trustme.CA()
    server, client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client_context)

    with running(loop, server) as lab, lab.connect() as client:
        client.encrypt(client_context)
        for _ in range(2):
            client.ask("GET", f"/file{big}")
            assert client.answer().body == big.read_bytes()
            client.ask("GET", f"/file{big}?first=5&length=10")
            assert client.answer().body == big.read_bytes()[5:15]


class _Transport(asyncio.Transport):
    def __init__(self, **extra: object) -> None:
        super().__init__(extra)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_a_plain_connection_uses_sendfile(loop: asyncio.AbstractEventLoop) -> None:
    with listening_socket("127.0.0.1", 0) as listener:
        assert sendfile.choose_sender(_Transport(socket=listener), loop) is sendfile.send_kernel


def test_a_connection_that_paces_is_sent_from_memory(loop: asyncio.AbstractEventLoop) -> None:
    with listening_socket("127.0.0.1", 0) as listener:
        try:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        except OSError:
            pytest.skip("this kernel has no BBR for this user")

        assert sendfile.choose_sender(_Transport(socket=listener), loop) is sendfile.send_mapped


def test_an_encrypted_connection_sends_chunks(loop: asyncio.AbstractEventLoop) -> None:
    assert sendfile.choose_sender(_Transport(sslcontext=object()), loop) is sendfile.send_chunks


def test_without_sendfile_the_loop_sends(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sendfile")

    assert sendfile.choose_sender(_Transport(), loop) is sendfile.send_loop


def test_a_proactor_loop_sends_by_itself(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "ProactorEventLoop", type(loop), raising=False)

    assert sendfile.choose_sender(_Transport(socket=socket.socket()), loop) is sendfile.send_loop


def test_a_loop_that_cannot_send_files_gets_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sendfile")
    loop = LOOPS["uvloop"]()

    assert sendfile.choose_sender(_Transport(), loop) is sendfile.send_chunks
    loop.close()


def test_a_loopback_listener_does_not_pace() -> None:
    with listening_socket("127.0.0.1", 0) as listener:
        assert congestion_control(listener) == "reno"


def test_any_other_listener_keeps_the_hosts_choice() -> None:
    with listening_socket("", 0) as listener, socket.socket() as plain:
        assert congestion_control(listener) == congestion_control(plain)


def test_a_congestion_control_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        listening_socket("127.0.0.1", 0, congestion="carrier-pigeon")
