"""docker container update: on Windows, the restart policy and nothing else."""

from __future__ import annotations

from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.containers import each
from rehearsal.engine.cli.session import CommandError, Session
from rehearsal.engine.errors import EngineError
from rehearsal.engine.records import Container

_RESTARTS = ("no", "always", "unless-stopped", "on-failure")
_RESOURCES = (
    "blkio-weight",
    "cpu-period",
    "cpu-quota",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cpu-shares",
    "cpus",
    "cpuset-cpus",
    "cpuset-mems",
    "memory",
    "memory-reservation",
    "memory-swap",
    "pids-limit",
)


class BadPolicy(ValueError):
    """No restart policy, in docker's words."""


def restart_policy(text: str) -> tuple[str, int]:
    """Return what ``--restart`` names: the policy and its count; raises `BadPolicy`."""
    name, colon, count = text.partition(":")
    if name not in _RESTARTS:
        raise BadPolicy(
            f"invalid restart policy: unknown policy '{name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if colon and (name != "on-failure" or not count.isdigit()):
        reason = (
            "maximum retry count must be an integer"
            if name == "on-failure"
            else ("maximum retry count can only be used with 'on-failure'")
        )
        raise BadPolicy(f"invalid restart policy format: {reason}")
    return name, int(count or 0)


def _update(session: Session, given: Given) -> int:
    changed = [flag for flag in ("restart", *_RESOURCES) if given.changed(flag)]
    if not changed:
        raise CommandError("you must provide one or more flags when using this command")
    try:
        policy = restart_policy(given.text("restart")) if given.text("restart") else None
    except BadPolicy as error:
        raise CommandError(str(error)) from error

    def act(container: Container) -> None:
        # moby container/container_windows.go
        if changed != ["restart"]:
            raise EngineError(
                f"Cannot update container {container.id}: resource updating isn't supported on Windows"
            )
        if policy is not None:
            session.engine.containers.set_restart_policy(container, policy)

    return each(session, given.arguments, act)


def commands() -> list[tuple[list[str], Command]]:
    """Return the command with all its names."""
    flags = tuple(FlagSpec(name) for name in ("restart", *_RESOURCES))
    usage = "[OPTIONS] CONTAINER [CONTAINER...]"
    return [(["container update", "update"], Command("container update", usage, _update, flags, 1))]
