"""Whether dockerd starts with a configuration, and what it says (``daemonCLI.start``, ``NewDaemon``)."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from rehearsal.engine.daemon import builder, listening, logging_options, registries, validation
from rehearsal.engine.daemon.configuration import SUPPORTED_API, Configuration, version_key
from rehearsal.engine.daemon.file import mask_credentials
from rehearsal.engine.daemon.log_rules import LogOptionError
from rehearsal.engine.daemon.machine import (
    BAD_NAME,
    NO_NETWORK_PATH,
    NO_PATH,
    NO_SERVICE,
    FileFault,
    Machine,
    bad_name,
)
from rehearsal.engine.golang.netip import AddressError, parse_prefix
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, ram_in_bytes
from rehearsal.engine.golang.strings import to_lower

OLDEST_BUILD = 17763
_BUILT_IN_RUNTIME = "com.docker.hcsshim.v1"
_ISOLATIONS = ("default", "process", "hyperv")
LogLine = tuple[str, str, dict[str, str]]
"""(level, message, fields)"""


class StartRefused(ValueError):
    """The daemon stops. ``reported_running``: it had told the service manager before that it runs."""

    def __init__(self, message: str, log: list[LogLine], *, reported_running: bool) -> None:
        super().__init__(message)
        self.log = log
        self.reported_running = reported_running


@dataclass
class Started:
    """A daemon that has come up."""

    trust: registries.Trust
    isolation: str
    listening: listening.Listening
    log: list[LogLine] = field(default_factory=list)


def check_system(machine: Machine) -> str:
    """Return what keeps this computer from running the daemon, or nothing."""
    if machine.build < OLDEST_BUILD:
        return (
            "this version of Windows does not support the docker daemon "
            f"(Windows build {OLDEST_BUILD} or higher is required)"
        )
    if not machine.has_containers_feature:
        return "failed to load vmcompute.dll, ensure that the Containers feature is installed"
    for name in ("hns", "vmcompute"):
        if not machine.has_service(name):
            return (
                "a required service is not installed, ensure the Containers feature is installed: "
                f"failed to open service {name}: {NO_SERVICE}"
            )
    return ""


def start(configuration: Configuration, machine: Machine, *, nat_exists: bool = False) -> Started:
    """Return the daemon as it comes up, or raise `StartRefused` with its last words.

    With ``nat_exists`` there is a nat network, so that none is made and ``fixed-cidr`` is not read.
    """
    log: list[LogLine] = []
    running = False

    def refuse(message: str) -> StartRefused:
        return StartRefused(message, log, reported_running=running)

    problem = check_system(machine)
    if problem:
        raise refuse(f"system requirements not met: {problem}")
    log.append(("info", "Starting up", {}))
    root_problem = _check_places(configuration, machine)
    if root_problem:
        raise refuse(root_problem)
    if configuration.switch("experimental"):
        log.append(("warning", "Running with experimental features enabled", {}))
    try:
        opened = listening.open_all(configuration, machine)
    except listening.ListenError as error:
        raise refuse(f"failed to load listeners: {error}") from error
    log += opened.log
    runtime_problem = _check_runtime(configuration)
    if runtime_problem:
        raise refuse(runtime_problem)
    running = True
    _check_api_server(configuration, refuse_with=log)
    try:
        trust, isolation = _new_daemon(configuration, machine, log)
        if configuration.text("bridge") != "none" and not nat_exists:
            _check_fixed_cidr(configuration.text("fixed-cidr"))
    except ValueError as error:
        raise refuse(f"failed to start daemon: {error}") from error
    _check_plugins(configuration, log)
    try:
        listening.check_metrics_address(configuration.text("metrics-addr"), machine, opened.addresses)
    except listening.ListenError as error:
        raise refuse(f"failed to start metrics server: {error}") from error
    try:
        builder.check(configuration.mapping("builder"))
    except builder.BuilderError as error:
        raise refuse(f"error initializing buildkit: error creating buildkit instance: {error}") from error
    if configuration.mapping("features").get("buildkit"):
        log.append(("warning", _BUILDKIT_WARNING, {}))
    log.append(("info", "Daemon has completed initialization", {}))
    log += [("info", f"API listen on {address}", {}) for address in opened.addresses]
    return Started(trust, isolation, opened, log)


_BUILDKIT_WARNING = (
    "Buildkit feature is enabled in the daemon.json configuration file. Support for BuildKit on Windows is "
    "experimental, and enabling this feature may not work. Use at your own risk!"
)


def _check_places(configuration: Configuration, machine: Machine) -> str:
    """Return why the daemon's directories cannot be made, or nothing."""
    root = configuration.text("data-root")
    full = _full_path(root)
    if bad_name(full):
        return (
            f"unable to get the full path to root ({root}): failed to canonicalise path for {root}: "
            f"CreateFile {full}: {BAD_NAME}"
        )
    if _is_file(root, machine):
        return f"unable to get the full path to root ({root}): canonical path points to a file '{full}'"
    problem = _unmakeable(root, machine) or _unmakeable(configuration.text("exec-root"), machine)
    pid_folder = ntpath.dirname(configuration.text("pidfile"))
    if not problem and pid_folder:
        problem = _unmakeable(pid_folder, machine)
        return f"failed to create pidfile directory: {problem}" if problem else ""
    return problem


def _is_file(path: str, machine: Machine) -> bool:
    try:
        machine.read(path)
    except FileFault:
        return False
    return True


def _check_runtime(configuration: Configuration) -> str:
    """Return why containerd cannot be brought up for the default runtime, or nothing: no host has it here."""
    if configuration.text("containerd") or configuration.text("default-runtime") in ("", _BUILT_IN_RUNTIME):
        return ""
    return 'failed to start containerd: exec: "containerd.exe": executable file not found in %PATH%'


def _full_path(path: str) -> str:
    r"""Return a path on a drive with the drive's root before it: ``D:x`` is ``D:\x`` for a service."""
    drive, rest = ntpath.splitdrive(path)
    return drive + "\\" + rest.lstrip("\\/") if drive else path


def _unmakeable(path: str, machine: Machine) -> str:
    drive, rest = ntpath.splitdrive(path)
    if bad_name(_full_path(path)):
        return f"mkdir {path}: {BAD_NAME}"
    letter = drive.removeprefix("\\\\?\\").upper()
    if not drive or letter in machine.drives:
        return ""
    if letter.startswith("\\\\"):
        return f"mkdir {drive}: {NO_NETWORK_PATH}"
    first = rest.lstrip("\\/").partition("\\")[0]
    return f"mkdir {drive}\\{first}: {NO_PATH}"


def _check_api_server(configuration: Configuration, *, refuse_with: list[LogLine]) -> None:
    low, high = SUPPORTED_API
    version = configuration.text("min-api-version") or "1.40"
    if version_key(version) < version_key(low) or version_key(version) > version_key(high):
        raise StartRefused(
            f"failed to start API server: invalid minimum API version ({version}): "
            f"must be between {low} and {high}",
            refuse_with,
            reported_running=True,
        )


def _new_daemon(
    configuration: Configuration, machine: Machine, log: list[LogLine]
) -> tuple[registries.Trust, str]:
    trust = registries.load(
        configuration.texts("registry-mirrors"), configuration.texts("insecure-registries")
    )
    log += [("warning", message, {}) for message in trust.warnings]
    isolation = _isolation(configuration)
    log.append(("info", f"Windows default isolation mode: {isolation}", {}))
    try:
        options = {name: str(value) for name, value in configuration.mapping("log-opts").items()}
        logging_options.check(configuration.text("log-driver"), options)
    except LogOptionError as error:
        raise ValueError(f"failed to set log opts: failed to set log opts: {error}") from error
    if _uses_snapshotter(configuration, machine):
        _check_containerd(configuration.text("containerd"))
    else:
        _check_storage(configuration.texts("storage-opts"))
        if configuration.mapping("features").get("containerd-migration"):
            # without images or containers that could be lost, this changes over at once
            _check_containerd(configuration.text("containerd"))
    return trust, isolation


def _uses_snapshotter(configuration: Configuration, machine: Machine) -> bool:
    """Whether images are kept by containerd: asked for, or another driver than Windows' own was named."""
    asked = configuration.mapping("features").get("containerd-snapshotter")
    driver = machine.environment.get("DOCKER_DRIVER", "")
    return bool(asked) or (asked is None and driver not in ("", "windowsfilter"))


def _check_containerd(address: str) -> None:
    if not address:
        raise ValueError("containerd snapshotter is enabled but containerd is not configured")
    path = address.removeprefix("npipe://")
    raise ValueError(
        'failed to get containerd plugins: connection error: desc = "transport: Error while dialing: '
        f'open {path}: The system cannot find the file specified."'
    )


def _isolation(configuration: Configuration) -> str:
    chosen = validation.parse_exec_options(configuration.texts("exec-opts")).get("isolation", "default")
    lowered = to_lower(chosen)
    if lowered not in _ISOLATIONS:
        raise ValueError(
            f"error setting default isolation mode: invalid exec-opt value for 'isolation':'{chosen}'"
        )
    return "process" if lowered == "default" else lowered


def _check_storage(options: list[str]) -> None:
    sizes = [
        value for name, _, value in (option.partition("=") for option in options) if to_lower(name) == "size"
    ]
    if not sizes:
        return
    try:
        ram_in_bytes(sizes[-1])
    except ParseError as error:
        raise ValueError(
            "error initializing graphdriver: windowsfilter failed to parse default storage options: "
            f"{error}: windowsfilter"
        ) from error


def _check_fixed_cidr(text: str) -> None:
    if not text:
        return
    try:
        parse_prefix(text)
    except AddressError as error:
        raise ValueError(
            "Error initializing network controller: error creating default network: "
            f"invalid preferred address {quote(text)}: {error}"
        ) from error


def _check_plugins(configuration: Configuration, log: list[LogLine]) -> None:
    """Look for authorization plugins; a rehearsal host has none, as a fresh Windows host."""
    for name in configuration.texts("authorization-plugins"):
        waits = (1, 2, 4, 8)
        log += [("warning", f"Unable to locate plugin: {name}, retrying in {wait}s", {}) for wait in waits]
        raise StartRefused(
            f'failed to validate authorization plugin: plugin "{name}" not found', log, reported_running=True
        )


def info(
    configuration: Configuration, started: Started, environment: Mapping[str, str]
) -> Mapping[str, object]:
    """Return the part of ``docker info`` that the configuration, and proxies in the environment, decide."""
    trust = started.trust
    always = set(registries.ALWAYS_INSECURE)
    proxies = configuration.mapping("proxies")
    return {
        "Debug": configuration.switch("debug"),
        "Labels": configuration.texts("labels"),
        "LoggingDriver": configuration.text("log-driver"),
        "Isolation": started.isolation,
        "DockerRootDir": configuration.text("data-root"),
        "ExperimentalBuild": configuration.switch("experimental"),
        "HttpProxy": mask_credentials(str(proxies.get("http-proxy") or environment.get("HTTP_PROXY", ""))),
        "HttpsProxy": mask_credentials(str(proxies.get("https-proxy") or environment.get("HTTPS_PROXY", ""))),
        "NoProxy": mask_credentials(str(proxies.get("no-proxy") or environment.get("NO_PROXY", ""))),
        "GenericResources": validation.parse_generic_resources(configuration.texts("node-generic-resources")),
        "Containerd": configuration.text("containerd"),
        "mirrors": list(trust.mirrors),
        "insecure_registries": [
            *sorted(trust.insecure_names),
            *sorted(str(network) for network in trust.insecure_networks if str(network) not in always),
        ],
    }
