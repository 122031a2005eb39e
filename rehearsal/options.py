"""What a rehearsal is asked to be: its hosts, its account, its manners. Kept beside the hosts' state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from rehearsal import store
from rehearsal.host import PRODUCTS, HostSettings

DEFAULT_BUILD = 20348
DEFAULT_PREFIX = "127.77.0"
LOCK = "rehearsal.lock"
USER = "Administrator"
PASSWORD_VARIABLE = "REHEARSAL_PASSWORD"  # noqa: S105 - the name of a variable
DEFAULT_PASSWORD = "Rehearsal-1!"  # noqa: S105 - documented: the hosts listen on loopback only


@dataclass(frozen=True)
class Options:
    """Everything that the background process needs, except the password. Times in seconds."""

    hosts: tuple[HostSettings, ...] = ()
    port: int = 5985
    tls_port: int = 5986
    basic: bool = False
    split_receive: bool = False
    round_trip: float = 0.0
    shell_create: float = 0.0
    process_start: float = 0.0
    idle_connection: float = 120.0
    boot_time: float = 2.0

    @classmethod
    def load(cls, state: str) -> Self | None:
        """Return what was saved in a state directory, or None."""
        saved: dict[str, Any] | None = store.load(path_of(state, "rehearsal.json"))
        if saved is None:
            return None
        hosts = tuple(HostSettings(**host) for host in saved.pop("hosts"))
        return cls(hosts=hosts, **saved)

    def save(self, state: str) -> None:
        """Write to a state directory."""
        store.save(path_of(state, "rehearsal.json"), asdict(self))


def hosts(count: int, builds: Sequence[int], prefix: str = DEFAULT_PREFIX) -> tuple[HostSettings, ...]:
    """Return the settings of hosts ``prefix.1`` and so on; builds are dealt out in turn.

    Raises `ValueError` for a build that no Windows Server has.
    """
    unknown = [build for build in builds if build not in PRODUCTS]
    if unknown:
        raise ValueError(f"build {unknown[0]} is unknown; there are: {', '.join(map(str, PRODUCTS))}")
    dealt = builds or [DEFAULT_BUILD]
    numbers = range(1, count + 1)
    return tuple(HostSettings(f"{prefix}.{n}", n, dealt[(n - 1) % len(dealt)]) for n in numbers)


def path_of(state: str, *names: str) -> str:
    """Return a path below the state directory."""
    return os.path.join(state, *names)


def host_directory(state: str, address: str) -> str:
    """Return where a host's own state is."""
    return path_of(state, "hosts", address)
