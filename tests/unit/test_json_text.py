"""What others wrote is read, or refused on this host: no text of brackets ends a run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from pyinfra.api.exceptions import FactProcessError

from deploy import facts
from deploy.json_text import read_json
from deploy.operations.engine import details
from deploy.places import RUNNING_BEFORE
from deploy.plan import EnginePlan
from deploy.plan.target import running_before
from deploy.settings.daemon_json import parse_daemon_json
from deploy.state import FileState
from deploy.trust import credentials
from deploy.trust.credentials import ConfigUnreadable, Login

DEEP = [
    pytest.param('{"a":' + "[" * 200_000, id="brackets alone"),
    pytest.param('{"a":' + "[" * 900 + "]" * 900 + "}", id="what the reader takes and the writer does not"),
    pytest.param('{"a":' * 150 + "1" + "}" * 150, id="objects"),
    pytest.param("1" * 5000, id="a number of many digits"),
]


def test_what_is_not_deep_is_read() -> None:
    text = "[" * 90 + "]" * 90

    assert json.dumps(read_json(text)) == text


@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        pytest.param(lambda text: credentials.edit(text.encode(), []), ConfigUnreadable, id="log-in"),
        pytest.param(lambda text: credentials.without(text.encode(), {}), ConfigUnreadable, id="log-out"),
        pytest.param(parse_daemon_json, ValueError, id="daemon.json"),
        pytest.param(lambda text: facts.Routes().process([text]), FactProcessError, id="answer"),
    ],
)
@pytest.mark.parametrize("text", DEEP)
def test_what_is_too_deep_is_refused_in_the_words_of_its_reader(
    text: str, read: Callable[[str], object], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        read(text)


@pytest.mark.parametrize("text", DEEP)
def test_what_is_too_deep_is_shown_as_it_is_and_means_nothing(text: str) -> None:
    assert running_before(FileState(RUNNING_BEFORE, text)) == []
    assert f"-{text}" in list(details(EnginePlan("restart", file_before=text, file_after="{}")))


def test_a_log_in_is_written_into_a_configuration_of_usual_depth() -> None:
    written = credentials.edit(b'{"HttpHeaders": {"a": {"b": []}}}', [Login("r:5000", "tess", "geheim")])

    assert json.loads(written)["HttpHeaders"] == {"a": {"b": []}}
