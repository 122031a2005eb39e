"""``python -m rehearsal``: simulated Windows hosts from the command line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rehearsal import control
from rehearsal.background import serve
from rehearsal.faults import KNOWN, clear_faults, set_fault
from rehearsal.options import (
    DEFAULT_BUILD,
    DEFAULT_PASSWORD,
    DEFAULT_PREFIX,
    PASSWORD_VARIABLE,
    USER,
    Options,
    host_directory,
    hosts,
    path_of,
)

if TYPE_CHECKING:
    _Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_STATE = ".rehearsal"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _check(given[1:]) if given[:1] == ["check"] else _run(given)
    except (control.ControlError, ValueError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # whoever read has read enough, as with ``| head``; nothing more may go to this output, not even
        # at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(given: Sequence[str]) -> int:
    parsed = _parser().parse_args(given)
    code: int = parsed.run(parsed)
    return code


def _check(given: list[str]) -> int:
    from rehearsal.engine.check import main as check  # noqa: PLC0415 - only this verb needs the engine model

    return check(given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description="Simulated Windows hosts.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    up = _verb(verbs, "up", _up, "bring hosts up; those that are up stay as they are")
    up.add_argument("--hosts", type=int, default=3, metavar="N")
    up.add_argument(
        "--build", type=int, action="append", default=[], help=f"dealt out in turn ({DEFAULT_BUILD})"
    )
    up.add_argument(
        "--prefix", default=DEFAULT_PREFIX, help="addresses are PREFIX.1, PREFIX.2, … (%(default)s)"
    )
    up.add_argument("--password", help=f"of {USER} (${PASSWORD_VARIABLE} or {DEFAULT_PASSWORD})")
    up.add_argument("--fresh", action="store_true", help="throw the hosts' state away first")
    up.add_argument("--basic", action="store_true", help="also take Basic, and traffic that is not encrypted")
    _add_manners(up)
    _verb(verbs, "down", _down, "stop all hosts; their state stays")
    _verb(verbs, "status", _status, "say which hosts answer")
    fault = _verb(verbs, "fault", _fault, "play a fault on a host")
    meanings = {**{name: item.meaning for name, item in KNOWN.items()}, "clear": "none any more"}
    fault.epilog = "faults:\n" + "\n".join(f"  {name:<22} {text}" for name, text in meanings.items())
    fault.formatter_class = argparse.RawDescriptionHelpFormatter
    fault.add_argument("host", metavar="HOST")
    fault.add_argument("name", metavar="NAME")
    fault.add_argument("arguments", nargs="*", metavar="ARG")
    verbs.add_parser("check", add_help=False, help="say what dockerd makes of a daemon.json (check --help)")
    _verb(verbs, "serve", _serve, "be the background process (used by up)")
    return parser


def _verb(
    verbs: _Verbs, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    verb.add_argument("--state", default=DEFAULT_STATE, metavar="DIR", help="(%(default)s)")
    verb.set_defaults(run=run)
    return verb


def _add_manners(up: argparse.ArgumentParser) -> None:
    group = up.add_argument_group("assumptions about Windows that can be tried out (seconds)")
    group.add_argument("--round-trip", type=float, default=0.0, metavar="S")
    group.add_argument("--shell-create", type=float, default=0.0, metavar="S")
    group.add_argument("--process-start", type=float, default=0.0, metavar="S", help="of powershell.exe")
    group.add_argument("--idle-connection", type=float, default=120.0, metavar="S", help="(%(default)s)")
    group.add_argument(
        "--boot-time", type=float, default=2.0, metavar="S", help="after a restart (%(default)s)"
    )
    group.add_argument("--split-receive", action="store_true", help="output and state in two answers")


def _up(given: argparse.Namespace) -> int:
    wanted = Options(
        hosts=hosts(given.hosts, given.build, given.prefix),
        basic=given.basic,
        split_receive=given.split_receive,
        round_trip=given.round_trip,
        shell_create=given.shell_create,
        process_start=given.process_start,
        idle_connection=given.idle_connection,
        boot_time=given.boot_time,
    )
    password = given.password or os.environ.get(PASSWORD_VARIABLE) or DEFAULT_PASSWORD
    found = control.up(given.state, wanted, password, fresh=given.fresh)
    _print(found)
    return 0 if all(host.answers for host in found) else 1


def _down(given: argparse.Namespace) -> int:
    print("stopped" if control.down(given.state) else "nothing was up")
    return 0


def _status(given: argparse.Namespace) -> int:
    found = control.status(given.state)
    _print(found)
    return 0 if found and all(host.answers for host in found) else 1


def _fault(given: argparse.Namespace) -> int:
    directory = host_directory(given.state, given.host)
    os.makedirs(directory, exist_ok=True)
    path = path_of(directory, "faults.json")
    if given.name == "clear":
        clear_faults(path)
    else:
        set_fault(path, given.name, given.arguments)
    return 0


def _serve(given: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for name in ("psrpcore", "spnego"):
        # their debug level shows whole messages
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        serve(given.state, os.environ.get(PASSWORD_VARIABLE) or DEFAULT_PASSWORD)
    except BlockingIOError:
        print("another process serves these hosts already", file=sys.stderr)
        return 1
    return 0


def _print(found: Sequence[control.HostStatus]) -> None:
    for host in found:
        print(f"{host.address:<16} Windows build {host.build}  {'ready' if host.answers else 'down'}")
    if not found:
        print("no hosts; bring some up with: python -m rehearsal up --hosts 3")


if __name__ == "__main__":
    sys.exit(main())
