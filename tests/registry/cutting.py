"""A proxy that cuts one connection in the middle of a transfer, as a bad network does, and then behaves."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_RANGE = re.compile(rb"\r\n(?:Range|Content-Range): *(bytes[=0-9-]+)\r\n", re.IGNORECASE)
_PIECE = 65536


@dataclass
class CuttingProxy:
    """Forwards connections to ``target``; the first one that carries more than ``after`` bytes is cut."""

    target: tuple[str, int]
    after: int
    has_cut: bool = False
    heads: bytes = b""
    """What clients sent, without the bodies of pushes, about: to look for headers in."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def ranges(self) -> list[str]:
        """The parts that clients asked for."""
        return [found.decode() for found in _RANGE.findall(self.heads)]

    def serve(self) -> None:
        """Take connections until `close`."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            for source, sink, upwards in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pump, args=(source, sink), kwargs={"upwards": upwards}, daemon=True
                ).start()

    def close(self) -> None:
        """Take no more connections."""
        # Closing alone does not wake who waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pump(self, source: socket.socket, sink: socket.socket, *, upwards: bool) -> None:
        carried, cut = 0, False
        with suppress(OSError):
            while data := source.recv(_PIECE):
                carried += len(data)
                if upwards and b"HTTP/1.1\r\n" in data:
                    self.heads += data[:4096]
                if carried > self.after and self._may_cut():
                    cut = True
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            if cut:
                # Whoever still sends into it is told; after a shutdown alone its bytes would be waited for.
                end.close()

    def _may_cut(self) -> bool:
        with self._lock:
            may, self.has_cut = not self.has_cut, True
            return may


@contextmanager
def cutting_proxy(target: str, after: int) -> Iterator[CuttingProxy]:
    """Run a proxy in front of ``target``, an address with its port."""
    host, _, port = target.partition(":")
    proxy = CuttingProxy((host, int(port)), after)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
