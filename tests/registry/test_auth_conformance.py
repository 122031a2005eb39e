"""The official conformance program with user and password: nothing fails because there are users."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .auth_lab import htpasswd
from .servers import RunningRegistry
from .test_conformance import DEV, run_conformance

USER, PASSWORD = "tess", "teach me well"
RULES = f'[[rules]]\nwho = ["{USER}"]\nmay = ["pull", "push", "delete"]\nrepositories = ["conformance/*"]\n'


@pytest.mark.parametrize(
    ("challenge", "rules", "expected"),
    [
        pytest.param("basic", False, {"Pass": 1032, "Skip": 0}, id="Basic, users"),
        pytest.param("bearer", False, {"Pass": 1032, "Skip": 0}, id="tokens, users"),
        # Rules hide what one may not see: a blob is mounted from a repository that is named, or not at all.
        pytest.param("bearer", True, {"Pass": 1026, "Skip": 2}, id="tokens, rules"),
    ],
)
def test_every_check_passes_with_a_log_in(
    start: Callable[..., RunningRegistry],
    tmp_path: Path,
    challenge: str,
    rules: bool,
    expected: dict[str, int],
) -> None:
    (tmp_path / "htpasswd").write_text(htpasswd({USER: PASSWORD}))
    (tmp_path / "rules.toml").write_text(RULES)
    settings = {
        "AUTH_HTPASSWD_PATH": str(tmp_path / "htpasswd"),
        "AUTH_CHALLENGE": challenge,
        **({"AUTH_RULES_PATH": str(tmp_path / "rules.toml")} if rules else {}),
    }

    registry = start(**settings)
    summary = run_conformance(
        registry, tmp_path / "results", DEV | {"OCI_USERNAME": USER, "OCI_PASSWORD": PASSWORD}
    )

    found = {
        name: int(count) for name, count in re.findall(r"^\s+(\w+)\.{3,}:\s+(\d+)$", summary, re.MULTILINE)
    }
    counted = {name: found.get(name, 0) for name in ("Pass", "Skip", "FAIL", "Disabled")}
    assert counted == expected | {"FAIL": 0, "Disabled": 0}, summary
