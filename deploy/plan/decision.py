"""Decide whether the engine needs nothing, a reload, or a restart: key by key, with reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deploy.masking import masked
from deploy.places import SERVICE
from deploy.plan.running import differences
from deploy.plan.target import Target, content_of, is_readable
from deploy.rendering import START_LABEL, needs_start
from deploy.settings.engine_rules import LABEL_PREFIX
from deploy.state import EngineState, FileState, ServiceState

Effect = Literal["none", "start", "reload", "restart"]


@dataclass(frozen=True)
class Decision:
    """What must happen to the engine, and why."""

    effect: Effect
    reasons: tuple[str, ...]


def decide(
    target: Target,
    service: ServiceState,
    file: FileState,
    engine: EngineState,
    *,
    previous: FileState | None,
    unfinished: bool,
    cut_off: bool,
    network: str | None,
    distrust_reload: bool,
) -> Decision:
    """Return what the engine needs to run as ``target`` says.

    ``previous`` is the file that was in the place of ``file`` before; ``unfinished`` says that an earlier run
    began a restart and did not end it, ``cut_off`` that one was cut off while the file took its place, so
    that the engine may have started without any; ``network`` says why the network must be made anew, if it
    must; ``distrust_reload`` is set when a reload did not do what it should.
    """
    if not service.exists:
        return Decision("start", (f"the service {SERVICE} is not registered",))
    if not service.running:
        return Decision("start", (f"the service {SERVICE} is stopped",))
    restart = list(_restart_reasons(target, service, file, engine, previous))
    if network:
        restart.append(network)
    if cut_off:
        restart.append("an earlier run was cut off while it put the file in its place")
    if unfinished and not target.labels and engine.answers:
        restart.append("an earlier run began a restart and did not finish it")
    reload = list(_reload_reasons(target, file, engine))
    if restart or (reload and distrust_reload):
        return Decision("restart", tuple(dict.fromkeys(restart + (reload if distrust_reload else []))))
    return Decision("reload" if reload else "none", tuple(dict.fromkeys(reload)))


def _restart_reasons(
    target: Target, service: ServiceState, file: FileState, engine: EngineState, previous: FileState | None
) -> Iterator[str]:
    if list(target.arguments) != _options_of(service):
        yield "the service's command line changes"
    if not engine.answers:
        yield "the engine does not answer"
        return
    existing = content_of(file)
    started_with = engine.label(START_LABEL)
    if not _was_edited_since(file, existing, started_with, target):
        for key in changed_keys(existing, target.content):
            if needs_start(key):
                yield f"{key} {_change(key, existing, target.content)}"
    for key, words in differences(target.options, (), engine).items():
        if needs_start(key):
            yield words
    if not target.labels:
        return
    if started_with is not None and f"{START_LABEL}={started_with}" not in target.labels:
        yield "the engine was started with other options"
    if started_with is None and dict(target.content) == existing:
        # Our file is in place, but this engine never read it: what did it start with?
        before = content_of(previous) if previous else {}
        for key in changed_keys(before, target.content):
            if needs_start(key):
                yield f"{key} {_change(key, before, target.content)} since the engine was started"


def _was_edited_since(
    file: FileState, existing: Mapping[str, Any], started_with: str | None, target: Target
) -> bool:
    """Say whether the engine certainly runs as wanted, though the file says otherwise.

    It does if it carries our label of what it was started with, and the file does not: so the file was
    changed after the engine read it. If the file has the label, the engine may have started with the change.
    """
    label = f"{START_LABEL}={started_with}"
    labels = existing.get("labels")
    in_file = is_readable(file) and isinstance(labels, list) and label in labels
    return label in target.labels and not in_file


def _reload_reasons(target: Target, file: FileState, engine: EngineState) -> list[str]:
    existing = content_of(file)
    reasons = differences(target.options, target.labels, engine)
    reasons.update(
        (key, f"{key} {_change(key, existing, target.content)}")
        for key in changed_keys(existing, target.content)
    )
    found = {key: words for key, words in reasons.items() if not needs_start(key)}
    if len(found) > 1 and _users_labels(existing) == _users_labels(target.content):
        # Every change changes the fingerprint: that goes without saying.
        found.pop("labels", None)
    return list(found.values())


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys whose value differs, ours or not; an absent key differs from every value."""
    return [key for key in dict.fromkeys([*before, *after]) if before.get(key, ...) != after.get(key, ...)]


def _change(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return masked(_change_in_full(key, before, after))


def _change_in_full(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if key == "labels":
        old, new = (_users_labels(content) for content in (before, after))
        return "carries the new fingerprint" if old == new else f"changes from {old} to {new}"
    if key not in before:
        return f"is added: {after[key]}"
    return (
        f"changes from {before[key]} to {after[key]}"
        if key in after
        else f"is taken away (was {before[key]})"
    )


def _users_labels(content: Mapping[str, Any]) -> list[str]:
    labels = content.get("labels")
    return (
        [str(each) for each in labels if not str(each).startswith(LABEL_PREFIX)]
        if isinstance(labels, list)
        else []
    )


def _options_of(service: ServiceState) -> list[str]:
    arguments = service.arguments
    return arguments[1:] if arguments[:1] == ["--run-service"] else [*arguments, "(no --run-service)"]
