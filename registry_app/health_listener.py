"""A second, plain listener on the loopback that says whether the registry is up, and nothing else.

For health checks of a registry that asks its clients for certificates, which a health check has none of; and
for those that cannot speak TLS at all. It serves no content, and `Settings` lets it listen on the loopback
only.
"""

import asyncio
import socket
from typing import Final

LONGEST_REQUEST: Final = 8192
TIMEOUT: Final = 5.0
PATHS: Final = (b"/", b"/health", b"/v2/")

_UP: Final = b'{"status":"up"}'


async def answer_health_checks(listener: socket.socket) -> None:
    """Begin to serve health checks on ``listener``; ends with the event loop."""
    await asyncio.start_server(_answer, sock=listener, limit=LONGEST_REQUEST)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(TIMEOUT):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(response(head))
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError):
        pass  # Whoever asks for no whole request gets no answer.
    finally:
        writer.close()


def response(head: bytes) -> bytes:
    """Return the whole response to a request with this head."""
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    found = method in (b"GET", b"HEAD") and path in PATHS
    status, body = (b"200 OK", _UP) if found else (b"404 Not Found", b"")
    length = str(len(body)).encode()
    lines = (b"HTTP/1.1 " + status, b"Content-Type: application/json", b"Content-Length: " + length)
    return b"\r\n".join((*lines, b"Connection: close", b"", b"" if method == b"HEAD" else body))
