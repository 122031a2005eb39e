"""Waiting for threads, however often somebody wants to stop waiting: what they use must not be taken from
them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(
    pool: ThreadPoolExecutor, function: Callable[[], Result], stop: Callable[[], None] | None = None
) -> Result:
    """Return what a blocking function returns. If this is cancelled, ``stop`` is called and its end
    awaited.
    """
    work = asyncio.get_running_loop().run_in_executor(pool, function)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        await ended(work)
        raise


async def ended(work: asyncio.Future[Result]) -> None:
    """Return when ``work`` is over, whatever came of it."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    if not work.cancelled():
        work.exception()
