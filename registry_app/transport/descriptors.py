"""Which connections can be read and written beside their event loop, through a duplicate of their
descriptor.
"""

import asyncio
import os

_PLATFORM = all(hasattr(os, name) for name in ("dup", "readv", "writev")) and os.name == "posix"


def descriptor_of(transport: asyncio.BaseTransport, loop: asyncio.AbstractEventLoop) -> int | None:
    """Return the descriptor of a plain connection; None under TLS, on Windows, and on a proactor loop."""
    connection = transport.get_extra_info("socket")
    if not _PLATFORM or connection is None or transport.get_extra_info("sslcontext") is not None:
        return None
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    if proactor is not None and isinstance(loop, proactor):
        return None
    descriptor: int = connection.fileno()
    return descriptor if descriptor >= 0 else None


async def until_readable(loop: asyncio.AbstractEventLoop, descriptor: int, seconds: float) -> bool:
    """Wait until there is something to read, or the end; return False if that takes ``seconds``."""
    ready: asyncio.Future[bool] = loop.create_future()
    loop.add_reader(descriptor, _settle, ready, True)
    timer = loop.call_later(seconds, _settle, ready, False)
    try:
        return await ready
    finally:
        timer.cancel()
        loop.remove_reader(descriptor)


async def until_writable(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Wait until the socket buffer has room, or the connection is broken."""
    ready: asyncio.Future[bool] = loop.create_future()
    loop.add_writer(descriptor, _settle, ready, True)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


def _settle(future: asyncio.Future[bool], outcome: bool) -> None:
    if not future.done():
        future.set_result(outcome)
