"""In which order a fleet is changed: first the canaries, then batch by batch. Pure: no host, no pyinfra.

Without settings there is one wave with every host in it, and no failure stops the others. Hosts that cannot
be reached are in no wave: nothing was changed on them, so they say nothing about the change.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from deploy.settings.base import Settings

_PER_CENT: Final = re.compile(r"(\d{1,3})\s*%")


def _size(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 1:
            raise ValueError(f"a batch of {value} hosts never ends; write 1 or more")
        return value
    match = _PER_CENT.fullmatch(value.strip())
    if match is None or not 1 <= int(match[1]) <= 100:
        raise ValueError(f"{value!r} is no batch; write a number of hosts, or a part as '25%'")
    return value


class RolloutSettings(Settings):
    """How a change goes through the fleet: ``rollout = {...}`` in the inventory's data, the same for all
    hosts.
    """

    canary: Annotated[int, Field(ge=0)] = 0
    """How many hosts go first, alone; the next wave begins when they are proven."""

    batch: Annotated[int | str, AfterValidator(_size)] = "100%"
    """How many hosts go at once after that: a number, or a part of all hosts (rounded up)."""

    max_failures: Annotated[int, Field(ge=0)] | None = None
    """With more failed hosts than this no further wave begins; ``None`` goes on whatever happens."""

    reports: str = "reports"
    """Directory here for the run's plan and result (JSON) and its report (HTML)."""

    def batch_size(self, hosts: int) -> int:
        """Return the batch as a number of hosts, of ``hosts`` in all."""
        if isinstance(self.batch, int):
            return self.batch
        part = int(self.batch.strip().rstrip("%"))
        return max(1, math.ceil(hosts * part / 100))


def plan_waves(hosts: Sequence[str], settings: RolloutSettings) -> list[tuple[str, ...]]:
    """Return the hosts wave by wave, in the order given."""
    first, rest = tuple(hosts[: settings.canary]), hosts[settings.canary :]
    size = settings.batch_size(len(hosts))
    batches = [tuple(rest[start : start + size]) for start in range(0, len(rest), size)]
    return [wave for wave in (first, *batches) if wave]


def reason_to_stop(failed: Sequence[str], settings: RolloutSettings) -> str | None:
    """Say why no further wave may begin, or None if it may."""
    if settings.max_failures is None or len(failed) <= settings.max_failures:
        return None
    count = f"{len(failed)} host{'s' if len(failed) > 1 else ''} failed ({', '.join(sorted(failed))})"
    return f"not begun: {count}, and max_failures is {settings.max_failures}"
