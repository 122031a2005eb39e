"""How bytes enter and leave the registry: request bodies into blocking sinks, files to clients, prepared
headers.

Knows HTTP framing, sockets and Sanic; knows nothing of OCI or of the storage.
"""

from .application import Application, keep_early_signals
from .errors import BodyError, BodyIncomplete, BodyMalformed, BodyStalled, BodyTooLarge
from .lanes import Sink
from .listener import congestion_control, listening_socket
from .memory import StillTrue
from .protocol import RegistryProtocol, server_at_work
from .receive import receive, small_body
from .responses import FastResponse, prepare, send_file

__all__ = [
    "Application",
    "BodyError",
    "BodyIncomplete",
    "BodyMalformed",
    "BodyStalled",
    "BodyTooLarge",
    "FastResponse",
    "RegistryProtocol",
    "Sink",
    "StillTrue",
    "congestion_control",
    "keep_early_signals",
    "listening_socket",
    "prepare",
    "receive",
    "send_file",
    "server_at_work",
    "small_body",
]
