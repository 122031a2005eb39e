"""``python -m rehearsal check``: what dockerd would make of a daemon.json and of flags, without any host.

For a person: ``check FILE [-- FLAGS]``. For tests: ``check --json CASES.json``, one JSON line a case, for
files in the format of ``tests/recorded/validate.json``. A case does not say what computer it was recorded on;
it is checked on a computer like that one (see `recorded_machine`).
"""

from __future__ import annotations

import argparse
import base64
import json
import ntpath
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rehearsal.engine.daemon import program, startup
from rehearsal.engine.daemon.certificates import recorded_certificates
from rehearsal.engine.daemon.machine import DescribedMachine

_CONFIG = "<config>"
_CONFIG_PLACE = "C:\\g\\config.json"
_PROGRAM_DATA = "C:\\ProgramData"
_UNFORESEEN = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a case that is not in the format could raise; every case gets its line all the same."""
_DEEP = 100_000  # frames: enough for a file as deeply nested as Go still reads
_TIME = re.compile(r'time="[^"]*"')
_OLDER_BUILD = re.compile(r"Windows older than build (\d+)")
_ABSENT = re.compile(r"(Service )?(\S+) absent")
LIST_GROUP = "system requirements"


@dataclass(frozen=True)
class Verdict:
    """What dockerd says. ``accepted``: it ends with exit code 0.

    ``starts`` is meant without ``--validate``; ``start_message`` has its words then.
    """

    accepted: bool
    starts: bool
    message: str
    exit_code: int
    start_message: str = ""
    info: Mapping[str, object] | None = None
    log: tuple[startup.LogLine, ...] = ()
    delay: float = 0.0
    """Seconds by which open TCP slows the start down."""


def check(flags: Sequence[str], machine: DescribedMachine) -> Verdict:
    """Return dockerd's verdict on a command line without the program's name."""
    try:
        invocation = program.read(flags, machine)
    except program.Refused as refused:
        message = "\n".join([*refused.warnings, str(refused)])
        return Verdict(accepted=False, starts=False, message=message, exit_code=refused.exit_code)
    if invocation.configuration is None:
        message = "\n".join([*invocation.warnings, program.answer(invocation)])
        return Verdict(accepted=True, starts=False, message=message, exit_code=0)
    message = "\n".join([*invocation.warnings, "configuration OK"])
    started = _try_start([flag for flag in flags if flag != "--validate"], machine)
    return replace(started, accepted=True, message=message, exit_code=0)


def _try_start(flags: Sequence[str], machine: DescribedMachine) -> Verdict:
    stays_down = Verdict(accepted=False, starts=False, message="", exit_code=0)
    try:
        invocation = program.read(flags, machine)
        if invocation.configuration is None or invocation.asks("validate"):
            return stays_down
        if invocation.asks("unregister-service"):
            both = "--register-service and --unregister-service cannot be used together"
            return replace(stays_down, start_message=both if invocation.asks("register-service") else "")
        if invocation.asks("register-service"):
            return stays_down
        started = startup.start(invocation.configuration, machine)
    except program.Refused as refused:
        return replace(stays_down, start_message=str(refused))
    except startup.StartRefused as refused:
        return replace(stays_down, start_message=str(refused), log=tuple(refused.log))
    info = startup.info(invocation.configuration, started, machine.environment)
    return replace(
        stays_down, starts=True, info=info, log=tuple(started.log), delay=started.listening.seconds
    )


def recorded_machine(case: Mapping[str, object]) -> DescribedMachine:
    r"""Return the computer that a recorded case ran on.

    A Windows Server of build 20348 with the Containers feature, the drives C: and D:, no local groups but the
    built-in ones, the address 172.24.194.96, and certificates under ``C:\g\certs``. What a case of the group
    "system requirements" took away is said nowhere but in its title.
    """
    given_environment = case.get("env")
    environment = {"PROGRAMDATA": _PROGRAM_DATA, "USERPROFILE": "C:\\users\\root"}
    if isinstance(given_environment, Mapping):
        given = {str(name).upper(): value for name, value in given_environment.items()}
        environment |= {name: str(value) for name, value in given.items() if value is not None}
    files = dict(recorded_certificates("C:\\g\\certs"))
    content = case_content(case)
    directory = str(case.get("cwd") or "C:\\g")
    if content is not None:
        files[case_path(case, directory)] = content
    machine = DescribedMachine(
        files=files,
        environment=environment,
        directory=directory,
        own_addresses=frozenset({"172.24.194.96"}),
        drives=frozenset({"C:", "D:", "Z:"}),
    )
    return _without(machine, str(case.get("title", ""))) if case.get("group") == LIST_GROUP else machine


def _without(machine: DescribedMachine, title: str) -> DescribedMachine:
    older = _OLDER_BUILD.search(title)
    if older:
        return replace(machine, build=int(older.group(1)) - 1)
    absent = _ABSENT.search(title)
    if absent is None:
        return machine
    if absent.group(1):
        return replace(machine, services=machine.services - {absent.group(2)})
    return replace(machine, has_containers_feature=False)


def case_content(case: Mapping[str, object]) -> bytes | None:
    """Return the bytes of a case's daemon.json; None if there was no file."""
    encoded, text = case.get("daemon_json_base64"), case.get("daemon_json")
    if isinstance(encoded, str):
        return base64.b64decode(encoded)
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else None


def case_flags(case: Mapping[str, object]) -> list[str]:
    """Return a case's command line; none if there was none."""
    flags = case.get("flags")
    return [str(flag) for flag in flags] if isinstance(flags, list) else []


def case_path(case: Mapping[str, object], directory: str) -> str:
    """Return where a case's daemon.json was."""
    place = case.get("file_place")
    if isinstance(place, str):
        return place
    words = case_flags(case)
    if any(_CONFIG in word for word in words):
        return _CONFIG_PLACE
    named = _last_value(words, "--config-file")
    if named:
        return ntpath.normpath(ntpath.join(directory, named))
    root = _last_value(words, "--data-root") or ntpath.join(_PROGRAM_DATA, "docker")
    return ntpath.join(root, "config", "daemon.json")


def _last_value(words: Sequence[str], flag: str) -> str:
    for index in reversed(range(len(words))):
        name, equals, value = words[index].partition("=")
        if name == flag and (equals or index + 1 < len(words)):
            return value if equals else words[index + 1]
    return ""


def check_case(case: Mapping[str, object]) -> Verdict:
    """Return the verdict on a recorded case, its file called ``<config>`` and times ``<time>`` as there."""
    flags = [flag.replace(_CONFIG, _CONFIG_PLACE) for flag in case_flags(case)]
    machine = recorded_machine(case)
    verdict = check(flags, machine)
    place = case_path(case, machine.directory)
    message = _TIME.sub(
        'time="<time>"', verdict.message.replace(f"with file {place}:", f"with file {_CONFIG}:")
    )
    for operation in ("open", "read"):
        message = message.replace(f"{operation} {place}:", f"{operation} {_CONFIG}:")
    message = message.replace(_CONFIG_PLACE, _CONFIG)
    return replace(verdict, message=message)


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 0 unless a person's file is refused or would stop the start."""
    words = list(arguments)
    flags: list[str] = []
    if "--" in words:
        cut = words.index("--")
        words, flags = words[:cut], words[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="rehearsal check", description="What dockerd would make of a daemon.json."
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "file", nargs="?", metavar="FILE", help="a daemon.json; flags of dockerd follow after --"
    )
    target.add_argument("--json", metavar="CASES", help="cases in the format of tests/recorded/validate.json")
    parser.add_argument(
        "--group", action="append", default=[], help="a local group of the host (default: docker)"
    )
    options = parser.parse_args(words)
    if options.json:
        return _print_cases(_load_cases(options.json))
    return _print_file(options.file, flags, options.group or ["docker"])


def _load_cases(path: str) -> list[object]:
    cases = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    if isinstance(cases, dict) and isinstance(cases.get("cases"), list):
        cases = cases["cases"]
    if not isinstance(cases, list):
        raise SystemExit(f"{path}: not a list of cases")
    return cases


def _print_cases(cases: Iterable[object]) -> int:
    sys.setrecursionlimit(_DEEP)
    for case in cases:
        verdict = _verdict(case)
        line = {
            "id": case.get("id") if isinstance(case, Mapping) else None,
            "accepted": verdict.accepted,
            "starts": verdict.starts,
            "message": verdict.message,
        }
        print(json.dumps(line), flush=True)
    return 0


def _verdict(case: object) -> Verdict:
    try:
        if not isinstance(case, Mapping):
            raise TypeError(f"a case is an object, not {type(case).__name__}")
        return check_case(case)
    except _UNFORESEEN as error:
        return Verdict(accepted=False, starts=False, message=f"rehearsal check: {error}", exit_code=1)


def _print_file(path: str, flags: Sequence[str], groups: Sequence[str]) -> int:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from error
    machine = DescribedMachine(
        files={path: content, **recorded_certificates("C:\\g\\certs")},
        environment={"PROGRAMDATA": _PROGRAM_DATA},
        groups=frozenset(group.casefold() for group in groups),
    )
    verdict = check(["--validate", "--config-file", path, *flags], machine)
    out = sys.stdout
    print(f"dockerd --validate: {verdict.message}", file=out)
    if not verdict.accepted:
        return 1
    if not verdict.starts:
        print(f"start: refused: {verdict.start_message}", file=out)
        return 1
    print(f"start: runs{f', {verdict.delay:g} s late' if verdict.delay else ''}", file=out)
    for level, message, _ in verdict.log:
        if level != "info":
            print(f"  {level}: {message}", file=out)
    for key, value in (verdict.info or {}).items():
        print(f"  {key}: {json.dumps(value, ensure_ascii=False)}", file=out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
