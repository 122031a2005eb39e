"""Run the registry in the foreground: sockets, processes, TLS, log, and a graceful end."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from functools import partial

from registry_app.app import create_app
from registry_app.auth.token import MINIMUM_KEY, read_key
from registry_app.health_listener import answer_health_checks
from registry_app.settings import Settings
from registry_app.storage.filesystem import for_this_platform
from registry_app.storage.shared import Shared
from registry_app.transport import (
    Application,
    RegistryProtocol,
    keep_early_signals,
    listening_socket,
)
from registry_app.workers import STOP_SIGNALS, supervise

LOCKS = "_locks"
"""Directory below the root that holds the lock files of several processes; each is empty, and stays.

Not with the system's temporary files: those are removed when they look old, and a lock of which there are two
files is none.
"""

log = logging.getLogger("registry")


@dataclass(frozen=True)
class Front:
    """What the workers of one registry have in common, made before the first of them."""

    listener: socket.socket
    health: socket.socket | None
    shared: Shared
    token_key: bytes | None
    """Signs the tokens of all; None if there is one worker, who sees to it."""


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit code."""
    configure_log(settings)
    try:
        front = _open_front(settings)
    except (OSError, ValueError) as error:
        log.critical("cannot start: %s", error)
        return 1
    if settings.workers == 1:
        return _work(settings, front)
    return supervise(settings.workers, partial(_work_with_others, settings, front))


def _open_front(settings: Settings) -> Front:
    listener = listening_socket(*settings.address, congestion=settings.congestion)
    health = listening_socket(*settings.health_address) if settings.health_address else None
    if settings.workers == 1:
        return Front(listener, health, Shared(), None)
    # Here, so that of two workers neither reads the file that the other is about to write.
    key = read_key(settings.token_key) if settings.token_key else secrets.token_bytes(MINIMUM_KEY)
    shared = Shared(settings.workers, f"{settings.root}/{LOCKS}")
    return Front(listener, health, shared, key)


def _work_with_others(settings: Settings, front: Front, number: int, lifeline: int) -> int:
    front.shared.join(number)
    return _work(settings, front, number, lifeline)


def _work(settings: Settings, front: Front, number: int = 0, lifeline: int | None = None) -> int:
    """Serve in this process until told to stop; return the exit code."""
    try:
        app = create_app(
            settings,
            for_this_platform(settings.root),
            shared=front.shared,
            token_key=front.token_key,
            tidies=number == 0,
        )
        context = tls_context(settings)
    except (OSError, ValueError) as error:
        log.critical("cannot start: %s", error)
        return 1
    if front.health is not None:
        health = front.health
        app.register_listener(lambda _app: answer_health_checks(health), "after_server_start")
    if lifeline is not None:
        app.register_listener(partial(_end_with, lifeline), "after_server_start")
    host, port = front.listener.getsockname()[:2]
    ready = f"listening on {host}, port {port}, storing in {settings.root}"
    app.register_listener(partial(_announce, ready if number == 0 else ""), "after_server_start")
    hold_stop_signals(hold=True)
    if os.name == "posix":
        keep_early_signals()
    app.run(
        sock=front.listener,
        ssl=context,
        protocol=RegistryProtocol,
        single_process=True,
        access_log=settings.access_log,
    )
    return 0


def _end_with(lifeline: int, _app: Application) -> None:
    """Stop, gracefully, when the process that started this one has gone."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(lifeline)
        log.error("the first process has gone; stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(lifeline, stop)


def hold_stop_signals(*, hold: bool) -> None:
    """Keep signals to stop waiting, or let them come.

    While Sanic starts it would stop a loop that is not yet in its last run: a signal that came too early
    would leave a process that never ends.
    """
    # Windows has no such mask; there Sanic polls a flag.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK, STOP_SIGNALS)


def _announce(ready: str, app: Application) -> None:
    # Nothing is returned: Sanic would wait for the task, which waits for Sanic.
    app.add_task(_announce_when_serving(ready, app))


async def _announce_when_serving(ready: str, app: Application) -> None:
    """Say that the registry is up, if this worker is to say it, once it can be told to stop."""
    while not app.state.is_running:  # noqa: ASYNC110 - Sanic has a flag for it, and no event
        await asyncio.sleep(0.001)
    hold_stop_signals(hold=False)
    if ready:
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
