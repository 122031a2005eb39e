"""docker.exe: its own flags, finding the command, printing, exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from rehearsal.engine.cli import containers, images, networks, running, system, updating
from rehearsal.engine.cli.command import Command
from rehearsal.engine.cli.session import CommandError, Session
from rehearsal.engine.errors import EngineError
from rehearsal.engine.golang.pflag import Flag, FlagError, FlagSet, ListValue, SwitchValue, TextValue
from rehearsal.engine.service import EngineService
from rehearsal.engine.version import BUILD, VERSION
from rehearsal.interfaces import HostApi, NativeResult, WindowsError

_HOME = "C:\\Users\\Administrator\\Documents"
_GROUPS = {
    "builder": "Manage builds",
    "container": "Manage containers",
    "image": "Manage images",
    "network": "Manage networks",
    "system": "Manage Docker",
}
_REAL_BUT_UNKNOWN = frozenset(
    [
        "attach",
        "commit",
        "cp",
        "diff",
        "events",
        "exec",
        "export",
        "import",
        "load",
        "login",
        "logout",
        "pause",
        "plugin",
        "save",
        "search",
        "stats",
        "swarm",
        "top",
        "unpause",
        "volume",
        "context",
        "manifest",
        "node",
        "secret",
        "service",
        "stack",
        "config",
        "buildx",
        "compose",
        "trust",
    ]
)


def _all() -> Iterator[tuple[str, Command]]:
    for group in (containers, updating, running, images, networks, system):
        for names, command in group.commands():
            for name in names:
                yield name, command


COMMANDS: Mapping[str, Command] = dict(_all())
"""Every way to call a command: ``container ls`` and ``ps`` are the same one."""


def run(host: HostApi, arguments: list[str], _input: bytes = b"") -> NativeResult:
    """Run docker with ``arguments``, the program's path first."""
    service = host.engine
    engine = service.running if isinstance(service, EngineService) else None
    session = Session(host, engine, _HOME, dict(host.environment))
    try:
        code = _dispatch(session, arguments[1:])
    except CommandError as error:
        session.complain(str(error))
        code = error.exit_code
    except EngineError as error:
        session.complain(f"Error response from daemon: {error}")
        code = 1
    except WindowsError as error:
        session.complain(f"{error.path}: {error.message}")
        code = 1
    return NativeResult(code, "".join(session.out).encode(), "".join(session.err).encode())


def _dispatch(session: Session, words: list[str]) -> int:
    flags = _global_flags()
    try:
        flags.parse(words, interspersed=False)
    except FlagError as error:
        usage = "Usage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information"
        raise CommandError(f"{error}\n\n{usage}", 125) from error
    if flags.changed("version"):
        session.print(f"Docker version {VERSION}, build {BUILD}")
        return 0
    rest = flags.arguments
    if flags.changed("help") or not rest:
        session.out.append(_help())
        return 0
    chosen = flags.flags["host"].value.value
    session.daemon_host = chosen[-1] if isinstance(chosen, list) and chosen else ""
    command, remaining = _find(rest)
    return command.call(session, remaining)


def _global_flags() -> FlagSet:
    return FlagSet(
        [
            Flag("config", TextValue()),
            Flag("context", TextValue(), "c"),
            Flag("debug", SwitchValue(), "D"),
            Flag("help", SwitchValue(), "h"),
            Flag("host", ListValue(), "H"),
            Flag("log-level", TextValue("info"), "l"),
            Flag("version", SwitchValue(), "v"),
        ]
    )


def _find(words: list[str]) -> tuple[Command, list[str]]:
    """Return the command that the words begin with, and the words after it."""
    first = words[0]
    if first in COMMANDS:
        return COMMANDS[first], words[1:]
    if first in _GROUPS:
        name = " ".join(words[:2])
        if name in COMMANDS:
            return COMMANDS[name], words[2:]
        known = [item for item in COMMANDS if item.startswith(f"{first} ")]
        usage = f"Usage:  docker {first} COMMAND\n\nRun 'docker {first} --help' for more information"
        problem = (
            f"docker: unknown command: docker {name}" if len(words) > 1 else f"docker {first} needs a command"
        )
        raise CommandError(f"{problem}{_close(name, known)}\n\n{usage}")
    if first in _REAL_BUT_UNKNOWN:
        raise CommandError(
            f"rehearsal: docker {first} is not known on a rehearsal host{_close(first, list(COMMANDS))}"
        )
    close = _close(first, list(COMMANDS))
    raise CommandError(
        f"docker: unknown command: docker {first}{close}\n\nRun 'docker --help' for more information"
    )


def _close(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, 4, 0.5) or known[:12]
    return f"\nrehearsal: known here: {', '.join(found)}"


def _help() -> str:
    lines = [
        "Usage:  docker [OPTIONS] COMMAND",
        "",
        "A self-sufficient runtime for containers",
        "",
        "Commands:",
    ]
    lines += [f"  {name}" for name in sorted(COMMANDS)]
    return "\n".join(lines) + "\n"
