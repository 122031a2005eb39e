"""Render every file and command line that reaches a host, from plain data. Pure: no host, no clock.

Templates know how a file looks, this module knows what is in it: which keys of a daemon.json are ours and
which are somebody else's, what a reload would pass over, and the fingerprint by which a running engine is
recognised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.places import CONTAINER_DATA
from deploy.settings.access import RulesSettings
from deploy.settings.engine_options import OPTIONS
from deploy.settings.engine_rules import LABEL_PREFIX

FINGERPRINT_LABEL = f"{LABEL_PREFIX}fingerprint"
"""All of our options: equal if the running engine has taken up what the file says."""

START_LABEL = f"{LABEL_PREFIX}start"
"""Those of our options that only a start takes up: if these are equal, a reload is enough."""

KEYS_LABEL = f"{LABEL_PREFIX}keys"
"""The keys of the file that are ours, so that the next run knows what it may take away."""

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 -- JSON, command lines and a Dockerfile, not HTML
        keep_trailing_newline=True,
    )
    environment.filters["json"] = _json
    environment.filters["toml"] = _toml
    return environment


def _json(value: object) -> str:
    """Write a value as JSON that fits into an object of two blanks' depth."""
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n  ")


def _toml(value: str | Sequence[str]) -> str:
    """Write a text or a list of texts as TOML, whose basic strings are JSON's but for DEL."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(_toml, value))}]"


def rules(settings: RulesSettings) -> str:
    """Return the registry's file of rules."""
    return render("rules.toml.j2", groups=settings.groups, rules=settings.rules)


def render(template: str, **context: object) -> str:
    """Return a template filled in; a name that it uses and ``context`` lacks is an error."""
    return _environment().get_template(template).render(**context)


def fingerprint(content: object) -> str:
    """Return 12 hexadecimal digits that stand for plain data, whatever the order of its keys."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def needs_start(key: str) -> bool:
    """Say whether the engine takes up a change of this key at its start only.

    ``fixed-cidr`` counts at neither: it is read when the nat network is made, which is the network's matter.
    """
    option = OPTIONS.get(key)
    return key != "fixed-cidr" and (option is None or not option.reload)


def our_labels(options: Mapping[str, Any]) -> list[str]:
    """Return the engine labels by which these options are recognised."""
    at_start = {key: value for key, value in options.items() if needs_start(key)}
    return [
        f"{FINGERPRINT_LABEL}={fingerprint(options)}",
        f"{START_LABEL}={fingerprint(at_start)}",
        f"{KEYS_LABEL}={','.join(sorted(options))}",
    ]


def keys_that_were_ours(existing: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys that an earlier run put into the file, by the label it left there."""
    for label in _labels(existing):
        name, _, value = label.partition("=")
        if name == KEYS_LABEL:
            return frozenset(value.split(",")) - {""}
    return frozenset()


def daemon_json_content(
    options: Mapping[str, Any],
    existing: Mapping[str, Any],
    *,
    labelled: bool,
    flags: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return all that daemon.json shall say.

    ``options`` are ours; of ``existing``, keys that are not ours are kept in their place. Keys that were ours
    are taken away, or given their default aloud where a reload would pass over their absence (recorded:
    ``insecure-key-removed``). ``flags`` are keys given on the command line, which the file must not have.
    """
    ours = dict(options)
    were_ours = keys_that_were_ours(existing)
    labels = _wanted_labels(options, existing, were_ours, labelled=labelled)
    content: dict[str, Any] = {}
    for key, value in existing.items():
        if key in flags or key == "labels":
            if key == "labels" and labels and key not in flags:
                content[key] = labels
        elif key in ours:
            content[key] = ours[key]
        elif key not in were_ours:
            content[key] = value
        elif labelled and (option := OPTIONS.get(key)) and option.default is not None:
            content[key] = option.default
    for key, value in ours.items():
        content.setdefault(key, value)
    if labels and "labels" not in flags:
        content["labels"] = labels
    return content


def _wanted_labels(
    options: Mapping[str, Any], existing: Mapping[str, Any], were_ours: frozenset[str], *, labelled: bool
) -> list[str]:
    if "labels" in options:
        kept = list(options["labels"])
    elif "labels" in were_ours:
        kept = []
    else:
        kept = [label for label in _labels(existing) if not label.startswith(LABEL_PREFIX)]
    return kept + (our_labels(options) if labelled else [])


def _labels(content: Mapping[str, Any]) -> list[str]:
    labels = content.get("labels")
    return [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []


def daemon_json(content: Mapping[str, Any]) -> str:
    """Return the text of a daemon.json."""
    return render("daemon.json.j2", content=content)


def service_options(options: Mapping[str, Any]) -> list[str]:
    """Return the arguments of dockerd that say the same as ``options`` would in the file."""
    text = render("service-options.j2", options=list(_flags(options)))
    # No option may hold a line break, see `checks.plain_text`; other separators of lines belong to values.
    return [line for line in text.split("\n") if line]


def _flags(options: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for key, value in options.items():
        if key == "proxies":
            for name, url in value.items():
                yield f"--{name}", url
            continue
        flag = OPTIONS[key].flag
        if flag is None:
            raise ValueError(f"{key} exists in daemon.json only")
        for text in _texts(value):
            # A switch takes its value only with an equals sign (recorded: flags-bool-value).
            yield (f"{flag}=false", None) if text is False else (flag, None if text is True else str(text))


def _texts(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            for text in _texts(inner):
                yield f"{name}={str(text).lower() if isinstance(text, bool) else text}"
    elif isinstance(value, list | tuple):
        yield from value
    else:
        yield value


@dataclass(frozen=True)
class ImagePlatform:
    """What differs between images of one and the same Dockerfile."""

    escape: str
    """The character that a Dockerfile continues lines with; on Windows the backslash belongs to paths."""

    wheels: str
    """Where the wheels lie in the image."""

    data: str
    """Where the registry keeps its data unless told otherwise."""


WINDOWS = ImagePlatform(escape="`", wheels=r"C:\wheels", data=CONTAINER_DATA)
LINUX = ImagePlatform(escape="\\", wheels="/wheels", data="/var/lib/registry")


def dockerfile(
    base: str, version: str, *, platform: ImagePlatform = WINDOWS, port: int = 5000, mark: str = ""
) -> str:
    """Return the registry's Dockerfile; ``mark`` is the fingerprint that its label carries."""
    return render(
        "registry.Dockerfile.j2", base=base, version=version, platform=platform, port=port, fingerprint=mark
    )
