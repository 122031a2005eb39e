"""Addresses that dockerd listens on: ``-H`` and ``hosts`` (moby ``daemon/pkg/opts/hosts.go``)."""

from __future__ import annotations

from rehearsal.engine.golang import urls
from rehearsal.engine.golang.netip import join_host_port
from rehearsal.engine.golang.strconv import ParseError, atoi
from rehearsal.engine.golang.strings import trim_space

DEFAULT_PIPE = "//./pipe/docker_engine"
DEFAULT_HOST = "npipe://" + DEFAULT_PIPE
DEFAULT_TLS_HOST = "tcp://127.0.0.1:2376"
_DEFAULT_UNIX_SOCKET = "/var/run/docker.sock"
_DEFAULT_ADDRESS, _DEFAULT_PORT = "127.0.0.1", "2375"


class HostError(ValueError):
    """An address cannot be listened on, as far as its text tells."""


def validate(text: str) -> str:
    """Return ``text`` unchanged if it is empty or an address, or raise `HostError`."""
    trimmed = trim_space(text)
    if trimmed:
        normalise(trimmed)
    return text


def normalise(address: str) -> str:
    """Return an address in full: protocol, host and port, or path."""
    protocol, separator, rest = address.partition("://")
    if not separator and protocol:
        return _tcp(address)
    if protocol == "tcp":
        return _tcp(address)
    if protocol == "fd":
        return address
    defaults = {"unix": _DEFAULT_UNIX_SOCKET, "npipe": DEFAULT_PIPE}
    if protocol not in defaults:
        raise HostError(f"invalid bind address ({address}): unsupported proto '{protocol}'")
    if "://" in rest:
        raise HostError(f"invalid bind address ({address}): invalid {protocol} address: {rest}")
    return f"{protocol}://{rest or defaults[protocol]}"


def _tcp(address: str) -> str:
    try:
        url = urls.parse(address if "://" in address else f"tcp://{address}")
    except urls.UrlError as error:
        raise HostError(f"invalid bind address ({address}): {error}") from error
    if url.scheme != "tcp":
        raise HostError(f"invalid bind address ({address}): unsupported proto '{url.scheme}'")
    if url.path:
        raise HostError(f"invalid bind address ({address}): should not contain a path element")
    if url.port and not _usable_port(url.port):
        raise HostError(f"invalid bind address ({address}): invalid port: {url.port}")
    return "tcp://" + join_host_port(url.hostname or _DEFAULT_ADDRESS, url.port or _DEFAULT_PORT)


def _usable_port(port: str) -> bool:
    try:
        return atoi(port) != 0
    except ParseError:
        return False


def normalise_all(hosts: list[str]) -> list[str]:
    """Return the addresses in full, sorted, each once."""
    return sorted({normalise(host) for host in hosts})
