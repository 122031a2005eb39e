"""One HTTP request from the engine to a registry, with the errors of Go's HTTP client on Windows.

Addresses of containers of this host lead to the real processes behind them; names are looked up as the host
does; certificates are checked for the name that was asked for.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rehearsal.engine.golang import netip
from rehearsal.engine.golang.quoting import quote

_TIMEOUT = 30.0
_REFUSED = "No connection could be made because the target machine actively refused it."
_SILENT = (
    "A connection attempt failed because the connected party did not properly respond after a period of "
    "time, or established connection failed because connected host has failed to respond."
)
_UNREACHABLE = "A socket operation was attempted to an unreachable network."
_PLAIN_ANSWERS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
)

Locate = Callable[[str, int], tuple[str, int] | None]
Resolve = Callable[[str], list[str]]


class TransportError(Exception):
    """A request failed below HTTP; the text is Go's, without method and URL."""


@dataclass(frozen=True)
class Response:
    """An HTTP answer with its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header, or nothing."""
        return self.headers.get(name.lower(), "")


@dataclass
class Network:
    """How the engine reaches registries."""

    host_address: str
    resolve: Resolve
    locate: Locate
    """Where on this machine a container's address and port are; None if there is no such container."""

    def place(self, name: str, port: int) -> tuple[str, int]:
        """Return the real address of ``name:port``, or raise `TransportError`."""
        addresses = [name] if netip.is_address(name) else self.resolve(name)
        if not addresses:
            raise TransportError(f"dial tcp: lookup {name}: getaddrinfow: no such host")
        address = addresses[0]
        found = self.locate(address, port)
        if found is not None:
            return found
        parsed = netip.parse_address(address)
        if address in ("127.0.0.1", "::1") or parsed.is_unspecified:
            return self.host_address, port
        if parsed.is_loopback:
            return address, port
        where = netip.join_host_port(address, str(port))
        raise TransportError(
            f"dial tcp {where}: connectex: {_UNREACHABLE if parsed.version == 6 else _SILENT}"
        )


@dataclass(frozen=True)
class Trusted:
    """Whose certificates are believed: anyone's (``verify`` off), or these authorities' and the system's."""

    verify: bool = True
    authorities: tuple[bytes, ...] = ()
    client_certificates: tuple[tuple[str, str], ...] = field(default=())

    def context(self) -> ssl.SSLContext:
        """Return what a TLS connection is made with."""
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        for authority in self.authorities:
            try:
                context.load_verify_locations(cadata=authority.decode("ascii", "ignore"))
            except (ssl.SSLError, ValueError):
                continue  # an unreadable .crt is passed over in silence (recorded: tls-certsd-empty)
        for certificate, key in self.client_certificates:
            context.load_cert_chain(certificate, key)
        return context


class _Connection(http.client.HTTPConnection):
    def __init__(self, name: str, port: int, network: Network, context: ssl.SSLContext | None) -> None:
        super().__init__(name, port, timeout=_TIMEOUT)
        self._network = network
        self._context = context

    def connect(self) -> None:
        address, port = self._network.place(self.host, self.port)
        shown = netip.join_host_port(self.host, str(self.port))
        try:
            plain = socket.create_connection((address, port), timeout=self.timeout)
        except ConnectionRefusedError as error:
            raise TransportError(f"dial tcp {shown}: connectex: {_REFUSED}") from error
        except OSError as error:
            raise TransportError(f"dial tcp {shown}: connectex: {_SILENT}") from error
        self.sock = plain if self._context is None else self._secure(plain, self._context)

    def _secure(self, plain: socket.socket, context: ssl.SSLContext) -> socket.socket:
        try:
            return context.wrap_socket(plain, server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            raise TransportError(f"tls: failed to verify certificate: {_x509(error, self.host)}") from error
        except ssl.SSLError as error:
            if error.reason in _PLAIN_ANSWERS:
                raise TransportError("http: server gave HTTP response to HTTPS client") from error
            raise TransportError(
                f"remote error: tls: {str(error.reason).lower().replace('_', ' ')}"
            ) from error
        except (ConnectionError, EOFError) as error:
            raise TransportError("EOF") from error


def _x509(error: ssl.SSLCertVerificationError, name: str) -> str:
    text = error.verify_message or ""
    if "expired" in text or "not yet valid" in text:
        return "x509: certificate has expired or is not yet valid"
    if "mismatch" in text and netip.is_address(name):
        return f"x509: cannot validate certificate for {name} because it doesn't contain any IP SANs"
    if "mismatch" in text:
        return f"x509: certificate is not valid for any names, but wanted to match {name}"
    return "x509: certificate signed by unknown authority"


def request(
    network: Network,
    trusted: Trusted,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> Response:
    """Send one request and return the answer; raises `TransportError` with method and URL."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    name = netip.bare_host(parts.netloc)
    connection = _Connection(name, port, network, trusted.context() if secure else None)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc, "User-Agent": "docker/29.7.2 (windows)", **headers}
    try:
        connection.request(method, target or "/", body=body or None, headers=sent)
        answer = connection.getresponse()
        content = answer.read()
    except TransportError as error:
        raise TransportError(f"{method.capitalize()} {quote(url)}: {error}") from error
    except (http.client.HTTPException, OSError) as error:
        raise TransportError(f"{method.capitalize()} {quote(url)}: EOF") from error
    finally:
        connection.close()
    return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)
