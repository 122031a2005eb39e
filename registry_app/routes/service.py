"""What handlers share: the registry, its settings, the threads that wait for disks, and the query of a
request.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

from sanic import Request

from registry_app.auth.access import UNLIMITED, Permit
from registry_app.errors import BlobUploadBusy, PaginationInvalid, RequestInvalid, Unsupported
from registry_app.reference import Repository
from registry_app.registry import Registry
from registry_app.settings import Settings
from registry_app.storage.blocking import WouldBlock, without_blocking
from registry_app.storage.evidence import Evidence, gather
from registry_app.transport import server_at_work

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

log = logging.getLogger("registry")

TURN_TIMEOUT = 10.0
"""Seconds a request waits until another one, perhaps of a client that has gone, lets go of the same upload.
"""

_LOOK_AGAIN = 0.02
"""Seconds between two looks whether another process has let go of an upload."""

_MOST_PARAMETERS = 200


class Service:
    """One registry behind one event loop."""

    def __init__(self, registry: Registry, *, remembers: bool = False) -> None:
        self.registry = registry
        self._remembers = remembers
        """Whether an answer may be given again without asking who wants it: nobody logs in, nothing is
        audited.
        """
        self.settings: Settings = registry.settings
        self._threads = ThreadPoolExecutor(self.settings.threads, thread_name_prefix="storage")
        self.stopping = asyncio.Event()
        """Set when the server begins to stop: background work ends."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def run(
        self,
        request: Request,
        function: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Return what a blocking function returns, from a thread; the response time-out does not count
        meanwhile.

        A client that leaves does not stop it half-way, and nobody else gets its turn before the thread has
        ended what it began.
        """
        loop = asyncio.get_running_loop()
        with server_at_work(request):
            work = loop.run_in_executor(self._threads, partial(function, *args, **kwargs))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await _ended(work)
                raise

    async def at_once(
        self,
        request: Request,
        function: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Return what a function returns that looks at a few small files: from here, which is faster than a
        thread, or from a thread after all if it would keep the event loop waiting.
        """
        try:
            with without_blocking():
                return function(*args, **kwargs)
        except WouldBlock:
            return await self.run(request, function, *args, **kwargs)

    def watch(self, paths: Iterable[str]) -> Evidence | None:
        """Return what tells later whether an answer still holds that is *now* going to be read from
        ``paths``.

        None if the answer must not be remembered.
        """
        return gather(self.registry.fs, paths) if self._remembers else None

    def vouch(self, still_true: Callable[[], bool] | None) -> Callable[[], bool] | None:
        """Return ``still_true``, or None if no answer may be remembered here."""
        return still_true if self._remembers else None

    async def in_background(self, function: Callable[[], Result]) -> Result:
        """Return what a blocking function returns, for work that no request asked for."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    @asynccontextmanager
    async def turn(self, repository: Repository, upload_id: str) -> AsyncIterator[None]:
        """Hold an upload, so that one request at a time writes to it; raise `BlobUploadBusy`, and
        `BlobUploadUnknown` where other processes must be asked.
        """
        lock = self._turns.setdefault(upload_id, asyncio.Lock())
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await lock.acquire()
        except TimeoutError as error:
            raise _busy() from error
        try:
            if self.registry.shared.alone:
                yield
                return
            with await self._hold(repository, upload_id):
                yield
        finally:
            lock.release()

    async def _hold(self, repository: Repository, upload_id: str) -> AbstractContextManager[None]:
        """Wait until no other process has the upload; what is returned lets go of it."""
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                # There is no event to wait for: the holder is another process.
                while (fd := self.registry.uploads.try_to_hold(repository, upload_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError as error:
            raise _busy() from error
        return _closing(fd)

    def require_writable(self) -> None:
        """Raise `Unsupported` if this registry is read-only."""
        if self.settings.read_only:
            raise Unsupported("this registry is read-only")

    def require_deletable(self) -> None:
        """Raise `Unsupported` if this registry deletes nothing."""
        self.require_writable()
        if not self.settings.delete_enabled:
            raise Unsupported("deletion is switched off; set REGISTRY_STORAGE_DELETE_ENABLED=true")

    def close(self) -> None:
        """Wait for what the threads are doing."""
        self._threads.shutdown()


def permit_of(request: Request) -> Permit:
    """Return what the gate let the request do; everything if there is no gate."""
    permit = getattr(request.ctx, "permit", UNLIMITED)
    return permit if isinstance(permit, Permit) else UNLIMITED


class Query:
    """The parameters after the question mark."""

    def __init__(self, request: Request) -> None:
        text = request.query_string
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS) if text else []
        except ValueError as error:
            raise RequestInvalid("too many parameters") from error
        self._pairs = pairs

    def one(self, name: str) -> str | None:
        """Return the first value of a parameter, or None."""
        return next((value for key, value in self._pairs if key == name), None)

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return [value for key, value in self._pairs if key == name]

    def number(self, name: str, most: int) -> int:
        """Return the number in a parameter, at most ``most``; ``most`` if it is absent."""
        text = self.one(name)
        if text is None:
            return most
        if not (text.isascii() and text.isdigit()):
            raise PaginationInvalid(detail={name: text[:200]})
        return min(int(text[:18]), most)


def _busy() -> BlobUploadBusy:
    return BlobUploadBusy(headers=[("Retry-After", "10")])


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


async def _ended(work: asyncio.Future[Result]) -> None:
    """Wait until ``work`` has ended, however often someone wants to stop waiting."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    if not work.cancelled() and (error := work.exception()) is not None:
        log.warning("after its client had gone, an operation failed: %s", error)
