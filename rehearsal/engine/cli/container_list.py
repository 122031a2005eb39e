"""docker ps: which containers are listed, by which filters, and what a row shows."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.engine.cli.command import Given
from rehearsal.engine.cli.formats import ago, clock, human_size, print_rows
from rehearsal.engine.cli.inspecting import ANY_ADDRESS, shown_image
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.errors import EngineError
from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.records import NEVER, Container
from rehearsal.engine.runtime import published
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


def list_containers(session: Session, given: Given) -> int:
    """Carry out ``docker container ls``."""
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
    found = [c for c in found if _matches(c, filters)]
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


def _matches(container: Container, filters: list[tuple[str, str]]) -> bool:
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
    shown = [f"{ANY_ADDRESS}:{out}->{inside}/{protocol}" for out, inside, protocol in published(container)]
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
