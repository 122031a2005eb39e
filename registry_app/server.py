"""Run the registry in the foreground: sockets, TLS, log, and a graceful end."""

import logging
import socket
import sys

from registry_app.app import create_app
from registry_app.settings import Settings
from registry_app.storage.filesystem import for_this_platform
from registry_app.transport import RegistryProtocol

log = logging.getLogger("registry")

BACKLOG = 1024


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit code."""
    configure_log(settings)
    try:
        app = create_app(settings, for_this_platform(settings.root))
        listener = listen(settings.address)
    except OSError as error:
        log.critical("cannot start: %s", error)
        return 1
    host, port = listener.getsockname()[:2]
    log.info("listening on %s, port %d, storing in %s", host, port, settings.root)
    tls = {"cert": settings.tls_certificate, "key": settings.tls_key} if settings.tls_certificate else None
    app.run(
        sock=listener, ssl=tls, protocol=RegistryProtocol, single_process=True, access_log=settings.access_log
    )
    return 0


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a listening socket; without a host it takes IPv6 and IPv4 on every interface. Raises OSError."""
    host, port = address
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def configure_log(settings: Settings) -> None:
    """Log to standard error, which is where a container's log comes from."""
    logging.basicConfig(
        stream=sys.stderr, level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Sanic tells of every start and stop in several lines; of those only warnings are news.
    for name in ("sanic.root", "sanic.server"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
