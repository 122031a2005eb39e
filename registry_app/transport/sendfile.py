"""A region of a file on its way to a client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from .protocol import RegistryProtocol

CHUNK = 256 << 10


class FileRegion:
    """Stands in for the bytes of a region of an open file where Sanic only asks for their number."""

    __slots__ = ("file", "length", "offset")

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self.file, self.offset, self.length = file, offset, length

    def __len__(self) -> int:
        return self.length


Sender: TypeAlias = "Callable[[RegistryProtocol, FileRegion], Awaitable[None]]"


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return ``length`` bytes of ``file`` from ``offset``; raise OSError if it is shorter."""
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise OSError("the file is shorter than it was")
    return data


async def send_chunks(protocol: "RegistryProtocol", region: FileRegion) -> None:
    """Read in a thread, write through the transport."""
    offset, end = region.offset, region.offset + region.length
    while offset < end:
        size = min(CHUNK, end - offset)
        data = await asyncio.get_running_loop().run_in_executor(None, read_at, region.file, offset, size)
        transport = await protocol.writable()
        transport.write(data)
        protocol.progressed()
        offset += size
    await protocol.writable()


def choose_sender(_transport: asyncio.BaseTransport, _loop: asyncio.AbstractEventLoop) -> Sender:
    """Return the fastest way to send a file that this connection has."""
    return send_chunks
