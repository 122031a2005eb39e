"""The decision about a request, and the line in the audit log."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_app.auth.access import ANYBODY, Access, Caller, Decision
from registry_app.auth.audit import AuditLog, Entry
from registry_app.auth.challenge import BasicChallenge, BearerChallenge
from registry_app.auth.rules import Action, Rules
from registry_app.auth.scope import Scopes

RULES = Rules.parse(b"""
[[rules]]
who = ["@anonymous"]
may = ["pull"]
repositories = ["labs/**"]

[[rules]]
who = ["anna"]
may = ["pull", "push"]
repositories = ["labs/**", "own/**"]
""")
ANNA = Caller("anna")
BEN = Caller("ben")


def with_token(user: str | None, *scopes: str) -> Caller:
    return Caller(user, Scopes.parse(scopes))


@pytest.mark.parametrize(
    ("caller", "action", "repository", "decision"),
    [
        pytest.param(ANYBODY, "pull", "labs/a", Decision.ALLOW, id="anonymous pull"),
        pytest.param(ANYBODY, "push", "labs/a", Decision.LOGIN, id="anonymous push"),
        pytest.param(ANYBODY, "pull", "own/a", Decision.LOGIN, id="anonymous, out of reach"),
        pytest.param(ANNA, "push", "own/a", Decision.ALLOW, id="user push"),
        pytest.param(ANNA, "delete", "own/a", Decision.DENY, id="user delete"),
        pytest.param(BEN, "pull", "labs/a", Decision.ALLOW, id="logged in, allowed to anybody"),
        pytest.param(BEN, "pull", "own/a", Decision.DENY, id="user out of reach"),
        pytest.param(
            with_token("anna", "repository:own/a:pull"), "pull", "own/a", Decision.ALLOW, id="token fits"
        ),
        pytest.param(
            with_token("anna", "repository:own/a:pull"), "push", "own/a", Decision.WIDEN, id="token for less"
        ),
        pytest.param(
            with_token("anna", "repository:own/b:pull"), "pull", "own/a", Decision.WIDEN, id="for another"
        ),
        pytest.param(
            with_token("ben", "repository:own/a:pull"), "pull", "own/a", Decision.DENY, id="rules changed"
        ),
        pytest.param(
            with_token(None, "repository:own/a:pull"), "pull", "own/a", Decision.LOGIN, id="nobody's token"
        ),
    ],
)
def test_a_request_is_decided_by_rules_and_token(
    caller: Caller, action: Action, repository: str, decision: Decision
) -> None:
    assert Access(RULES).may(caller, action, repository) is decision


def test_without_rules_whoever_logs_in_may_do_everything_and_nobody_else_anything() -> None:
    access = Access(None)

    assert access.may(ANNA, "delete", "any/thing") is Decision.ALLOW
    assert access.may(ANYBODY, "pull", "any/thing") is Decision.LOGIN
    assert access.may_list(ANYBODY) is Decision.LOGIN
    assert access.sees(ANNA)("any/thing")
    assert not access.anonymous


def test_the_catalog_shows_what_one_may_pull() -> None:
    names = ["labs/a", "own/a", "x"]

    seen = {caller.user: list(filter(Access(RULES).sees(caller), names)) for caller in (ANYBODY, ANNA, BEN)}

    assert seen == {None: ["labs/a"], "anna": ["labs/a", "own/a"], "ben": ["labs/a"]}
    assert Access(RULES).may_list(ANYBODY) is Decision.ALLOW
    assert Access(RULES).may_list(with_token("anna", "repository:own/a:pull")) is Decision.WIDEN
    assert Access(RULES).may_list(with_token("anna", "registry:catalog:*")) is Decision.ALLOW


@pytest.mark.parametrize(
    ("user", "asked", "granted"),
    [
        pytest.param("anna", "repository:own/a:pull,push", "repository:own/a:pull,push", id="all"),
        pytest.param("anna", "repository:own/a:*", "repository:own/a:pull,push", id="a part"),
        pytest.param("ben", "repository:own/a:pull,push", "", id="nothing"),
        pytest.param(None, "repository:labs/a:pull,push", "repository:labs/a:pull", id="anonymous"),
        pytest.param(None, "registry:catalog:*", "registry:catalog:*", id="anonymous catalog"),
        pytest.param(
            "anna",
            "repository:own/a:push repository:x/y:pull",
            "repository:own/a:push",
            id="one of two repositories",
        ),
    ],
)
def test_a_token_is_issued_for_what_is_allowed(user: str | None, asked: str, granted: str) -> None:
    assert str(Access(RULES).grant(user, Scopes.parse([asked]))) == granted


def test_challenges_are_written_as_clients_read_them() -> None:
    assert str(BasicChallenge('Registry "Realm"')) == 'Basic realm="Registry \\"Realm\\""'
    challenge = BearerChallenge(
        "https://r:5000/token", "r:5000", Scopes.of(("pull", "labs/a"), ("push", "labs/a"))
    )
    assert str(challenge) == (
        'Bearer realm="https://r:5000/token",service="r:5000",scope="repository:labs/a:pull,push"'
    )
    assert str(BearerChallenge("https://r/token", "r\r\nX: y", insufficient=True)) == (
        'Bearer realm="https://r/token",service="rX: y",error="insufficient_scope"'
    )


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_entry_is_one_line_of_json_whatever_the_names_are(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path), clock=lambda: 1_800_000_000.25)

    log.write(
        Entry("push", "ok", 201, "10.0.0.1", user='an"na\n', repository="labs/a", digest="sha256:0", size=3)
    )
    log.close()

    assert lines(path) == [
        {
            "time": "2027-01-15T08:00:00.250Z",
            "action": "push",
            "result": "ok",
            "status": 201,
            "address": "10.0.0.1",
            "user": 'an"na\n',
            "repository": "labs/a",
            "digest": "sha256:0",
            "bytes": 3,
        }
    ]


def test_the_log_may_be_renamed_while_it_is_written(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.1.jsonl"
    log = AuditLog(str(path))
    log.write(Entry("pull", "ok", 200, "10.0.0.1", reference="first"))
    wait_until(path.read_bytes)

    os.rename(path, old)
    log.write(Entry("pull", "ok", 200, "10.0.0.1", reference="second"))
    log.close()

    assert [line["reference"] for line in lines(old) + lines(path)] == ["first", "second"]


def test_while_the_disk_refuses_entries_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AuditLog(str(folder / "audit.jsonl"))
    shutil.rmtree(folder)
    log.write(Entry("pull", "ok", 200, "10.0.0.1", reference="kept"))
    wait_until(log._waiting.empty)

    folder.mkdir()
    wait_until((folder / "audit.jsonl").exists)
    log.close()

    assert [line["reference"] for line in lines(folder / "audit.jsonl")] == ["kept"]


def test_a_log_that_cannot_be_written_is_known_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AuditLog(str(tmp_path / "missing" / "audit.jsonl"))
