"""dockerd.exe up to where it validates, registers its service or starts (moby ``daemon/command``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rehearsal.engine.daemon import configuration, startup, tls
from rehearsal.engine.daemon.configuration import Configuration
from rehearsal.engine.daemon.file import PanicError
from rehearsal.engine.daemon.flags import daemon_flags
from rehearsal.engine.daemon.machine import Machine
from rehearsal.engine.golang.pflag import FlagError, FlagSet
from rehearsal.engine.version import BUILD, VERSION

NO_ARGUMENTS = (
    '"dockerd" accepts no argument(s).\n'
    "See 'dockerd --help'.\n\nUsage:  dockerd [OPTIONS]\n\nA self-sufficient runtime for containers."
)

_HIDDEN = frozenset({"run-service", "mtu", "network-diagnostic-port"})


class Refused(ValueError):
    """dockerd ends with this message on stderr; ``warnings`` went to stdout before.

    The exit code is 1, but 2 where Go's run time ends a program that broke down.
    """

    def __init__(self, message: str, warnings: Sequence[str] = (), *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.warnings = tuple(warnings)
        self.exit_code = exit_code


@dataclass
class Invocation:
    """A command line that was understood, with the configuration that it leads to."""

    flags: FlagSet
    configuration: Configuration | None
    warnings: list[str] = field(default_factory=list)

    def asks(self, switch: str) -> bool:
        """Whether a switch is on, by flag or by the key of its name in the file."""
        return bool(self.flags.flags[switch].value.value)


def read(arguments: Sequence[str], machine: Machine) -> Invocation:
    """Return what dockerd understands of its arguments (without the program), or raise `Refused`.

    The configuration is None where dockerd ends before it looks at one: ``--help`` and ``--version``.
    """
    flags = daemon_flags(
        configuration.defaults(machine.environment),
        verify_by_default=bool(machine.environment.get("DOCKER_TLS_VERIFY")),
    )
    try:
        flags.parse(arguments)
    except FlagError as error:
        raise Refused(f"Status: {error}\nSee 'dockerd --help'., Code: 125") from error
    warnings = list(flags.warnings)
    if flags.flags["help"].value.value or flags.flags["version"].value.value:
        return Invocation(flags, None, warnings)
    if flags.arguments:
        raise Refused(NO_ARGUMENTS, warnings)
    logged: list[str] = []
    try:
        loaded = configuration.load(flags, machine, logged)
        tls.check(loaded.values, machine)
    except PanicError as panic:
        raise Refused(f"panic: {panic}", warnings, exit_code=2) from panic
    except ValueError as error:
        raise Refused(str(error), [*warnings, *map(log_line, logged)]) from error
    invocation = Invocation(flags, loaded, [*warnings, *map(log_line, logged)])
    if invocation.asks("validate"):
        problem = startup.check_system(machine)
        if problem:
            raise Refused(f"system requirements not met: {problem}", invocation.warnings)
    return invocation


def answer(invocation: Invocation) -> str:
    """Return what ``--help`` and ``--version`` print."""
    if not invocation.asks("help"):
        return f"Docker version {VERSION}, build {BUILD}"
    lines = ["Usage:  dockerd [OPTIONS]", "", "A self-sufficient runtime for containers.", "", "Options:"]
    shown = [flag for flag in invocation.flags if flag.name not in _HIDDEN and not flag.deprecated]
    lines += [f"  {f'-{flag.shorthand}, ' if flag.shorthand else '    '}--{flag.name}" for flag in shown]
    return "\n".join(lines)


def log_line(message: str, level: str = "warning") -> str:
    """Return a line of the daemon's log as it prints it on a console."""
    time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f'time="{time}" level={level} msg="{message}"'
