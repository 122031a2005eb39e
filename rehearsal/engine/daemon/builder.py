"""BuildKit's configuration, looked at when the daemon starts (moby ``daemon/internal/builder-next``).

The classic builder of Windows does not use it, but dockerd prepares BuildKit at every start all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rehearsal.engine.golang.quoting import quote
from rehearsal.engine.golang.strconv import ParseError, atoi, parse_duration, ram_in_bytes
from rehearsal.engine.golang.strings import to_lower, trim_space

_SIZES = ("ReservedSpace", "MaxUsedSpace", "MinFreeSpace")
_ONE_VALUE = ("id", "parent", "type", "description", "inuse", "shared", "private", "mutable", "immutable")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}(:[0-9]{2}){0,2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


_MOMENT_ERROR = "failed to parse value as time or duration"


class BuilderError(ValueError):
    """BuildKit cannot be prepared; the message is the daemon's."""


def check(builder: Mapping[str, object]) -> None:
    """Raise `BuilderError` if the rules for throwing away build cache cannot be used."""
    collection = builder.get("GC")
    gc = collection if isinstance(collection, Mapping) else {}
    if not gc.get("Enabled", True):
        return
    policy = gc.get("Policy")
    try:
        if isinstance(policy, list):
            for rule in policy:
                _check_rule(rule if isinstance(rule, Mapping) else {})
        else:
            sizes = {name: gc.get(f"Default{name}") for name in _SIZES}
            _check_sizes({**sizes, **_kept(gc, "Default")}, "default")
    except BuilderError as error:
        raise BuilderError(f"could not get builder GC policy: {error}") from error


def _kept(rule: Mapping[str, object], prefix: str) -> Mapping[str, object]:
    """Return the reserved space under its older name, where the newer one is not given."""
    return {} if rule.get(f"{prefix}ReservedSpace") else {"ReservedSpace": rule.get(f"{prefix}KeepStorage")}


def _check_rule(rule: Mapping[str, object]) -> None:
    _check_sizes({**rule, **_kept(rule, "")}, "")
    filters = _filters(rule.get("Filter"))
    moments = [*filters.get("until", ()), *filters.get("unused-for", ())]
    if filters.get("until") and filters.get("unused-for"):
        raise BuilderError('conflicting filters: "until" and "unused-for"')
    if len(moments) > 1 or any(len(filters.get(name, ())) > 1 for name in _ONE_VALUE):
        raise BuilderError("filters expect only one value")
    if moments and not _is_moment(moments[0]):
        name = "unused-for" if filters.get("unused-for") else "until"
        wanted = "a duration (e.g., '24h') or a timestamp"
        raise BuilderError(f"{quote(name)} filter expects {wanted}: {_MOMENT_ERROR}")


def _check_sizes(sizes: Mapping[str, object], prefix: str) -> None:
    for name in _SIZES:
        text = sizes.get(name)
        if not text:
            continue
        try:
            ram_in_bytes(str(text))
        except ParseError as error:
            shown = prefix + name.upper() if prefix else name[0].lower() + name[1:]
            raise BuilderError(f"failed to parse {shown}: {error}") from error


def _filters(value: object) -> Mapping[str, set[str]]:
    """Return a rule's filters by name: ``["until=48h"]``, or the older ``{"until": {"48h": true}}``."""
    if isinstance(value, Mapping):
        return {
            str(name): set(values) if isinstance(values, Mapping) else set() for name, values in value.items()
        }
    found: dict[str, set[str]] = {}
    for entry in value if isinstance(value, list) else []:
        name, _, wanted = str(entry).partition("=")
        found.setdefault(to_lower(trim_space(name)), set()).add(trim_space(wanted))
    return found


def _is_moment(text: str) -> bool:
    if _MOMENT.fullmatch(text):
        return True
    for parse in (parse_duration, atoi):
        try:
            parse(text)
        except ParseError:
            continue
        return True
    return False
