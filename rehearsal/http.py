"""As much of HTTP/1.1 as WinRM clients use: POST with a Content-Length, kept-alive connections. Bytes and
values.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_HEAD = 65_536
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}


class BadRequestError(ValueError):
    """What arrived is no request that this server reads; the connection is answered with ``status`` and
    closed.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class HttpRequest:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def take_request(buffer: bytearray, max_body: int) -> HttpRequest | None:
    """Remove the first request from ``buffer`` and return it, or None if it is not all there yet."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD:
            raise BadRequestError(400, "the head of the request does not end")
        return None
    method, path, headers = _head(bytes(buffer[:end]))
    length = _body_length(method, headers)
    if length > max_body:
        raise BadRequestError(413, f"a body of {length} bytes; at most {max_body} are taken")
    start = end + 4
    if len(buffer) < start + length:
        return None
    body = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return HttpRequest(method, path, headers, body)


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, f"{lines[0]!r} is no request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(400, f"{line!r} is no header")
        headers[name.strip().lower()] = value.strip()
    return parts[0], parts[1], headers


def _body_length(method: str, headers: dict[str, str]) -> int:
    text = headers.get("content-length")
    if text is None:
        if method == "POST":
            raise BadRequestError(411, "a POST needs a Content-Length")
        return 0
    if not text.isdigit():
        raise BadRequestError(400, f"Content-Length {text!r}")
    return int(text)


def response(status: int, headers: list[tuple[str, str]], body: bytes, *, close: bool = False) -> bytes:
    """Return the bytes of a response."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", "Server: Microsoft-HTTPAPI/2.0"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
