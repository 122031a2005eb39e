"""Opening the addresses that dockerd listens on, at start (moby ``loadListeners``, ``daemon/listeners``)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from rehearsal.engine.daemon.configuration import Configuration
from rehearsal.engine.daemon.machine import BAD_NAME, Machine
from rehearsal.engine.golang import netip
from rehearsal.engine.golang.strconv import ParseError, atoi
from rehearsal.engine.golang.strings import trim_space

_PIPE_ROOTS = ("//./pipe/", "\\\\.\\pipe\\")
_IN_USE = "Only one usage of each socket address (protocol/network address/port) is normally permitted."
_OPEN_WARNINGS = (
    (
        "Binding to IP address without --tlsverify is insecure and gives root access on this machine "
        "to everyone who has access to your network."
    ),
    (
        "Binding to an IP address, even on localhost, can also give access to scripts run in a browser. "
        "Be safe out there!"
    ),
    (
        "[DEPRECATION NOTICE] In future versions this will be a hard failure preventing the daemon from "
        "starting! Learn more at: https://docs.docker.com/go/api-security/"
    ),
)
_SLOW_WARNINGS = (
    (
        "Binding to an IP address without --tlsverify is deprecated. Startup is intentionally being slowed "
        "down to show this message"
    ),
    (
        "Please consider generating tls certificates with client validation to prevent exposing "
        "unauthenticated root access to your network"
    ),
    "You can override this by explicitly specifying '--tls=false' or '--tlsverify=false'",
    (
        "Support for listening on TCP without authentication or explicit intent to run without "
        "authentication will be removed in the next release"
    ),
)


_SERVICES = {"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "https": 443}
"""Ports that have a name, of those in Windows' list."""


class ListenError(ValueError):
    """An address cannot be listened on; the message is the daemon's."""


@dataclass
class Listening:
    """What came of opening the addresses: where the daemon listens, what it warned of, how long it waited."""

    addresses: list[str] = field(default_factory=list)
    log: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """(level, message, fields)"""
    seconds: float = 0.0


def open_all(configuration: Configuration, machine: Machine) -> Listening:
    """Return what the daemon listens on, or raise `ListenError`."""
    result = Listening()
    for host in configuration.texts("hosts"):
        protocol, _, address = host.partition("://")
        if protocol == "tcp":
            _warn_of_open_tcp(configuration, machine, host, address, result)
            where = _listen_tcp(machine, address)
            if where in result.addresses:
                raise ListenError(f"listen tcp {where}: bind: {_IN_USE}")
            result.addresses.append(where)
        elif protocol == "npipe":
            _look_up_accounts(configuration, machine)
            if not address.lower().startswith(_PIPE_ROOTS) or address.lower() in _PIPE_ROOTS:
                raise ListenError(f"open {address}: {BAD_NAME}")
            if _pipe_name(address) in map(_pipe_name, result.addresses):
                raise ListenError(f"open {address}: Access is denied.")
            result.addresses.append(address)
        elif protocol == "unix":
            # what the recorded machine answered; a real Windows has such sockets, but not that directory
            reason = "An address incompatible with the requested protocol was used."
            raise ListenError(f"listen unix {address}: socket: {reason}")
        else:
            raise ListenError("invalid protocol format: windows only supports tcp, unix and npipe")
    return result


def _pipe_name(address: str) -> str:
    return address.replace("/", "\\").lower()


def _look_up_accounts(configuration: Configuration, machine: Machine) -> None:
    group = configuration.text("group")
    for name in group.split(",") if group else []:
        trimmed = trim_space(name)
        if not trimmed:
            raise ListenError("lookup account: empty account name specified")
        if not machine.has_account(trimmed):
            raise ListenError(f"lookup account {trimmed}: not found")


def _warn_of_open_tcp(
    configuration: Configuration, machine: Machine, host: str, address: str, result: Listening
) -> None:
    values = configuration.values
    if values.get("tls") and values.get("tlsverify") in (None, True):
        return
    result.log += [("warning", message, {"host": host}) for message in _OPEN_WARNINGS]
    result.seconds += 1
    if values.get("tls") is not None:
        return  # off on purpose, or on without client certificates: said explicitly, so no further delay
    try:
        name, _ = netip.split_host_port(address)
    except netip.AddressError as error:
        raise ListenError(f"error parsing tcp address: {error}") from error
    if name == "localhost":
        return
    found = [name] if netip.is_address(name) else _resolve(machine, name)
    if not found:
        result.log.append(
            (
                "error",
                "Error looking up specified host address",
                {"host": name, "error": f"lookup {name}: no such host"},
            )
        )
    if not found or not netip.parse_address(found[0]).is_loopback:
        result.log += [("warning", message, {"host": host}) for message in _SLOW_WARNINGS]
        result.seconds += 15


def _resolve(machine: Machine, name: str) -> list[str]:
    """Return a host name's addresses; Windows reads ``2375`` and ``127.1`` as one."""
    try:
        return [str(ipaddress.IPv4Address(socket.inet_aton(name)))]
    except (OSError, ValueError):
        return machine.addresses(name)


def _listen_tcp(machine: Machine, address: str) -> str:
    try:
        host, port = netip.split_host_port(address)
    except netip.AddressError as error:
        raise ListenError(f"listen tcp: {error}") from error
    number = _port_number(port)
    found = [host] if netip.is_address(host) else _resolve(machine, host)
    if not found:
        raise ListenError(f"listen tcp: lookup {host}: no such host")
    where = netip.join_host_port(found[0], str(number))
    if not machine.has_address(found[0]):
        raise ListenError(f"listen tcp {where}: bind: The requested address is not valid in its context.")
    return f"[::]:{number}" if netip.parse_address(found[0]).is_unspecified else where


def _port_number(port: str) -> int:
    try:
        number = atoi(port)
    except ParseError as error:
        if "out of range" in str(error):
            raise ListenError(f"listen tcp: address {port}: invalid port") from error
        if port.lower() not in _SERVICES:
            raise ListenError(f"listen tcp: lookup tcp/{port}: unknown port") from error
        return _SERVICES[port.lower()]
    if not 0 <= number <= 65535:
        raise ListenError(f"listen tcp: address {port}: invalid port")
    return number


def check_metrics_address(address: str, machine: Machine, taken: Sequence[str]) -> None:
    """Raise `ListenError` if the address for metrics cannot be listened on, as those that are ``taken``."""
    if not address:
        return
    try:
        host, port = netip.split_host_port(address)
    except netip.AddressError as error:
        raise ListenError(f"listen tcp: {error}") from error
    number = 0 if not port else _port_number(port)
    found = [host] if not host or netip.is_address(host) else _resolve(machine, host)
    if not found:
        raise ListenError(f"listen tcp: lookup {host}: no such host")
    where = netip.join_host_port(found[0], str(number))
    if found[0] and not machine.has_address(found[0]):
        raise ListenError(f"listen tcp {where}: bind: The requested address is not valid in its context.")
    everywhere = not found[0] or netip.parse_address(found[0]).is_unspecified
    if (f"[::]:{number}" if everywhere else where) in taken and number:
        raise ListenError(f"listen tcp {where}: bind: {_IN_USE}")
