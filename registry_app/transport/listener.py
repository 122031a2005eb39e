"""The listening socket, and which TCP congestion control its connections use.

Linux hosts with BBR pace what they send even over loopback, where there is nothing to be fair to; sendfile
then reaches a third of its speed. Accepted sockets inherit the listener's choice, and only theirs is
undisturbed: a change after accept comes when pacing has been switched on already. So a listener on loopback
is set to Reno, the one control that every kernel offers to every user; on other addresses the host's choice
stands unless the operator sets another.
"""

import ipaddress
import logging
import socket

LOOPBACK_CONTROL = "reno"
"""Offered by every Linux kernel, and in ``net.ipv4.tcp_allowed_congestion_control`` of all of them by
default.
"""

_OPTION: int | None = getattr(socket, "TCP_CONGESTION", None)

log = logging.getLogger(__name__)


def congestion_control(sock: socket.socket) -> str | None:
    """Return the name of the socket's TCP congestion control, or None where there is no such thing."""
    if _OPTION is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return sock.getsockopt(socket.IPPROTO_TCP, _OPTION, 16).rstrip(b"\0").decode("ascii")


def listening_socket(
    host: str, port: int, *, congestion: str | None = None, backlog: int = 1024
) -> socket.socket:
    """Return a listening TCP socket; an empty ``host`` means every interface, of both IP versions where
    possible.

    ``congestion`` names the congestion control of its connections; without it loopback gets
    `LOOPBACK_CONTROL`, and any other address the host's own. Raises OSError if the address cannot be bound,
    or the control asked for not set.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=dual)
    try:
        if congestion is not None:
            _set_control(listener, congestion)
        elif _is_loopback(listener.getsockname()[0]):
            _prefer_control(listener, LOOPBACK_CONTROL)
    except OSError:
        listener.close()
        raise
    return listener


def _set_control(sock: socket.socket, name: str) -> None:
    if _OPTION is None:
        raise OSError("this platform has no choice of TCP congestion control")
    sock.setsockopt(socket.IPPROTO_TCP, _OPTION, name.encode("ascii"))


def _prefer_control(sock: socket.socket, name: str) -> None:
    """Set the control if the host allows it; it is a matter of speed only."""
    try:
        _set_control(sock, name)
    except OSError as error:
        log.debug("the congestion control stays %s: %s", congestion_control(sock), error)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
