"""docker container …: list, inspect, start, stop, kill, restart, rm, logs, wait, rename, port."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.container_list import list_containers
from rehearsal.engine.cli.formats import human_size, print_inspected
from rehearsal.engine.cli.inspecting import container_document
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.errors import EngineError, NotFoundError, StartError
from rehearsal.engine.records import Container
from rehearsal.engine.runtime import published


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
        container = session.engine.containers.find(given.arguments[0])
        session.engine.containers.rename(container, given.arguments[1])
    except EngineError as error:
        raise CommandError(f"failed to rename container: {response_text(error)}") from error
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
            Command("container ls", "[OPTIONS]", list_containers, _LIST_FLAGS, 0, 0),
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
