"""docker container …: list, inspect, start, stop, kill, restart, rm, logs, wait, rename, port."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.formats import ago, clock, human_size, print_inspected, print_rows
from rehearsal.engine.cli.inspecting import container_document, shown_image
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.errors import EngineError, NotFoundError, StartError
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.records import NEVER, Container
from rehearsal.engine.runtime import published

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

_COLUMNS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "Ports": "PORTS",
    "Names": "NAMES",
}
_SHORT_COMMAND = 20
_SHORT_MOUNT = 15
_FILTERS = ("name", "id", "status", "label", "ancestor", "network", "publish", "exited", "health", "volume")


def _list(session: Session, given: Given) -> int:
    engine = session.engine
    found = engine.containers.everything()
    filters = [item.partition("=")[::2] for item in given.texts("filter")]
    unknown = next((name for name, _ in filters if name not in _FILTERS), None)
    if unknown is not None:
        raise CommandError(response_text(EngineError(f"invalid filter '{unknown}'")))
    by_status = any(name == "status" for name, _ in filters)
    last = 1 if given.switch("latest") else given.number("last")
    if not given.switch("all") and not by_status and last <= 0:
        found = [container for container in found if container.state.running]
    found = [c for c in found if _matches(engine, c, filters)]
    if last > 0:
        found = found[:last]
    full = given.switch("no-trunc")
    rows = [_row(engine, container, full=full) for container in found]
    quiet = "ID" if given.switch("quiet") and not given.text("format") else ""
    print_rows(
        session,
        rows,
        given.text("format"),
        _COLUMNS,
        type_name="*formatter.ContainerContext",
        quiet_key=quiet,
    )
    return 0


def _matches(engine: Engine, container: Container, filters: list[tuple[str, str]]) -> bool:
    by_name: dict[str, list[str]] = {}
    for name, value in filters:
        by_name.setdefault(name, []).append(value)
    tests: dict[str, Callable[[str], bool]] = {
        "name": lambda value: value.removeprefix("^").removesuffix("$").removeprefix("/") in container.name,
        "id": container.id.startswith,
        "status": lambda value: container.state.status == value,
        "label": lambda value: _has_label(container, value),
        "ancestor": lambda value: (
            container.image in (value, f"{value}:latest") or container.image_id.startswith(value)
        ),
        "network": lambda value: container.attachment.network == value,
        "publish": lambda value: any(
            value.partition("/")[0] == str(out) for out, _, _ in published(container)
        ),
        "exited": lambda value: (
            container.state.status == "exited" and str(container.state.exit_code) == value
        ),
        "health": lambda value: (container.state.health or "none") == value,
        "volume": lambda value: any(value in (m["Source"], m["Destination"]) for m in container.mounts),
    }
    del engine
    return all(
        all(tests[name](value) for value in values)
        if name == "label"
        else any(tests[name](v) for v in values)
        for name, values in by_name.items()
    )


def _has_label(container: Container, wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    labels = container.config["Labels"]
    return name in labels and (not equals or labels[name] == value)


def _row(engine: Engine, container: Container, *, full: bool) -> dict[str, str | None]:
    command = " ".join([container.path, *container.arguments])
    mounts = [mount["Source"] for mount in container.mounts]
    return {
        "Command": quote(command if full else _shortened(command, _SHORT_COMMAND)),
        "CreatedAt": clock(container.created),
        "HealthStatus": container.state.health if container.state.running else "",
        "ID": container.id if full else container.id[:12],
        "Image": shown_image(engine, container),
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(container.config["Labels"].items())),
        "LocalVolumes": str(sum(mount["Type"] == "volume" for mount in container.mounts)),
        "Mounts": ",".join(source if full else _shortened(source, _SHORT_MOUNT) for source in mounts),
        "Names": container.name,
        "Networks": container.attachment.network,
        "Platform": None,
        "Ports": _ports(container),
        "RunningFor": ago(container.created) + " ago",
        "Size": human_size(0),
        "State": container.state.status,
        "Status": status(container),
    }


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _ports(container: Container) -> str:
    if not container.state.running:
        return ""
    shown = [f"0.0.0.0:{out}->{inside}/{protocol}" for out, inside, protocol in published(container)]
    bound = {f"{inside}/{protocol}" for _, inside, protocol in published(container)}
    return ", ".join(
        shown + [port for port in container.config.get("ExposedPorts") or {} if port not in bound]
    )


def status(container: Container) -> str:
    """Return a container's state as ``docker ps`` words it."""
    state = container.state
    if state.running:
        health = {"": "", "starting": " (health: starting)"}.get(state.health, f" ({state.health})")
        return f"Up {ago(state.started)}{health}"
    if state.status == "restarting":
        return f"Restarting ({state.exit_code}) {ago(state.finished)} ago"
    if state.status == "created" or state.finished == NEVER:
        return "Created"
    return f"Exited ({state.exit_code}) {ago(state.finished)} ago"


def _inspect(session: Session, given: Given) -> int:
    engine = session.engine
    documents, problems = [], []
    for reference in given.arguments:
        try:
            documents.append(container_document(engine, engine.containers.find(reference)))
        except EngineError as error:
            problems.append(response_text(error))
    print_inspected(session, documents, given.text("format"))
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def each(
    session: Session, references: list[str], act: Callable[[Container], None], *, quiet_missing: bool = False
) -> int:
    """Do something to each container, print its reference, and raise what went wrong at the end."""
    engine = session.engine
    problems: list[str] = []
    code = 1
    for reference in references:
        try:
            act(engine.containers.find(reference))
        except NotFoundError as error:
            if not quiet_missing:
                problems.append(response_text(error))
        except StartError as error:
            problems.append(response_text(error))
        except EngineError as error:
            problems.append(response_text(error))
        else:
            session.print(reference)
    if problems:
        raise CommandError("\n".join(problems), code)
    return 0


def _start(session: Session, given: Given) -> int:
    engine = session.engine
    if given.switch("attach") or given.switch("interactive"):
        if len(given.arguments) > 1:
            raise CommandError("you cannot start and attach multiple containers at once")
        container = _find(session, given.arguments[0])
        try:
            engine.runtime.start(container)
        except StartError as error:
            raise CommandError(response_text(error)) from error
        code = engine.runtime.wait(container)
        copy_output(session, container)
        return code
    try:
        each(session, given.arguments, engine.runtime.start)
    except CommandError as error:
        failed = ", ".join(a for a in given.arguments if f"{a}\n" not in session.out)
        raise CommandError(f"{error}\nfailed to start containers: {failed}") from error
    return 0


def _find(session: Session, reference: str) -> Container:
    try:
        return session.engine.containers.find(reference)
    except EngineError as error:
        raise CommandError(response_text(error)) from error


def copy_output(session: Session, container: Container) -> None:
    """Print what a container has written."""
    for _, stream, text in session.engine.runtime.log(container).read():
        (session.out if stream == "stdout" else session.err).append(text)


def _timeout(session: Session, given: Given, container: Container) -> float:
    if given.changed("timeout") or given.changed("time"):
        return float(given.number("timeout") if given.changed("timeout") else given.number("time"))
    own = container.config.get("StopTimeout")
    return float(session.engine.configuration.number("default-stop-timeout") if own is None else own)


def _stop(session: Session, given: Given) -> int:
    runtime = session.engine.runtime
    return each(session, given.arguments, lambda c: runtime.stop(c, _timeout(session, given, c)))


def _restart(session: Session, given: Given) -> int:
    runtime = session.engine.runtime

    def act(container: Container) -> None:
        runtime.stop(container, _timeout(session, given, container))
        runtime.start(container)

    return each(session, given.arguments, act)


def _kill(session: Session, given: Given) -> int:
    def act(container: Container) -> None:
        if not container.state.running:
            raise EngineError(
                f"cannot kill container: {container.name}: container {container.id} is not running"
            )
        session.engine.runtime.kill(container)

    return each(session, given.arguments, act)


def _remove(session: Session, given: Given) -> int:
    engine, force = session.engine, given.switch("force")
    return each(
        session, given.arguments, lambda c: engine.containers.remove(c, force=force), quiet_missing=force
    )


def _logs(session: Session, given: Given) -> int:
    container = _find(session, given.arguments[0])
    if given.switch("follow"):
        session.engine.runtime.wait(container)
    entries = list(session.engine.runtime.log(container).read())
    tail = given.text("tail")
    if tail.isdigit():
        entries = entries[len(entries) - int(tail) :] if int(tail) < len(entries) else entries
    for time, stream, text in entries:
        line = f"{time} {text}" if given.switch("timestamps") else text
        (session.out if stream == "stdout" else session.err).append(line)
    return 0


def _wait(session: Session, given: Given) -> int:
    for reference in given.arguments:
        session.print(str(session.engine.runtime.wait(_find(session, reference))))
    return 0


def _rename(session: Session, given: Given) -> int:
    try:
        session.engine.containers.rename(_find(session, given.arguments[0]), given.arguments[1])
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    return 0


def _port(session: Session, given: Given) -> int:
    container = _find(session, given.arguments[0])
    for outside, inside, protocol in published(container):
        session.print(f"{inside}/{protocol} -> 0.0.0.0:{outside}")
    return 0


def _prune(session: Session, given: Given) -> int:
    del given
    engine = session.engine
    gone = [c for c in engine.containers.everything() if c.state.status in ("exited", "created")]
    if gone:
        session.print("Deleted Containers:")
    for container in gone:
        engine.containers.remove(container, force=False)
        session.print(container.id)
    session.print(f"{chr(10) if gone else ''}Total reclaimed space: {human_size(0)}")
    return 0


_FORMAT = FlagSpec("format", shorthand="f")
_TIMEOUT = (FlagSpec("timeout", "number", "t"), FlagSpec("time", "number"), FlagSpec("signal", shorthand="s"))
_MANY = "[OPTIONS] CONTAINER [CONTAINER...]"
_LIST_FLAGS = (
    FlagSpec("all", "switch", "a"),
    FlagSpec("filter", "list", "f"),
    FlagSpec("format"),
    FlagSpec("last", "number", "n", "-1"),
    FlagSpec("latest", "switch", "l"),
    FlagSpec("no-trunc", "switch"),
    FlagSpec("quiet", "switch", "q"),
    FlagSpec("size", "switch", "s"),
)


def commands() -> list[tuple[list[str], Command]]:
    """Return the commands with all their names."""
    return [
        (
            ["container ls", "container list", "container ps", "ps"],
            Command("container ls", "[OPTIONS]", _list, _LIST_FLAGS, 0, 0),
        ),
        (
            ["container inspect"],
            Command("container inspect", _MANY, _inspect, (_FORMAT, FlagSpec("size", "switch", "s")), 1),
        ),
        (
            ["container start", "start"],
            Command(
                "container start",
                _MANY,
                _start,
                (
                    FlagSpec("attach", "switch", "a"),
                    FlagSpec("interactive", "switch", "i"),
                    FlagSpec("detach-keys"),
                ),
                1,
            ),
        ),
        (["container stop", "stop"], Command("container stop", _MANY, _stop, _TIMEOUT, 1)),
        (["container restart", "restart"], Command("container restart", _MANY, _restart, _TIMEOUT, 1)),
        (
            ["container kill", "kill"],
            Command("container kill", _MANY, _kill, (FlagSpec("signal", shorthand="s"),), 1),
        ),
        (
            ["container rm", "container remove", "rm"],
            Command(
                "container rm",
                _MANY,
                _remove,
                (
                    FlagSpec("force", "switch", "f"),
                    FlagSpec("volumes", "switch", "v"),
                    FlagSpec("link", "switch", "l"),
                ),
                1,
            ),
        ),
        (
            ["container logs", "logs"],
            Command(
                "container logs",
                "[OPTIONS] CONTAINER",
                _logs,
                (
                    FlagSpec("follow", "switch", "f"),
                    FlagSpec("tail", shorthand="n", default="all"),
                    FlagSpec("timestamps", "switch", "t"),
                    FlagSpec("since"),
                    FlagSpec("until"),
                    FlagSpec("details", "switch"),
                ),
                1,
                1,
            ),
        ),
        (["container wait", "wait"], Command("container wait", "CONTAINER [CONTAINER...]", _wait, (), 1)),
        (
            ["container rename", "rename"],
            Command("container rename", "CONTAINER NEW_NAME", _rename, (), 2, 2),
        ),
        (
            ["container port", "port"],
            Command("container port", "CONTAINER [PRIVATE_PORT[/PROTO]]", _port, (), 1, 2),
        ),
        (
            ["container prune"],
            Command(
                "container prune",
                "[OPTIONS]",
                _prune,
                (FlagSpec("force", "switch", "f"), FlagSpec("filter", "list")),
                0,
                0,
            ),
        ),
    ]
