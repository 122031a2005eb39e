"""Run the registry in the foreground: socket, TLS, log, and a graceful end."""

import asyncio
import logging
import signal
import ssl
import sys
from functools import partial

from registry_app.app import create_app
from registry_app.health_listener import answer_health_checks
from registry_app.settings import Settings
from registry_app.storage.filesystem import for_this_platform
from registry_app.transport import Application, RegistryProtocol, listening_socket

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger("registry")


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit code."""
    configure_log(settings)
    try:
        app = create_app(settings, for_this_platform(settings.root))
        context = tls_context(settings)
        listener = listening_socket(*settings.address, congestion=settings.congestion)
        if settings.health_address is not None:
            health = listening_socket(*settings.health_address)
            app.register_listener(lambda _app: answer_health_checks(health), "after_server_start")
    except (OSError, ValueError) as error:
        log.critical("cannot start: %s", error)
        return 1
    host, port = listener.getsockname()[:2]
    ready = f"listening on {host}, port {port}, storing in {settings.root}"
    app.register_listener(partial(_announce, ready), "after_server_start")
    hold_stop_signals(hold=True)
    app.run(
        sock=listener,
        ssl=context,
        protocol=RegistryProtocol,
        single_process=True,
        access_log=settings.access_log,
    )
    return 0


def hold_stop_signals(*, hold: bool) -> None:
    """Keep signals to stop waiting, or let them come.

    While Sanic starts it ignores them for a moment, and later stops a loop that is not yet in its last run:
    one that came too early would be lost, or leave a process that never ends.
    """
    # Windows has no such mask; there Sanic polls a flag.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK, STOP_SIGNALS)


def _announce(ready: str, app: Application) -> None:
    # Nothing is returned: Sanic would wait for the task, which waits for Sanic.
    app.add_task(_announce_when_serving(ready, app))


async def _announce_when_serving(ready: str, app: Application) -> None:
    """Say that the registry is up once it can be told to stop."""
    while not app.state.is_running:  # noqa: ASYNC110 - Sanic has a flag for it, and no event
        await asyncio.sleep(0.001)
    hold_stop_signals(hold=False)
    log.info(ready)


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what to listen with, or None for plain HTTP; raise `CertificateInvalid`."""
    if not (settings.tls_certificate and settings.tls_key):
        return None
    from registry_app import tls  # noqa: PLC0415 - plain HTTP needs none of it

    files = tls.ServerCertificate(
        settings.tls_certificate,
        settings.tls_key,
        settings.tls_client_authorities,
        tls.CLIENT_AUTH[settings.tls_client_auth],
        tls.VERSIONS[settings.tls_minimum],
    )
    return tls.ReloadingContext(files).context


def configure_log(settings: Settings) -> None:
    """Log to standard error, which is where a container's log comes from."""
    logging.basicConfig(
        stream=sys.stderr, level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Sanic tells of every start and stop in several lines; of those only warnings are news.
    for name in ("sanic.root", "sanic.server"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    logging.getLogger("sanic.error").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drop what any client could fill the log with: that it sent a body where nobody reads one."""
    return not record.getMessage().endswith("body not consumed.")
