"""Is this the user's password? Answered off the event loop, remembered safely, and throttled.

What is remembered is a keyed hash of the credentials, under a key that lives and dies with the process: never
a password, and nothing a memory dump could be searched with a dictionary for without the key. All of it is
forgotten when the file of users changes.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from registry_app.auth.htpasswd import Htpasswd
from registry_app.auth.throttle import Throttle
from registry_app.auth.watched import WatchedFile

REMEMBERED = 4096
"""How many credentials are remembered at once."""

REMEMBER_SECONDS = 600.0

MAXIMUM_WAITING = 64
"""How many verifications may wait for a thread; more are told to come back."""


@dataclass(frozen=True)
class Verdict:
    """Whether the credentials are right; if nobody looked, after how many seconds to try again."""

    accepted: bool
    retry_after: int = 0


ACCEPTED = Verdict(accepted=True)
REJECTED = Verdict(accepted=False)


class Passwords:
    """The users of one htpasswd file. Belongs to one event loop."""

    def __init__(
        self,
        users: WatchedFile[Htpasswd],
        throttle: Throttle | None = None,
        *,
        threads: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._throttle = throttle or Throttle()
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._key = secrets.token_bytes(32)
        self._generation = users.generation
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[Verdict]] = {}

    @property
    def users(self) -> Htpasswd:
        """The users as the file has them now."""
        return self._users.current()

    def remembers(self, user: str, password: str) -> bool:
        """Return whether these credentials were right a short while ago. Costs microseconds."""
        return self._fresh(self._digest(user, password))

    async def verify(self, user: str, password: str, address: str) -> Verdict:
        """Return whether ``password`` is the user's; tries are counted against user and ``address``."""
        digest = self._digest(user, password)
        if self._fresh(digest):
            return ACCEPTED
        # The parallel requests of one client carry the same credentials: one verification answers them all.
        task = self._running.get(digest)
        if task is None:
            wait = self._throttle.begin(user, address) if len(self._running) < MAXIMUM_WAITING else 1
            if wait:
                return Verdict(accepted=False, retry_after=wait)
            task = asyncio.create_task(self._verify(digest, user, password, address))
            self._running[digest] = task
            task.add_done_callback(lambda _: self._running.pop(digest, None))
        # Shielded: the others still wait for the answer when one of them hangs up.
        return await asyncio.shield(task)

    def close(self) -> None:
        """End the threads; a verification that waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _verify(self, digest: bytes, user: str, password: str, address: str) -> Verdict:
        users = self._users.current()
        generation = self._users.generation
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._threads, users.verify, user, password)
        if not right:
            return REJECTED
        self._throttle.succeeded(user, address)
        if generation == self._users.generation:
            self._remember(digest)
        return ACCEPTED

    def _digest(self, user: str, password: str) -> bytes:
        # A user name has no colon (RFC 7617), so no two pairs read the same.
        credentials = f"{user}:{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(credentials, key=self._key, digest_size=32).digest()

    def _fresh(self, digest: bytes) -> bool:
        self._users.current()
        if self._generation != self._users.generation:
            self._generation = self._users.generation
            self._remembered.clear()
        return self._remembered.get(digest, 0.0) > self._clock()

    def _remember(self, digest: bytes) -> None:
        self._remembered[digest] = self._clock() + REMEMBER_SECONDS
        self._remembered.move_to_end(digest)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
