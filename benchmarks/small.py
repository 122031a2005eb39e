"""Many small requests on 32 connections: wrk for GET, an own loop for HEAD, on which wrk waits for a body
for ever.
"""

import http.client
import re
import select
import socket
import subprocess
import time
from collections.abc import Mapping

CONNECTIONS = 32
_RATE = re.compile(r"Requests/sec:\s*([\d.]+)")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*[1-9]")


def get_rate(port: int, path: str, seconds: float, headers: Mapping[str, str] | None = None) -> float:
    """Return how many GET requests for ``path`` are answered in a second."""
    command = ["wrk", "-t1", "--timeout", "60s", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    headers = headers or {}
    command += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
    )
    if _FAILED.search(done.stdout):
        raise RuntimeError(f"wrk saw errors at {path}:\n{done.stdout}")
    rate = _RATE.search(done.stdout)
    if rate is None:
        raise RuntimeError(f"wrk did not say how fast it was:\n{done.stdout}")
    # Whoever answers nothing in that time with 32 clients is asked by one, for as long as it takes.
    return float(rate[1]) or 1 / _seconds_for_one(port, path, headers)


def _seconds_for_one(port: int, path: str, headers: Mapping[str, str]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    began = time.perf_counter()
    connection.request("GET", path, headers=dict(headers))
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - began


def head_rate(port: int, path: str, seconds: float, accept: str = "") -> float:
    """Return how many HEAD requests for ``path`` are answered in a second."""
    header = f"Accept: {accept}\r\n" if accept else ""
    request = f"HEAD {path} HTTP/1.1\r\nHost: bench\r\n{header}\r\n".encode()
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    with select.epoll() as poll:
        connections = {connection.fileno(): connection for connection in sockets}
        for descriptor, connection in connections.items():
            poll.register(descriptor, select.EPOLLIN)
            connection.sendall(request)
        began, answered = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - began) < seconds:
            ready = poll.poll(1.0)
            for descriptor, _ in ready:
                connection = connections[descriptor]
                data = connection.recv(4096)
                if not data.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"HEAD {path}: {data[:200]!r}")
                connection.send(request)
            answered += len(ready)
    for connection in sockets:
        connection.close()
    return answered / elapsed
