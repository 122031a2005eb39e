"""Where a password comes from when the inventory has none."""

from __future__ import annotations

import sys

import pytest

from deploy import connector
from deploy.connector_errors import HostError


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PSRP_PASSWORD", raising=False)
    monkeypatch.setattr(connector, "_prompt", connector._Prompt())


def test_a_person_is_asked_once_for_all_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return "s3cret"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(connector, "getpass", ask)

    found = {connector._find_password(host, "teacher") for host in ("pc-01", "pc-02", "pc-03")}

    assert (found, len(asked)) == ({"s3cret"}, 1)


def test_nobody_is_asked_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)

    with pytest.raises(HostError, match="no password for teacher on pc-01: set PSRP_PASSWORD"):
        connector._find_password("pc-01", "teacher")


def test_the_environment_comes_before_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSRP_PASSWORD_PC_01", "own")

    assert connector._find_password("pc-01", "teacher") == "own"
