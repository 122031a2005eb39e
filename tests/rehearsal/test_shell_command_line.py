"""Between PowerShell 5.1 and a program's argv there is one string; both ends follow Windows' rules."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.command_line import build, escape, expand, split

RECORDED = Path(__file__).parent.parent / "recorded" / "service.json"
REGISTERED: list[dict[str, Any]] = [
    case
    for case in json.loads(RECORDED.read_text(encoding="utf-8"))["cases"]
    if case.get("registry") and case.get("argv") and not case.get("before")
]


@pytest.mark.parametrize("case", REGISTERED, ids=[case["id"] for case in REGISTERED])
def test_a_recorded_command_line_is_read_back_as_it_was_given(case: dict[str, Any]) -> None:
    line = case["registry"]["ImagePath"]

    program, *rest = case["argv"]
    words = [word for word in rest if word != "--register-service"]
    assert split(line) == [program, "--run-service", *words]
    assert " ".join([escape(program), "--run-service", *map(escape, words)]) == line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(r'a "b c" d', ["a", "b c", "d"], id="quotes"),
        pytest.param(r'"a b\" c', ["a b\\", "c"], id="program: no escapes"),
        pytest.param(r"a b\"c", ["a", 'b"c'], id="escaped quote"),
        pytest.param(r'a b\\"c d"', ["a", r"b\c d"], id="two backslashes before a quote"),
        pytest.param(r"a b\\c", ["a", r"b\\c"], id="backslashes elsewhere"),
        pytest.param('a ""', ["a", ""], id="empty"),
        pytest.param('a "b""c"', ["a", 'b"c'], id="doubled quote"),
        pytest.param("a \t b  ", ["a", "b"], id="blanks"),
        pytest.param('a "open end', ["a", "open end"], id="no end"),
    ],
)
def test_a_command_line_is_taken_apart_as_windows_does(line: str, expected: list[str]) -> None:
    assert split(line) == expected


@pytest.mark.parametrize(
    ("arguments", "arrives"),
    [
        pytest.param(["a b", "c"], ["a b", "c"], id="blank"),
        pytest.param(["a", "", "b"], ["a", "b"], id="empty ones vanish"),
        pytest.param(
            ['say "hi you"'], ["say hi", "you"], id="quotes are not escaped, the argument falls apart"
        ),
        pytest.param([r"say \"hi\""], ['say "hi"'], id="quotes that were escaped by hand"),
        pytest.param(["C:\\a b\\", "c"], ['C:\\a b" c'], id="closing backslash swallows what follows"),
        pytest.param(["C:\\a\\"], ["C:\\a\\"], id="closing backslash without blank"),
        pytest.param(['{"a":1}'], ["{a:1}"], id="JSON loses its quotes"),
    ],
)
def test_arguments_arrive_as_windows_powershell_sends_them(arguments: list[str], arrives: list[str]) -> None:
    assert split(build("x.exe", arguments))[1:] == arrives


@given(st.lists(st.text(st.characters(exclude_characters="\x00\n\r", exclude_categories=["Cs"]))))
def test_what_is_escaped_is_read_back(arguments: list[str]) -> None:
    assert split(" ".join(["x", *map(escape, arguments)]))[1:] == arguments


def test_environment_variables_are_expanded_if_there_are_any() -> None:
    environment = {"SYSTEMROOT": r"C:\Windows"}

    assert expand("%SystemRoot%\\x %NOTHING% 100%", environment) == "C:\\Windows\\x %NOTHING% 100%"
