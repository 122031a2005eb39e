"""Every configuration that dockerd was recorded to refuse, to fail on, or to ignore is refused by settings.

The cases are `tests/recorded/validate.json`. A file that works is accepted, with the exceptions that are
named and explained here: where the settings are stricter than dockerd on purpose.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.settings import EngineSettings
from deploy.settings.errors import problems_of

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "recorded" / "validate.json").read_text(encoding="utf-8")
)

WORKS = "runs"
NOT_IN_THE_FILE = {
    "group-ok": "the group is missing on the recorded machine only",
    "group-list-comma": "the group is missing on the recorded machine only",
    "group-unknown": "which groups exist, only the host knows",
    "authz": "which plugins exist, only the host knows",
    "tls-missing-file": "which files exist, only the host knows",
    "tls-missing-ca": "which files exist, only the host knows",
    "tls-wrong-key": "what is in a file, only the host knows",
    "tls-file-with-env": "about the environment",
}
IGNORED = {
    "key-flag-name-insecure",
    "key-flag-name-mirror",
    "key-unknown-object-empty",
    "key-unknown-object-known",
    "key-unknown-object-switch",
    "text-dup-key-list",
    "mirror-no-host",
    "mirror-uppercase-scheme",
    "net-bridge-name",
    "net-bridge-and-cidr",
    "net-mtu",
    "proxies-top",
    "containerd-plugins-ns",
    "storage-opts-unknown",
    "old-allow-nondistributable-artifacts",
    "old-deprecated-key-path",
    "tls-only",
    "tls-files-without-switch",
}
"""Accepted and started, but without the effect that the one who wrote it meant."""

STRICTER = {
    "insecure-scheme": "dockerd cuts the scheme off with a warning",
    "insecure-scheme-https": "dockerd cuts the scheme off with a warning",
    "insecure-ipv6-bare": "never matches: image names have the address in brackets",
    "hosts-npipe-named": "docker on the host itself needs the usual pipe",
    "hosts-unix": "not started on the recorded machine, and the path is none of Windows",
    "net-mtu-zero": "ignored, as every mtu",
    "features": "a feature of an unknown name has no effect",
    "tls-no-ca": "certificates of any public authority would be let in",
}


def content(case: dict[str, Any]) -> str | bytes | None:
    if "daemon_json_base64" in case:
        return base64.b64decode(case["daemon_json_base64"])
    text = case.get("daemon_json")
    assert text is None or isinstance(text, str)
    return text


def is_about_a_file(case: dict[str, Any]) -> bool:
    """Cases about flags, environment variables and missing requirements say nothing about the file."""
    return (
        content(case) is not None
        and case["flags"] == ["--validate", "--config-file", "<config>"]
        and case["group"] != "system requirements"
        and "env" not in case
    )


FILES = [case for case in CASES if is_about_a_file(case) and case["id"] not in NOT_IN_THE_FILE]
BAD = [
    case
    for case in FILES
    if not case["accepted"] or case["start"]["outcome"] != WORKS or case["id"] in IGNORED | STRICTER.keys()
]
GOOD = [case for case in FILES if case not in BAD]


def adopt(case: dict[str, Any]) -> EngineSettings:
    text = content(case)
    assert text is not None
    return EngineSettings.from_daemon_json(text, allow_tcp_without_tls=True)


def test_the_table_is_as_large_as_it_was() -> None:
    """A changed recording must not quietly leave nothing to test."""
    assert len(BAD) > 120
    assert len(GOOD) > 45


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["id"])
def test_what_dockerd_refuses_fails_on_or_ignores_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        adopt(case)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["id"])
def test_what_works_is_accepted(case: dict[str, Any]) -> None:
    adopt(case)


@pytest.mark.parametrize("case", [case for case in BAD if case["accepted"]], ids=lambda case: case["id"])
def test_the_message_names_the_key_or_the_file(case: dict[str, Any]) -> None:
    """dockerd says "configuration OK" to all of these; ours is the only message there will be."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 -- which message, is what the test looks at
        adopt(case)

    if not isinstance(raised.value, ValidationError):
        assert "twice" in str(raised.value)
        return
    keys = json.loads(str(content(case)))
    problems = problems_of(raised.value, EngineSettings)
    assert problems
    assert any(key in str(problem) for problem in problems for key in keys)
