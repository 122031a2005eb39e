"""docker create and docker run."""

from __future__ import annotations

import ntpath
import re
from typing import Any

from rehearsal.engine import pulling
from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.containers import copy_output
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.cli.updating import BadPolicy, restart_policy
from rehearsal.engine.containers import Wanted
from rehearsal.engine.errors import EngineError, NotFoundError, StartError
from rehearsal.engine.golang.netip import AddressError, parse_address
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, parse_duration, parse_float, ram_in_bytes
from rehearsal.engine.records import Container
from rehearsal.engine.references import InvalidReference, Reference

_PORT = re.compile(
    r"(?:(?P<ip>[0-9]+(?:\.[0-9]+){3}|\[[0-9a-fA-F:]*\]|):)?(?:(?P<host>[0-9]*):)?(?P<inside>[0-9]+)(?:/(?P<protocol>[a-z]+))?",
    re.IGNORECASE,
)
_PROTOCOLS = ("tcp", "udp")
_NANOSECONDS = 1_000_000_000
_LINUX_ONLY = frozenset(
    [
        "cap-add",
        "cap-drop",
        "cgroup-parent",
        "cgroupns",
        "cpu-period",
        "cpu-quota",
        "cpuset-cpus",
        "cpuset-mems",
        "device-cgroup-rule",
        "ipc",
        "pid",
        "privileged",
        "sysctl",
        "ulimit",
        "uts",
        "shm-size",
        "tmpfs",
        "userns",
        "oom-kill-disable",
        "memory-swap",
        "group-add",
        "init",
        "read-only",
        "link-local-ip",
        "memory-reservation",
        "memory-swappiness",
        "oom-score-adj",
        "pids-limit",
        "blkio-weight",
    ]
)
_UNUSED = frozenset(
    [
        "add-host",
        "annotation",
        "attach",
        "cidfile",
        "cpu-count",
        "cpu-percent",
        "cpu-shares",
        "device",
        "dns",
        "dns-option",
        "dns-search",
        "domainname",
        "env-file",
        "gpus",
        "io-maxbandwidth",
        "io-maxiops",
        "ip6",
        "label-file",
        "link",
        "mac-address",
        "network-alias",
        "publish-all",
        "runtime",
        "security-opt",
        "stop-signal",
        "storage-opt",
        "volume-driver",
        "volumes-from",
    ]
)
_SWITCHES = frozenset({"privileged", "oom-kill-disable", "init", "read-only", "publish-all"})


def _flags() -> tuple[FlagSpec, ...]:
    rest = [
        FlagSpec(name, "switch" if name in _SWITCHES else "list") for name in sorted(_LINUX_ONLY | _UNUSED)
    ]
    return (
        FlagSpec("cpus"),
        FlagSpec("disable-content-trust", "switch", default="true"),
        FlagSpec("entrypoint"),
        FlagSpec("env", "list", "e"),
        FlagSpec("expose", "list"),
        FlagSpec("health-cmd"),
        FlagSpec("health-interval"),
        FlagSpec("health-retries", "number"),
        FlagSpec("health-start-interval"),
        FlagSpec("health-start-period"),
        FlagSpec("health-timeout"),
        FlagSpec("hostname", shorthand="h"),
        FlagSpec("interactive", "switch", "i"),
        FlagSpec("ip"),
        FlagSpec("isolation"),
        FlagSpec("label", "list", "l"),
        FlagSpec("log-driver"),
        FlagSpec("log-opt", "list"),
        FlagSpec("memory", shorthand="m"),
        FlagSpec("mount", "list"),
        FlagSpec("name"),
        FlagSpec("net"),
        FlagSpec("network"),
        FlagSpec("no-healthcheck", "switch"),
        FlagSpec("platform"),
        FlagSpec("publish", "list", "p"),
        FlagSpec("pull", default="missing"),
        FlagSpec("quiet", "switch", "q"),
        FlagSpec("restart", default="no"),
        FlagSpec("rm", "switch"),
        FlagSpec("stop-timeout", "number"),
        FlagSpec("tty", "switch", "t"),
        FlagSpec("user", shorthand="u"),
        FlagSpec("volume", "list", "v"),
        FlagSpec("workdir", shorthand="w"),
        *rest,
    )


class _Bad(ValueError):
    pass


def _wanted(session: Session, given: Given) -> Wanted:
    """Return what the flags ask for; raises `_Bad` in docker's words."""
    for name in sorted(_LINUX_ONLY):
        if given.changed(name):
            raise _Bad(f"invalid option: Windows does not support --{name}")
    for name in sorted(_UNUSED):
        if given.changed(name):
            raise _Bad(f"rehearsal: docker run --{name} is not known on a rehearsal host")
    ports = _ports(given.texts("publish"))
    for port in given.texts("expose"):
        ports.setdefault(port if "/" in port else f"{port}/tcp", [])
    return Wanted(
        image=given.arguments[0],
        name=given.text("name"),
        command=given.arguments[1:] or None,
        entrypoint=[given.text("entrypoint")] if given.text("entrypoint") else None,
        environment=[_environment(session, item) for item in given.texts("env")],
        labels=dict(item.partition("=")[::2] for item in given.texts("label")),
        ports=ports,
        binds=[_bind(session, volume) for volume in given.texts("volume")],
        mounts=[_mount(text) for text in given.texts("mount")],
        network=given.text("network") or given.text("net") or "nat",
        address=_address(given.text("ip")),
        restart=_restart(given),
        auto_remove=given.switch("rm"),
        hostname=given.text("hostname"),
        working_directory=given.text("workdir"),
        user=given.text("user"),
        isolation=_isolation(given.text("isolation")),
        memory=_number(given.text("memory"), ram_in_bytes, "memory"),
        cpus=_number(given.text("cpus"), parse_float, "cpus"),
        healthcheck=_healthcheck(given),
        stop_timeout=given.number("stop-timeout") if given.changed("stop-timeout") else None,
        interactive=given.switch("interactive"),
        tty=given.switch("tty"),
        log_driver=given.text("log-driver"),
        log_options=dict(item.partition("=")[::2] for item in given.texts("log-opt")),
    )


def _number(text: str, parse: Any, name: str) -> Any:  # noqa: ANN401 - int or float, as the parser gives
    if not text:
        return 0
    try:
        return parse(text)
    except ParseError as error:
        raise _Bad(f'invalid argument {quote(text)} for "--{name}" flag: {error}') from error


def _environment(session: Session, item: str) -> str:
    name, equals, _ = item.partition("=")
    if not name:
        raise _Bad(f"invalid environment variable: {item}")
    return item if equals else f"{name}={session.environment.get(name.upper(), '')}"


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return str(parse_address(text))
    except AddressError as error:
        raise _Bad(
            f'invalid argument {quote(text)} for "--ip" flag: failed to parse IP: {quote(text)}'
        ) from error


def _isolation(text: str) -> str:
    if text not in ("", "default", "process", "hyperv"):
        raise _Bad(f"invalid isolation mode: {text}")
    return text if text != "default" else ""


def _ports(values: list[str]) -> dict[str, list[dict[str, str]]]:
    ports: dict[str, list[dict[str, str]]] = {}
    for value in values:
        match = _PORT.fullmatch(value)
        if match is None:
            raise _Bad(
                f"invalid publish opts format (should be name=value but got '{value}')"
                if "=" in value
                else f"invalid containerPort: {value}"
            )
        inside, outside = match.group("inside"), match.group("host") or ""
        protocol = (match.group("protocol") or "tcp").lower()
        if protocol not in _PROTOCOLS:
            raise _Bad(f"invalid proto: {protocol}")
        if not 1 <= int(inside) <= 65535:
            raise _Bad(f"invalid containerPort: {inside}")
        if outside and not 1 <= int(outside) <= 65535:
            raise _Bad(f"invalid hostPort: {outside}")
        ports.setdefault(f"{inside}/{protocol}", []).append(
            {"HostIp": match.group("ip") or "", "HostPort": outside}
        )
    return ports


def _bind(session: Session, volume: str) -> str:
    """Make a relative source absolute, as docker.exe does."""
    if volume.startswith((".\\", "./")):
        source, colon, rest = volume.partition(":")
        return ntpath.normpath(ntpath.join(session.directory, source)) + colon + rest
    return volume


def _mount(text: str) -> dict[str, Any]:
    fields = dict(item.partition("=")[::2] for item in text.split(","))
    known = {"type", "source", "src", "target", "destination", "dst", "readonly", "ro"}
    unknown = next((name for name in fields if name not in known), None)
    if unknown is not None:
        raise _Bad(
            f'invalid argument {quote(text)} for "--mount" flag: '
            f"unexpected key '{unknown}' in '{unknown}={fields[unknown]}'"
        )
    kind = fields.get("type", "volume")
    if kind != "bind":
        raise _Bad(f"rehearsal: --mount type={kind} is not known on a rehearsal host, only type=bind")
    source = fields.get("source") or fields.get("src", "")
    target = fields.get("target") or fields.get("destination") or fields.get("dst", "")
    if not target:
        raise _Bad(f'invalid argument {quote(text)} for "--mount" flag: target is required')
    read_only = "readonly" in fields or "ro" in fields
    return {"Type": "bind", "Source": source, "Target": target, **({"ReadOnly": True} if read_only else {})}


def _restart(given: Given) -> tuple[str, int]:
    policy = restart_policy(given.text("restart"))
    if policy[0] != "no" and given.switch("rm"):
        raise _Bad("conflicting options: cannot specify both --restart and --rm")
    return policy


def _healthcheck(given: Given) -> dict[str, Any] | None:
    if given.switch("no-healthcheck"):
        return {"Test": ["NONE"]}
    if not given.text("health-cmd"):
        return None
    check: dict[str, Any] = {"Test": ["CMD-SHELL", given.text("health-cmd")]}
    names = {
        "interval": "Interval",
        "timeout": "Timeout",
        "start-period": "StartPeriod",
        "start-interval": "StartInterval",
    }
    for flag, key in names.items():
        text = given.text(f"health-{flag}")
        if text:
            check[key] = int(_number(text, parse_duration, f"health-{flag}") * _NANOSECONDS)
    if given.changed("health-retries"):
        check["Retries"] = given.number("health-retries")
    return check


def _create_container(session: Session, given: Given, command: str) -> Container:
    engine = session.engine
    suffix = f"\n\nRun 'docker {command} --help' for more information"
    try:
        wanted = _wanted(session, given)
        reference = Reference.parse(wanted.image) if not _is_id(wanted.image) else None
    except (_Bad, BadPolicy, InvalidReference) as error:
        raise CommandError(f"docker: {error}{suffix}", 125) from error
    pull = given.text("pull")
    if pull not in ("always", "missing", "never"):
        raise CommandError(
            f'docker: invalid pull option: \'{pull}\': must be one of "always", "missing" or "never"{suffix}',
            125,
        )
    driver, isolation = engine.configuration.text("log-driver"), engine.started.isolation
    try:
        if pull == "always" and reference is not None:
            pulling.pull(engine, reference, session.complain)
        try:
            container = engine.containers.create(wanted, driver, isolation)
        except NotFoundError as error:
            if pull != "missing" or reference is None or not str(error).startswith("No such image"):
                raise
            session.complain(f"Unable to find image '{reference.tagged()}' locally")
            pulling.pull(engine, reference, session.complain)
            container = engine.containers.create(wanted, driver, isolation)
    except EngineError as error:
        raise CommandError(f"docker: {response_text(error)}{suffix}", 125) from error
    session.host.changed(f"container {container.name} created")
    return container


def _is_id(text: str) -> bool:
    return re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", text) is not None


def _create(session: Session, given: Given) -> int:
    session.print(_create_container(session, given, "create").id)
    return 0


def _run(session: Session, given: Given) -> int:
    engine = session.engine
    container = _create_container(session, given, "run")
    try:
        engine.runtime.start(container)
    except StartError as error:
        if given.switch("rm"):
            engine.containers.remove(container, force=True)
        if given.switch("detach"):
            session.print(container.id)
        text = f"docker: {response_text(error)}\n\nRun 'docker run --help' for more information"
        raise CommandError(text, error.exit_code) from error
    if given.switch("detach"):
        session.print(container.id)
        return 0
    code = engine.runtime.wait(container)
    copy_output(session, container)
    if given.switch("rm"):
        engine.containers.remove(container, force=True)
    return code


def commands() -> list[tuple[list[str], Command]]:
    """Return the commands with all their names."""
    usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]"
    run_flags = (
        *_flags(),
        FlagSpec("detach", "switch", "d"),
        FlagSpec("detach-keys"),
        FlagSpec("sig-proxy", "switch", default="true"),
    )
    return [
        (
            ["container create", "create"],
            Command("container create", usage, _create, _flags(), 1, interspersed=False),
        ),
        (["container run", "run"], Command("container run", usage, _run, run_flags, 1, interspersed=False)),
    ]
