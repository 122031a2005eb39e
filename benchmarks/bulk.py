"""Large bodies over raw sockets: pulls into one reused buffer, pushes from memory, on as many connections
as asked.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator

from benchmarks.store import BLOCK, blocks, digest_of

_RECEIVE = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *(\S+)", re.IGNORECASE)


class LoadFailed(Exception):
    """A server did not answer as a registry would."""


class Connection:
    """One keep-alive connection to a server on loopback."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_RECEIVE)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def pull(self, path: str, headers: str = "") -> int:
        """GET ``path``, throw the body away, and return its length in bytes."""
        self._send_head("GET", path, headers)
        status, length, _ = self._read_head()
        if status not in (200, 206):
            raise LoadFailed(f"GET {path}: {status}")
        left = length
        while left:
            count = self._socket.recv_into(self._buffer, min(left, _RECEIVE))
            if not count:
                raise LoadFailed(f"GET {path}: {left} of {length} bytes are missing")
            left -= count
        return length

    def push(self, repository: str, size: int, seed: bytes, digest: str, chunk: int | None) -> None:
        """Push a blob by POST, PATCH and PUT; with ``chunk``, the PATCH is chunked in pieces of so many
        bytes.
        """
        target = self._expect("POST", f"/v2/{repository}/blobs/uploads/", "Content-Length: 0\r\n", 202)
        framing = "Transfer-Encoding: chunked" if chunk else f"Content-Length: {size}"
        self._send_head("PATCH", target, f"{framing}\r\nContent-Type: application/octet-stream\r\n")
        for piece in chunked(size, seed, chunk) if chunk else blocks(size, seed):
            self._socket.sendall(piece)
        status, length, target = self._read_head()
        self._skip(length)
        if status != 202:
            raise LoadFailed(f"PATCH: {status}")
        separator = "&" if "?" in target else "?"
        self._expect("PUT", f"{target}{separator}digest={digest}", "Content-Length: 0\r\n", 201)

    def _expect(self, method: str, path: str, headers: str, expected: int) -> str:
        self._send_head(method, path, headers)
        status, length, location = self._read_head()
        self._skip(length)
        if status != expected:
            raise LoadFailed(f"{method} {path}: {status}")
        return location

    def _send_head(self, method: str, path: str, headers: str) -> None:
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode())

    def _read_head(self) -> tuple[int, int, str]:
        """Return status, body length and Location (its path); the body is left in the socket."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            peeked = self._socket.recv(4096, socket.MSG_PEEK)
            if not peeked:
                raise LoadFailed("the server closed the connection")
            end = peeked.find(b"\r\n\r\n")
            head += self._socket.recv(end + 4 if end >= 0 else len(peeked))
        length, location = _LENGTH.search(head), _LOCATION.search(head)
        path = location[1].decode() if location else ""
        if path.startswith("http"):
            path = "/" + path.split("/", 3)[3]
        return int(head.split(b" ", 2)[1]), int(length[1]) if length else 0, path

    def _skip(self, length: int) -> None:
        while length:
            length -= len(self._socket.recv(length)) or length


def chunked(size: int, seed: bytes, chunk: int) -> Iterator[bytes]:
    """Yield `blocks` in chunked coding; what repeats is encoded once, so that the client does not wait for
    itself.
    """
    whole = _encode(BLOCK, chunk)
    for block in blocks(size, seed):
        yield whole if block is BLOCK else _encode(block, chunk)
    yield b"0\r\n\r\n"


def _encode(block: bytes, chunk: int) -> bytes:
    pieces = (block[start : start + chunk] for start in range(0, len(block), chunk))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def pull_many(port: int, paths: list[str], repeat: int = 1, headers: str = "") -> int:
    """Pull every path on a connection of its own, all at once, ``repeat`` times; return the bytes that
    came.
    """
    received = [0] * len(paths)

    def one(index: int) -> None:
        connection = Connection(port)
        for _ in range(repeat):
            received[index] += connection.pull(paths[index], headers)
        connection.close()

    in_parallel(one, len(paths))
    return sum(received)


def prepare_pushes(count: int, size: int, label: str) -> list[tuple[bytes, str]]:
    """Return seeds and digests of ``count`` blobs that nobody has, computed before any clock runs."""
    seeds = [f"{label} {index} ".encode() for index in range(count)]
    return [(seed, digest_of(size, seed)) for seed in seeds]


def push_many(
    port: int, size: int, pushes: list[tuple[bytes, str]], connections: int, chunk: int | None
) -> None:
    """Push the prepared blobs, shared out to ``connections`` at a time."""

    def one(index: int) -> None:
        connection = Connection(port)
        for seed, digest in pushes[index::connections]:
            connection.push(f"pushed/{index}", size, seed, digest, chunk)
        connection.close()

    in_parallel(one, connections)


def in_parallel(work: Callable[[int], None], count: int) -> None:
    """Run ``work(0)`` … ``work(count - 1)`` at once; raise the first error of any."""
    errors: list[Exception] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except (OSError, LoadFailed) as error:
            errors.append(error)

    if count == 1:
        work(0)
        return
    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
