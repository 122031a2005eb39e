"""How many wrong passwords are too many: three leaky buckets, for a user at an address, an address, a user.

A try takes a token from each bucket before the password is looked at (so that a thousand tries at once are
counted too), and a right password gives them back. The bucket of a *user* alone is wide: a narrow one would
let one student lock the teacher out by typing wrong passwords in the teacher's name; from one address the two
other buckets are empty long before.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """``burst`` wrong tries at once, then one more every ``seconds``."""

    burst: int
    seconds: float

    def shared_by(self, processes: int) -> "Limit":
        """Return one's part of so many processes: all together allow as much, but at least a try each."""
        return Limit(max(1, self.burst // processes), self.seconds * processes)


@dataclass(frozen=True)
class Limits:
    """What wrong tries are held against."""

    user_at_address: Limit = Limit(5, 10.0)
    address: Limit = Limit(60, 2.0)
    """Wide, because a whole classroom may sit behind one address."""
    user: Limit = Limit(100, 1.0)

    def shared_by(self, processes: int) -> "Limits":
        """Return each one's part of these limits, if tries are spread over so many that do not ask each
        other.
        """
        limits = (self.user_at_address, self.address, self.user)
        return Limits(*(limit.shared_by(processes) for limit in limits))


MAXIMUM_BUCKETS = 10_000
"""Per kind. The names come from whoever asks: what was longest not used is forgotten first."""


class _Buckets:
    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def level(self, key: Hashable, now: float) -> float:
        """Return how many tries are left, with a fraction on the way to the next."""
        level, at = self._buckets.get(key, (float(self._limit.burst), now))
        return min(float(self._limit.burst), level + (now - at) / self._limit.seconds)

    def wait(self, key: Hashable, now: float) -> float:
        """Return the seconds until a try is left; 0 if there is one."""
        return max(0.0, 1.0 - self.level(key, now)) * self._limit.seconds

    def add(self, key: Hashable, now: float, tokens: float) -> None:
        level = min(float(self._limit.burst), self.level(key, now) + tokens)
        self._buckets[key] = (level, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAXIMUM_BUCKETS:
            self._buckets.popitem(last=False)


class Throttle:
    """Counts tries. Not thread-safe: used on the event loop only."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        limits = limits or Limits()
        self._pairs, self._addresses, self._users = map(
            _Buckets, (limits.user_at_address, limits.address, limits.user)
        )
        self._clock = clock

    def begin(self, user: str, address: str) -> int:
        """Count a try; return 0, or the whole seconds to wait before the next if there were too many."""
        now = self._clock()
        waits = [buckets.wait(key, now) for buckets, key in self._of(user, address)]
        if max(waits) > 0:
            return math.ceil(max(waits))
        self._add(user, address, -1.0)
        return 0

    def succeeded(self, user: str, address: str) -> None:
        """Give the try back: the password was right."""
        self._add(user, address, 1.0)

    def _add(self, user: str, address: str, tokens: float) -> None:
        now = self._clock()
        for buckets, key in self._of(user, address):
            buckets.add(key, now, tokens)

    def _of(self, user: str, address: str) -> tuple[tuple[_Buckets, Hashable], ...]:
        return (self._pairs, (user, address)), (self._addresses, address), (self._users, user)
