"""sc.exe: the service manager from the command line, with its option names that end in ``=``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rehearsal import command_line
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult, RegistryValue, ServiceFailure, ServiceStatus, WindowsError
from rehearsal.services import AUTOMATIC, DISABLED, MANUAL, FailureActions

USAGE = 1639
"""ERROR_INVALID_COMMAND_LINE: what sc leaves when it does not understand."""

START_TYPES = {"auto": AUTOMATIC, "delayed-auto": AUTOMATIC, "demand": MANUAL, "disabled": DISABLED}
START_NAMES = {AUTOMATIC: "AUTO_START", MANUAL: "DEMAND_START", DISABLED: "DISABLED"}
ACTIONS = {"": 0, "restart": 1, "reboot": 2, "run": 3}
ACTION_NAMES = {1: "RESTART -- Delay = {} milliseconds.", 2: "REBOOT -- Delay = {} milliseconds."}
STATES = {
    "Stopped": (1, "STOPPED"),
    "Start Pending": (2, "START_PENDING"),
    "Stop Pending": (3, "STOP_PENDING"),
}

Verb = Callable[[Host, str, Sequence[str]], str]


class UsageError(Exception):
    """The words do not make a command; the text is what sc prints before its usage."""


def sc(host: Host, argv: list[str], _: bytes) -> NativeResult:
    """Run one verb on one service."""
    words = argv[1:]
    verb = words[0].casefold() if words else ""
    if verb not in VERBS or (len(words) < 2 and verb != "query"):
        return _usage(
            f"*** Unrecognized Command ***\r\n(The rehearsal knows: {', '.join(VERBS)}.)" if words else ""
        )
    function, api = VERBS[verb]
    name = words[1] if len(words) > 1 else ""
    try:
        return NativeResult(0, function(host, name, words[2:]).replace("\n", "\r\n").encode())
    except UsageError as error:
        return _usage(str(error))
    except WindowsError as error:
        step = "EnumQueryServicesStatus:OpenService" if verb in {"query", "queryex"} else "OpenService"
        where = step if error.code == 1060 else api
        text = f"[SC] {where} FAILED {error.code}:\r\n\r\n{error.message}\r\n\r\n"
        return NativeResult(error.code, text.encode())


def _usage(problem: str) -> NativeResult:
    text = (
        f"{problem}\r\nDESCRIPTION:\r\n        SC is a command line program used for "
        "communicating with the\r\n        Service Control Manager and "
        "services.\r\nUSAGE:\r\n        sc <server> [command] [service name] <option1> <option2>...\r\n"
    )
    return NativeResult(USAGE, text.encode())


def _options(words: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Return ``name= value`` pairs. An empty value that 5.1 let vanish leaves a name without one."""
    options: dict[str, str] = {}
    position = 0
    while position < len(words):
        name = words[position].casefold()
        if not name.endswith("=") or name[:-1] not in known:
            raise UsageError(
                f"Invalid Option: {words[position]} (known: {', '.join(f'{item}=' for item in known)})"
            )
        if position + 1 == len(words):
            raise UsageError(
                f"{words[position]} has no value; in Windows PowerShell an empty one needs '\"\"'"
            )
        options[name[:-1]] = words[position + 1]
        position += 2
    return options


def config(host: Host, name: str, words: Sequence[str]) -> str:
    """Change what a service is."""
    host.services.configuration(name)
    options = _options(
        words, ("binpath", "start", "depend", "displayname", "obj", "password", "error", "type")
    )
    changes: dict[str, RegistryValue] = {}
    if "binpath" in options:
        changes["ImagePath"] = options["binpath"]
    if "start" in options:
        start = options["start"].casefold()
        if start not in START_TYPES:
            raise UsageError(f"ERROR:  The start= option {start} is none of {', '.join(START_TYPES)}.")
        changes |= {"Start": START_TYPES[start], "DelayedAutostart": int(start == "delayed-auto")}
    if "depend" in options:
        changes["DependOnService"] = [part for part in options["depend"].split("/") if part]
    for option, value in (("displayname", "DisplayName"), ("obj", "ObjectName")):
        if option in options:
            changes[value] = options[option]
    if not changes:
        raise UsageError("config needs an option that the rehearsal models")
    host.services.configure(name, changes)
    return "[SC] ChangeServiceConfig SUCCESS\n"


def failure(host: Host, name: str, words: Sequence[str]) -> str:
    """Say what happens when a service crashes."""
    host.services.configuration(name)
    options = _options(words, ("reset", "actions", "reboot", "command"))
    if ("reset" in options) != ("actions" in options):
        raise UsageError("ERROR:  The reset and actions options must be specified together.")
    parts = options.get("actions", "").split("/")
    try:
        pairs = tuple(
            (ACTIONS[kind.casefold()], int(delay))
            for kind, delay in zip(parts[::2], parts[1::2], strict=True)
        )
        reset = int(options.get("reset", "0"))
    except (KeyError, ValueError):
        if options.get("actions") != "/":
            raise UsageError(
                f"ERROR:  actions= {options.get('actions')}: pairs of kind/milliseconds"
            ) from None
        pairs, reset = (), int(options["reset"])
    host.services.configure(name, {"FailureActions": FailureActions(reset, pairs).pack()})
    return "[SC] ChangeServiceConfig2 SUCCESS\n"


def failure_flag(host: Host, name: str, words: Sequence[str]) -> str:
    """Say whether recovery also follows a stop with an error."""
    if len(words) != 1 or words[0] not in {"0", "1"}:
        raise UsageError("failureflag takes 0 or 1")
    host.services.configure(name, {"FailureActionsOnNonCrashFailures": int(words[0])})
    return "[SC] ChangeServiceConfig2 SUCCESS\n"


def description(host: Host, name: str, words: Sequence[str]) -> str:
    """Describe a service."""
    host.services.configure(name, {"Description": " ".join(words)})
    return "[SC] ChangeServiceConfig2 SUCCESS\n"


def control(host: Host, name: str, words: Sequence[str]) -> str:
    """Send a control."""
    if [word.casefold() for word in words] != ["paramchange"]:
        raise UsageError("Invalid Command (the rehearsal models paramchange)")
    host.services.paramchange(name)
    return _status(host, name)


def start(host: Host, name: str, _: Sequence[str]) -> str:
    """Start a service. sc does not wait to see whether it stays up."""
    try:
        host.services.start(name)
    except ServiceFailure:
        return _block(host, name, ServiceStatus("Start Pending"))
    return _block(host, name, ServiceStatus("Start Pending", host.services.status(name).process_id))


def stop(host: Host, name: str, _: Sequence[str]) -> str:
    """Stop a service."""
    host.services.stop(name)
    return _block(host, name, ServiceStatus("Stop Pending"))


def delete(host: Host, name: str, _: Sequence[str]) -> str:
    """Delete a service; its event source stays."""
    host.services.delete(name)
    return "[SC] DeleteService SUCCESS\n"


def query(host: Host, name: str, _: Sequence[str]) -> str:
    """Show the state of a service, or of all that run."""
    if name:
        return _status(host, name)
    running = [found for found in host.services.names() if host.services.status(found).state == "Running"]
    return "".join(_status(host, found) for found in running)


def query_ex(host: Host, name: str, words: Sequence[str]) -> str:
    """Show the state of a service with its process."""
    status = host.services.status(name)
    return (
        query(host, name, words)
        + f"        PID                : {status.process_id}\n        FLAGS              : \n"
    )


def query_config(host: Host, name: str, _: Sequence[str]) -> str:
    """Show what a service is."""
    found = host.services.configuration(name)
    start_type = found.get("Start")
    number = start_type if isinstance(start_type, int) else AUTOMATIC
    delayed = " (DELAYED)" if found.get("DelayedAutostart") == 1 else ""
    depends = found.get("DependOnService") or [""]
    lines = [
        "[SC] QueryServiceConfig SUCCESS",
        "",
        f"SERVICE_NAME: {found['Name']!s}",
        f"        TYPE               : {_type(host, name):x}  WIN32_OWN_PROCESS ",
        f"        START_TYPE         : {number}   {START_NAMES.get(number, '')}{delayed}",
        "        ERROR_CONTROL      : 1   NORMAL",
        f"        BINARY_PATH_NAME   : {command_line.expand(str(found['ImagePath']), host.environment)}",
        "        LOAD_ORDER_GROUP   : ",
        "        TAG                : 0",
        f"        DISPLAY_NAME       : {found.get('DisplayName', name)!s}",
        f"        DEPENDENCIES       : {depends[0] if isinstance(depends, list) else depends!s}",
        *(
            f"                           : {more}"
            for more in (depends[1:] if isinstance(depends, list) else [])
        ),
        f"        SERVICE_START_NAME : {found.get('ObjectName', 'LocalSystem')!s}",
    ]
    return "\n".join(lines) + "\n"


def query_failure(host: Host, name: str, _: Sequence[str]) -> str:
    """Show what happens when a service crashes."""
    found = host.services.configuration(name)
    data = found.get("FailureActions")
    actions = FailureActions.parse(data) if isinstance(data, bytes) else FailureActions(0, ())
    shown = [ACTION_NAMES[kind].format(delay) for kind, delay in actions.actions if kind in ACTION_NAMES]
    lines = [
        "[SC] QueryServiceConfig2 SUCCESS",
        "",
        f"SERVICE_NAME: {found['Name']!s}",
        f"        RESET_PERIOD (in seconds)    : {actions.reset_period}",
        "        REBOOT_MESSAGE               : ",
        "        COMMAND_LINE                 : ",
    ]
    if shown:
        lines.append(f"        FAILURE_ACTIONS              : {shown[0]}")
        lines += [" " * 39 + more for more in shown[1:]]
    return "\n".join(lines) + "\n"


def query_failure_flag(host: Host, name: str, _: Sequence[str]) -> str:
    """Show whether recovery also follows a stop with an error."""
    found = host.services.configuration(name)
    flag = "TRUE" if found.get("FailureActionsOnNonCrashFailures") == 1 else "FALSE"
    return (
        f"[SC] QueryServiceConfig2 SUCCESS\n\nSERVICE_NAME: {found['Name']!s}\n"
        f"        FAILURE_ACTIONS_ON_NONCRASH_FAILURES: {flag}\n"
    )


def _type(host: Host, name: str) -> int:
    kind = host.services.configuration(name).get("Type")
    return kind if isinstance(kind, int) else 16


def _status(host: Host, name: str) -> str:
    return _block(host, name, host.services.status(name))


def _block(host: Host, name: str, status: ServiceStatus) -> str:
    number, state = STATES.get(status.state, (4, "RUNNING"))
    takes = (
        "STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN"
        if number == 4
        else "NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN"
    )
    kind = _type(host, name)
    return (
        f"\nSERVICE_NAME: {name} \n"
        f"        TYPE               : {kind:x}  {'WIN32_OWN_PROCESS' if kind == 16 else 'WIN32'}  \n"
        f"        STATE              : {number}  {state} \n"
        f"                                ({takes})\n"
        f"        WIN32_EXIT_CODE    : {status.win32_exit_code}  (0x{status.win32_exit_code:x})\n"
        f"        SERVICE_EXIT_CODE  : {status.service_exit_code}  (0x{status.service_exit_code:x})\n"
        "        CHECKPOINT         : 0x0\n"
        "        WAIT_HINT          : 0x0\n"
    )


VERBS: dict[str, tuple[Verb, str]] = {
    "config": (config, "ChangeServiceConfig"),
    "control": (control, "ControlService"),
    "delete": (delete, "DeleteService"),
    "description": (description, "ChangeServiceConfig2"),
    "failure": (failure, "ChangeServiceConfig2"),
    "failureflag": (failure_flag, "ChangeServiceConfig2"),
    "qc": (query_config, "QueryServiceConfig"),
    "qfailure": (query_failure, "QueryServiceConfig2"),
    "qfailureflag": (query_failure_flag, "QueryServiceConfig2"),
    "query": (query, "EnumQueryServicesStatus"),
    "queryex": (query_ex, "EnumQueryServicesStatus"),
    "start": (start, "StartService"),
    "stop": (stop, "ControlService"),
}
"""Verbs with what they do, and the system call that sc names when it fails."""
