"""Ask a registry on this machine whether it is ready, as a container's health check does."""

import http.client
import ssl
import sys

from registry_app.settings import Settings

TIMEOUT = 5.0


def is_ready(settings: Settings) -> bool:
    """Return whether ``GET /v2/`` on the own address is answered; say on standard error why not."""
    host, port = settings.health_address or settings.address
    # An address that means every interface is no address to connect to.
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        status = _ask(settings, host, port)
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer from {host}:{port}: {error}", file=sys.stderr)
        return False
    if status not in (200, 401):
        print(f"{host}:{port} answers with status {status}", file=sys.stderr)
    # Who is asked to log in talks to a registry that is ready.
    return status in (200, 401)


def _ask(settings: Settings, host: str, port: int) -> int:
    connection = _connect(settings, host, port)
    try:
        connection.request("GET", f"{settings.prefix}v2/")
        return connection.getresponse().status
    finally:
        connection.close()


def _connect(settings: Settings, host: str, port: int) -> http.client.HTTPConnection:
    if settings.health_address or not settings.tls_certificate:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    # The certificate is for the name that clients use, not for this machine's own address.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
