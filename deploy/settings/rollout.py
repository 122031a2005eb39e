"""How a fleet is worked through: first a few, then batch by batch, and when to stop."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from deploy.settings.base import Settings

_PERCENT = re.compile(r"([1-9][0-9]?|100)%")


def _percent(value: str) -> str:
    if not _PERCENT.fullmatch(value):
        raise ValueError(f"{value!r} is neither a number of hosts nor a share; write 5 or '25%'")
    return value


Share = Annotated[StrictInt, Field(ge=1)] | Annotated[StrictStr, AfterValidator(_percent)]


class RolloutSettings(Settings):
    """The waves of a rollout."""

    canary: Annotated[StrictInt, Field(ge=0)] = 1
    """Hosts that go first, alone."""

    batch: Share = "25%"
    """Hosts at once after that: a number, or a share of all."""

    max_failures: Annotated[StrictInt, Field(ge=0)] | None = 0
    """Failed hosts that are put up with before the rollout stops; None goes on whatever happens."""

    reports: StrictStr = "reports"
    """Directory on this machine for the plan and the result of a run, and its report."""

    def reason_to_stop(self, failed: list[str]) -> str | None:
        """Say why no further wave may begin after these hosts failed, or None if it may."""
        if self.max_failures is None or len(failed) <= self.max_failures:
            return None
        count = f"{len(failed)} host{'s' if len(failed) > 1 else ''} failed ({', '.join(sorted(failed))})"
        return f"{count}, and max_failures is {self.max_failures}"

    def waves(self, hosts: list[str]) -> list[list[str]]:
        """Return the hosts in waves, in the order given."""
        size = self.batch_size(len(hosts))
        first, rest = hosts[: self.canary], hosts[self.canary :]
        batches = [rest[at : at + size] for at in range(0, len(rest), size)]
        return [wave for wave in (first, *batches) if wave]

    def batch_size(self, hosts: int) -> int:
        """Return how many hosts a batch holds when there are ``hosts`` in all; at least one."""
        if isinstance(self.batch, int):
            return self.batch
        return max(1, math.ceil(hosts * int(self.batch.removesuffix("%")) / 100))
