"""curl.exe as Windows ships it: fetch a URL, with the options that provisioning uses and curl's own exit
codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from rehearsal.engine.host_machine import HostMachine
from rehearsal.engine.registry_transport import Network, Response, TransportError, Trusted, request
from rehearsal.engine.service import EngineService
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult, WindowsError

UNKNOWN_OPTION, BAD_URL, NO_HOST, NO_CONNECTION, HTTP_ERROR, CANNOT_WRITE = 2, 3, 6, 7, 22, 23
TOO_MANY_REDIRECTS, UNTRUSTED = 47, 60
MAX_REDIRECTS = 10
_LONG = {
    "--fail": "f",
    "--silent": "s",
    "--show-error": "S",
    "--location": "L",
    "--insecure": "k",
    "--head": "I",
}
_VALUED = {"-o": "output", "--output": "output", "-X": "method", "--request": "method", "-m": "time",
           "--max-time": "time", "-H": "header", "--header": "header", "--noproxy": "no proxy"}  # fmt: skip


class CurlError(Exception):
    """curl ends with this exit code and, unless it is silent, this text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Request:
    """A command line of curl, understood."""

    url: str = ""
    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def curl(host: Host, argv: list[str], _: bytes) -> NativeResult:
    """Fetch one URL."""
    try:
        asked = _read(argv[1:])
    except CurlError as error:
        return NativeResult(error.code, b"", f"curl: {error}\r\n".encode())
    try:
        return NativeResult(0, _deliver(host, asked, _fetch(host, asked)))
    except CurlError as error:
        quiet = "s" in asked.flags and "S" not in asked.flags
        return NativeResult(error.code, b"", b"" if quiet else f"curl: ({error.code}) {error}\r\n".encode())


def _read(words: list[str]) -> Request:
    asked = Request()
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word in _VALUED:
            if not pending:
                raise CurlError(UNKNOWN_OPTION, f"option {word}: requires parameter")
            asked.values[_VALUED[word]] = pending.pop(0)
        elif word in _LONG:
            asked.flags.add(_LONG[word])
        elif word.startswith("-") and not word.startswith("--") and set(word[1:]) <= set(_LONG.values()):
            asked.flags |= set(word[1:])
        elif word.startswith("-") and word[-1] == "o" and set(word[1:-1]) <= set(_LONG.values()) and pending:
            asked.flags |= set(word[1:-1])
            asked.values["output"] = pending.pop(0)
        elif word.startswith("-"):
            raise CurlError(
                UNKNOWN_OPTION, f"option {word}: is unknown (the rehearsal: -f -s -S -L -k -I -o -X -m -H)"
            )
        else:
            asked.url = word
    if not asked.url:
        raise CurlError(UNKNOWN_OPTION, "no URL specified!")
    if "header" in asked.values:
        name, _, value = asked.values["header"].partition(":")
        asked.headers[name.strip()] = value.strip()
    return asked


def _fetch(host: Host, asked: Request) -> Response:
    url = asked.url if "://" in asked.url else f"http://{asked.url}"
    method = asked.values.get("method") or ("HEAD" if "I" in asked.flags else "GET")
    trusted = Trusted(verify="k" not in asked.flags)
    for _ in range(MAX_REDIRECTS):
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise CurlError(BAD_URL, "URL using bad/illegal format or missing URL")
        try:
            headers = {"User-Agent": "curl/8.9.1", **asked.headers}
            answer = request(_network(host), trusted, method, url, headers=headers)
        except TransportError as error:
            raise _translated(str(error), url) from error
        target = answer.header("location")
        if "L" not in asked.flags or not 300 <= answer.status < 400 or not target:
            return answer
        url = urljoin(url, target)
    raise CurlError(TOO_MANY_REDIRECTS, f"Maximum ({MAX_REDIRECTS}) redirects followed")


def _network(host: Host) -> Network:
    engine = host.engine.running if isinstance(host.engine, EngineService) else None

    def locate(address: str, port: int) -> tuple[str, int] | None:
        return None if engine is None else engine.runtime.where(address, port)

    return Network(host.address, HostMachine(host).addresses, locate)


def _translated(text: str, url: str) -> CurlError:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if "no such host" in text:
        return CurlError(NO_HOST, f"Could not resolve host: {parts.hostname}")
    if "certificate" in text:
        return CurlError(UNTRUSTED, "schannel: SEC_E_UNTRUSTED_ROOT (0x80090325)")
    return CurlError(
        NO_CONNECTION, f"Failed to connect to {parts.hostname} port {port}: Could not connect to server"
    )


def _deliver(host: Host, asked: Request, answer: Response) -> bytes:
    if "f" in asked.flags and answer.status >= 400:
        raise CurlError(HTTP_ERROR, f"The requested URL returned error: {answer.status}")
    content = answer.body
    if "I" in asked.flags:
        lines = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in answer.headers.items())]
        content = "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
    target = asked.values.get("output")
    if target is None:
        return content
    if target.casefold() in {"nul", "-"}:
        return content if target == "-" else b""
    try:
        host.files.write(target, content)
    except WindowsError as error:
        raise CurlError(CANNOT_WRITE, f"Failure writing output to destination: {error.message}") from error
    host.changed(f"file {target} written")
    return b""
