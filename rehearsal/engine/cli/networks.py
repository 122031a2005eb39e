"""docker network: list, inspect, create, rm."""

from __future__ import annotations

from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.formats import clock, print_inspected, print_rows
from rehearsal.engine.cli.inspecting import network_document
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.errors import EngineError
from rehearsal.engine.records import DockerNetwork

_COLUMNS = {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"}
_FILTERS = ("name", "driver", "id", "label", "scope", "type")


def _list(session: Session, given: Given) -> int:
    filters = [item.partition("=")[::2] for item in given.texts("filter")]
    unknown = next((name for name, _ in filters if name not in _FILTERS), None)
    if unknown is not None:
        raise CommandError(response_text(EngineError(f"invalid filter '{unknown}'")))
    found = sorted(session.engine.state.networks.values(), key=lambda network: network.name)
    found = [network for network in found if all(_passes(network, *item) for item in filters)]
    full = given.switch("no-trunc")
    quiet = "ID" if given.switch("quiet") and not given.text("format") else ""
    rows = [_row(network, full=full) for network in found]
    print_rows(
        session, rows, given.text("format"), _COLUMNS, type_name="*network.networkContext", quiet_key=quiet
    )
    return 0


def _passes(network: DockerNetwork, name: str, value: str) -> bool:
    key, equals, text = value.partition("=")
    tests = {
        "name": value in network.name,
        "driver": network.driver == value,
        "id": network.id.startswith(value),
        "scope": value == "local",
        "type": (network.name in ("nat", "none")) == (value == "builtin"),
        "label": key in network.labels and (not equals or network.labels.get(key) == text),
    }
    return tests[name]


def _row(network: DockerNetwork, *, full: bool) -> dict[str, str]:
    return {
        "CreatedAt": clock(network.created),
        "Driver": network.driver,
        "ID": network.id if full else network.id[:12],
        "IPv4": "true",
        "IPv6": "false",
        "Internal": "false",
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(network.labels.items())),
        "Name": network.name,
        "Scope": "local",
    }


def _inspect(session: Session, given: Given) -> int:
    engine = session.engine
    documents, problems = [], []
    for reference in given.arguments:
        try:
            documents.append(network_document(engine, engine.networks.find(reference)))
        except EngineError as error:
            problems.append(response_text(error))
    print_inspected(session, documents, given.text("format"))
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def _create(session: Session, given: Given) -> int:
    unknown = next(
        (name for name in ("ip-range", "aux-address", "ipv6", "internal") if given.changed(name)), None
    )
    if unknown is not None:
        raise CommandError(
            response_text(EngineError(f"--{unknown} is not supported by the windows network drivers"))
        )
    labels = dict(item.partition("=")[::2] for item in given.texts("label"))
    try:
        network = session.engine.networks.create(
            given.arguments[0],
            given.text("driver"),
            subnet=(given.texts("subnet") or [""])[0],
            gateway=(given.texts("gateway") or [""])[0],
            labels=labels,
        )
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    session.print(network.id)
    session.host.changed(f"network {network.name} created")
    return 0


def _remove(session: Session, given: Given) -> int:
    problems = []
    for reference in given.arguments:
        try:
            session.engine.networks.remove(reference)
        except EngineError as error:
            problems.append(response_text(error))
        else:
            session.print(reference)
            session.host.changed(f"network {reference} removed")
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def commands() -> list[tuple[list[str], Command]]:
    """Return the commands with all their names."""
    create_flags = (
        FlagSpec("aux-address", "list"),
        FlagSpec("driver", shorthand="d", default="nat"),
        FlagSpec("gateway", "list"),
        FlagSpec("internal", "switch"),
        FlagSpec("ip-range", "list"),
        FlagSpec("ipam-driver", default="default"),
        FlagSpec("ipv6", "switch"),
        FlagSpec("label", "list"),
        FlagSpec("opt", "list", "o"),
        FlagSpec("subnet", "list"),
    )
    list_flags = (
        FlagSpec("filter", "list", "f"),
        FlagSpec("format"),
        FlagSpec("no-trunc", "switch"),
        FlagSpec("quiet", "switch", "q"),
    )
    inspect_flags = (FlagSpec("format", shorthand="f"), FlagSpec("verbose", "switch", "v"))
    many = "NETWORK [NETWORK...]"
    return [
        (["network ls", "network list"], Command("network ls", "[OPTIONS]", _list, list_flags, 0, 0)),
        (["network inspect"], Command("network inspect", f"[OPTIONS] {many}", _inspect, inspect_flags, 1)),
        (["network create"], Command("network create", "[OPTIONS] NETWORK", _create, create_flags, 1, 1)),
        (
            ["network rm", "network remove"],
            Command("network rm", many, _remove, (FlagSpec("force", "switch", "f"),), 1),
        ),
    ]
