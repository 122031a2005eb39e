"""Send a region of a file, by the fastest way that this platform, event loop and connection have.

====================================  ==================================================================
connection                            way
====================================  ==================================================================
TLS                                   large chunks, read ahead in a thread
Unix, congestion control that paces   `send_mapped`: send from a map of the file
Unix                                  `send_kernel`: sendfile, in bursts from a thread
Windows, proactor loop                `send_loop`: TransmitFile (unproven: not run on Windows yet)
anything else                         large chunks, read ahead in a thread
====================================  ==================================================================
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from .descriptors import descriptor_of, until_writable
from .listener import congestion_control
from .threads import ended
from .transfer import KernelPush, MappedPush, Outcome, Push, Transfer

if TYPE_CHECKING:
    from .protocol import RegistryProtocol

CHUNK = 512 << 10
"""Bytes read at a time where the kernel cannot send by itself: measured with TLS, smaller and larger are
slower.
"""

LOOP_CHUNK = 4 << 20
"""Bytes handed to the event loop at a time: a client that takes none of them meets the response time-out."""

PACING = frozenset({"bbr", "bbr2", "bbr3"})
"""Congestion controls that pace; sendfile is then slower than sending from memory, even on loopback."""

_POOL = ThreadPoolExecutor(max_workers=32, thread_name_prefix="send")


class FileRegion:
    """Stands in for the bytes of a region of an open file where Sanic only asks for their number."""

    __slots__ = ("file", "length", "offset")

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self.file, self.offset, self.length = file, offset, length

    def __len__(self) -> int:
        return self.length


Sender: TypeAlias = "Callable[[RegistryProtocol, FileRegion], Awaitable[None]]"


def choose_sender(transport: asyncio.BaseTransport, loop: asyncio.AbstractEventLoop) -> Sender:
    """Return the fastest way to send a file that this connection has."""
    if transport.get_extra_info("sslcontext") is not None:
        return send_chunks
    if hasattr(os, "sendfile") and descriptor_of(transport, loop) is not None:
        connection = transport.get_extra_info("socket")
        return send_mapped if congestion_control(connection) in PACING else send_kernel
    return send_loop if _sends_files(loop) else send_chunks


async def send_kernel(protocol: "RegistryProtocol", region: FileRegion) -> None:
    """Send by sendfile(2)."""
    await _send_in_bursts(protocol, region, KernelPush(region.file))


async def send_mapped(protocol: "RegistryProtocol", region: FileRegion) -> None:
    """Send from a map of the file."""
    await _send_in_bursts(protocol, region, MappedPush(region.file))


async def send_loop(protocol: "RegistryProtocol", region: FileRegion) -> None:
    """Send by the event loop's own way, which is TransmitFile on Windows' proactor loop."""
    end = region.offset + region.length
    for offset in range(region.offset, end, LOOP_CHUNK):
        transport = await protocol.writable()
        size = min(LOOP_CHUNK, end - offset)
        if await protocol.loop.sendfile(transport, region.file, offset, size, fallback=True) < size:
            raise OSError("the file is shorter than it was")
        protocol.progressed()


async def send_chunks(protocol: "RegistryProtocol", region: FileRegion) -> None:
    """Read in a thread, one chunk ahead, and write through the transport."""
    sizes = [min(CHUNK, region.length - start) for start in range(0, region.length, CHUNK)]
    read = partial(protocol.loop.run_in_executor, _POOL, read_at, region.file)
    ahead = read(region.offset, sizes[0])
    try:
        for index, size in enumerate(sizes):
            data = await asyncio.shield(ahead)
            if index + 1 < len(sizes):
                ahead = read(region.offset + index * CHUNK + size, sizes[index + 1])
            transport = await protocol.writable()
            transport.write(data)
            protocol.progressed()
        await protocol.writable()
    finally:
        # The caller closes the file next.
        await ended(ahead)


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return ``length`` bytes of ``file`` from ``offset``; raise OSError if it is shorter."""
    file.seek(offset)
    data = file.read(length)
    while len(data) < length:
        # An unbuffered file may return less than asked for before its end.
        more = file.read(length - len(data))
        if not more:
            raise OSError("the file is shorter than it was")
        data += more
    return data


async def _send_in_bursts(protocol: "RegistryProtocol", region: FileRegion, push: Push) -> None:
    try:
        transport = await protocol.writable()
        connection: socket.socket = transport.get_extra_info("socket")
        transfer = Transfer(connection.fileno(), push, region.offset, region.length)
    except BaseException:
        # Above all where there is no descriptor left: the one for the file must not stay for ever.
        push.close()
        raise
    try:
        while True:
            before = transfer.left
            outcome = await protocol.loop.run_in_executor(_POOL, transfer.burst)
            if transfer.left < before:
                protocol.progressed()
            if outcome is Outcome.DONE:
                return
            if outcome is Outcome.BLOCKED:
                await until_writable(protocol.loop, transfer.socket)
    finally:
        transfer.close()


def _sends_files(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether ``loop`` can send a file; uvloop has the method and raises NotImplementedError."""
    return isinstance(loop, asyncio.BaseEventLoop)
