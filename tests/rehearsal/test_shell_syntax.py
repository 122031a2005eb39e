"""What the front end understands of PowerShell, and that it refuses the rest instead of guessing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.shell.syntax import (
    Call,
    Items,
    Literal,
    ParameterName,
    Statement,
    SubExpression,
    Variable,
    parse,
)
from rehearsal.shell.values import PsError


def only(text: str) -> Call:
    (statement,) = parse(text)
    (call,) = statement.calls
    return call


def values(call: Call) -> list[object]:
    return [element.value for element in call.elements if isinstance(element, Literal)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("x 'it''s'", ["it's"], id="doubled quote"),
        pytest.param("x 'a\u2019\u2019b'", ["a\u2019b"], id="doubled typographic quote"),
        pytest.param("x '{{json .}}'", ["{{json .}}"], id="template"),
        pytest.param("x 'a\r\nb'", ["a\r\nb"], id="two lines"),
        pytest.param("x @'\na 'b'\n'@", ["a 'b'"], id="here-string"),
        pytest.param('x "plain"', ["plain"], id="double quotes with nothing to expand"),
        pytest.param("x 5 -5 1.5", [5, -5, 1.5], id="numbers"),
        pytest.param("x $true $FALSE $null", [True, False, None], id="constants"),
        pytest.param(
            r"x C:\a\b npipe:// 0.0.0.0:2375 a@sha256:b *.txt",
            [r"C:\a\b", "npipe://", "0.0.0.0:2375", "a@sha256:b", "*.txt"],
            id="bare words",
        ),
        pytest.param("x 'München 東京 😀'", ["München 東京 😀"], id="beyond ASCII"),
    ],
)
def test_literals_are_read(text: str, expected: list[object]) -> None:
    assert values(only(text)) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker ps", "docker"),
        ("& docker ps", "docker"),
        (r"& 'C:\Program Files\x.exe' ps", r"C:\Program Files\x.exe"),
        (r"C:\x.exe ps", r"C:\x.exe"),
        ("sc.exe qc docker", "sc.exe"),
    ],
)
def test_a_command_has_a_name(text: str, name: str) -> None:
    assert only(text).name == name


def test_parameters_take_the_value_that_is_joined_to_them() -> None:
    call = only("Set-It -First a -Second:$false --third 'x'")

    first, a, second, third, x = call.elements
    assert (first, a) == (ParameterName("-First"), Literal("a", "a", bare=True))
    assert isinstance(second, ParameterName)
    assert second.value == Literal(False, "$false")
    assert (third, x) == (ParameterName("--third"), Literal("x", "'x'"))


def test_lists_and_subexpressions_are_arguments() -> None:
    call = only("ConvertTo-Json -InputObject @(Get-It | Select-It -Property 'a','b')")

    inner = call.elements[1]
    assert isinstance(inner, SubExpression)
    assert [part.name for part in inner.statement.calls] == ["Get-It", "Select-It"]
    assert isinstance(inner.statement.calls[1].elements[1], Items)


def test_statements_are_pipelines_values_and_throws() -> None:
    pipeline, value, code, thrown = parse("a | b\n'text'; $LASTEXITCODE; throw 'no'")

    assert [call.name for call in pipeline.calls] == ["a", "b"]
    assert value == Statement(value=Literal("text", "'text'"))
    assert code == Statement(value=Variable("LASTEXITCODE"))
    assert thrown == Statement(value=Literal("no", "'no'"), throws=True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x a,b", id="bare list"),
        pytest.param("x --name=value", id="bare equals"),
        pytest.param("x [::1]:5000", id="bare brackets"),
        pytest.param("x 2>$null", id="redirection that the grammar takes for a word"),
        pytest.param("x > file", id="redirection"),
        pytest.param("x a`;b", id="backtick in a word"),
        pytest.param('x name="a b"', id="quote in a word"),
        pytest.param("x 'a\u2019b'", id="typographic quote that ends the string"),
        pytest.param("x {json}", id="script block"),
        pytest.param("x (hostname)", id="parentheses"),
        pytest.param('x "$a"', id="expansion"),
        pytest.param('x "a`tb"', id="escape"),
        pytest.param("$a = 5", id="assignment"),
        pytest.param("if ($true) { x }", id="condition"),
        pytest.param("function f { x }", id="function"),
        pytest.param("x -a.b", id="parameter that 5.1 splits"),
        pytest.param("x @args", id="splatting"),
        pytest.param("x | 'text'", id="value in a pipeline"),
        pytest.param("a && b", id="chain operator of PowerShell 7"),
        pytest.param("x 'open", id="string without an end"),
        pytest.param("1 + 1", id="arithmetic"),
        pytest.param("[Console]::Beep()", id=".NET"),
    ],
)
def test_what_is_more_than_literals_is_refused(text: str) -> None:
    with pytest.raises(PsError) as caught:
        parse(text)

    assert caught.value.category == "ParserError"


def test_a_refusal_says_where_and_what() -> None:
    with pytest.raises(PsError) as caught:
        parse("hostname\nwhoami {x}")

    assert "line 2, character 8" in caught.value.message
    assert "{x}" in caught.value.message


def quoted(text: str) -> str:
    doubled = "".join(
        character * 2 if character in "'\u2018\u2019\u201a\u201b" else character for character in text
    )
    return f"'{doubled}'"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_every_text_survives_quoting(text: str) -> None:
    assert values(only(f"x {quoted(text)}")) == [text]
