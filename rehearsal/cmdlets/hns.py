"""Cmdlets over the Host Network Service, whose networks and endpoints are the engine model's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rehearsal.engine import hns
from rehearsal.host import Host
from rehearsal.shell.cmdlet import Bound, Context, Parameter, cmdlet
from rehearsal.shell.values import CUSTOM, PsError, PsObject, Value

INPUT = Parameter("InputObjects", "any", 0, pipeline="value")


def networks(host: Host) -> Sequence[Mapping[str, Any]]:
    """Return the host's networks."""
    return hns.networks(host)


@cmdlet("Get-HnsNetwork", Parameter("Id", position=0))
def get_hns_network(context: Context, bound: Bound) -> Iterator[Value]:
    """Show networks."""
    yield from _shown(context, bound, hns.networks(context.host))


@cmdlet("Get-HnsEndpoint", Parameter("Id", position=0))
def get_hns_endpoint(context: Context, bound: Bound) -> Iterator[Value]:
    """Show endpoints."""
    yield from _shown(context, bound, hns.endpoints(context.host))


@cmdlet("Remove-HnsNetwork", INPUT)
def remove_hns_network(context: Context, bound: Bound) -> Iterator[Value]:
    """Remove networks."""
    _remove(context, bound, hns.remove_network)
    yield from ()


@cmdlet("Remove-HnsEndpoint", INPUT)
def remove_hns_endpoint(context: Context, bound: Bound) -> Iterator[Value]:
    """Remove endpoints."""
    _remove(context, bound, hns.remove_endpoint)
    yield from ()


def _shown(context: Context, bound: Bound, found: Sequence[Mapping[str, Any]]) -> Iterator[Value]:
    wanted = bound["Id"]
    chosen = [item for item in found if wanted is None or str(item["ID"]).casefold() == wanted.casefold()]
    if wanted is not None and not chosen:
        context.error(_error(context, "Element not found.", wanted))
    yield from map(_object, chosen)


def _remove(context: Context, bound: Bound, remove: Callable[[Host, str], None]) -> None:
    given = bound.input if bound.input is not None else [bound["InputObjects"]]
    for item in given:
        if isinstance(item, PsObject):
            remove(context.host, str(item.get("ID")))
            context.host.changed(f"{context.command} {item.get('Name') or item.get('ID')}")


def _object(content: Mapping[str, Any]) -> PsObject:
    properties = {name: _value(value) for name, value in content.items()}
    shown = "; ".join(f"{name}={value}" for name, value in properties.items())
    return PsObject(CUSTOM, properties, text=f"@{{{shown}}}")


def _value(value: object) -> Value:
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return value


def _error(context: Context, message: str, target: str) -> PsError:
    return PsError(message, message, "OperationStopped", target=target, activity=context.command)
