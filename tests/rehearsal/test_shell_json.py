"""ConvertTo-Json as Windows PowerShell 5.1 writes it."""

from datetime import UTC, datetime

import pytest

from rehearsal.shell.jsontext import convert
from rehearsal.shell.values import NotedText, PsEnum, PsObject


def item(**properties: object) -> PsObject:
    return PsObject("T", properties, text="@{" + "; ".join(f"{k}={v}" for k, v in properties.items()) + "}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('a"b\\c\n\t\x01', r'"a\"b\\c\n\t\u0001"', id="escapes"),
        pytest.param("<a href='x'>&", r'"\u003ca href=\u0027x\u0027\u003e\u0026"', id="HTML is escaped"),
        pytest.param("ü東", '"ü東"', id="beyond ASCII is not"),
        pytest.param([True, False, None, 5, 1.5], "[true,false,null,5,1.5]", id="plain values"),
        pytest.param(PsEnum("Running", 4), "4", id="enumerations are numbers"),
        pytest.param(datetime(2024, 1, 2, tzinfo=UTC), r'"\/Date(1704153600000)\/"', id="dates"),
        pytest.param(b"\x00\xff", "[0,255]", id="bytes"),
        pytest.param([], "[]", id="nothing"),
        pytest.param([item(a=1)], '[{"a":1}]', id="a list of one stays a list"),
        pytest.param(
            NotedText("x", {"PSPath": "p"}), '{"value":"x","PSPath":"p"}', id="text with notes is an object"
        ),
    ],
)
def test_values_are_written_as_5_1_does(value: object, expected: str) -> None:
    assert convert(value, compress=True) == expected


def test_what_is_too_deep_becomes_its_text() -> None:
    value = [item(Subnets=[item(Prefix="10.0.0.0/8")])]

    assert convert(value, compress=True) == '[{"Subnets":["@{Prefix=10.0.0.0/8}"]}]'
    assert convert(value, depth=5, compress=True) == '[{"Subnets":[{"Prefix":"10.0.0.0/8"}]}]'


def test_lists_that_are_too_deep_are_joined() -> None:
    assert convert([item(a=item(b=["x", "y"]))], compress=True) == '[{"a":{"b":"x y"}}]'


def test_the_long_form_is_laid_out_in_columns() -> None:
    text = convert(item(a=1, b=item(c=[2])))

    assert text.split("\r\n") == [
        "{",
        '    "a":  1,',
        '    "b":  {',
        '              "c":  [',
        "                        2",
        "                    ]",
        "          }",
        "}",
    ]
