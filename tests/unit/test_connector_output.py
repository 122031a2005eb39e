"""Success and failure of a command, told from what its pipeline left behind."""

from __future__ import annotations

import pytest

from deploy.connector_output import ErrorText, ProtocolViolation, object_lines, outcome, text_lines

NATIVE = ErrorText("NativeCommandError", "Unable to find image 'x' locally")
NATIVE_NEXT = ErrorText("NativeCommandErrorMessage", "nanoserver: Pulling from x")
NOT_FOUND = ErrorText("CommandNotFoundException", "The term 'dokcer' is not recognized")
NON_TERMINATING = ErrorText(
    "PathNotFound,Microsoft.PowerShell.Commands.RemoveItemCommand", "Cannot find path"
)


@pytest.mark.parametrize(
    ("completed", "output", "errors", "codes", "expected"),
    [
        pytest.param(True, ["text", ""], [], (0,), True, id="cmdlet"),
        pytest.param(True, ["text", "0"], [], (0,), True, id="native"),
        pytest.param(True, ["0"], [NATIVE, NATIVE_NEXT], (0,), True, id="native that writes to stderr"),
        pytest.param(True, ["1"], [NATIVE], (0,), False, id="native that fails"),
        pytest.param(True, ["1"], [NATIVE], (0, 1), True, id="exit code that is expected"),
        pytest.param(True, ["0"], [], (3,), False, id="success where another code is expected"),
        pytest.param(True, ["-2147024891"], [], (0,), False, id="negative exit code"),
        pytest.param(True, ["0"], [NON_TERMINATING], (0,), False, id="error that ends nothing"),
        pytest.param(False, ["half"], [NOT_FOUND], (0,), False, id="error that ends the pipeline"),
        pytest.param(False, [], [], (0,), False, id="stopped"),
    ],
)
def test_a_command_succeeds_only_without_a_foreign_error_and_with_the_expected_exit_code(
    completed: bool,
    output: list[object],
    errors: list[ErrorText],
    codes: tuple[int, ...],
    expected: bool,
) -> None:
    result = outcome(completed=completed, output=output, errors=errors)

    assert result.succeeded(codes) is expected


def test_the_exit_code_is_taken_from_the_output() -> None:
    result = outcome(completed=True, output=["one\r\ntwo", "three", "17"], errors=[])

    assert (result.stdout, result.exit_code) == (("one", "two", "three"), 17)


def test_a_failed_pipeline_has_no_exit_code_to_take() -> None:
    result = outcome(completed=False, output=["12"], errors=[NOT_FOUND])

    assert (result.stdout, result.exit_code) == (("12",), 0)


@pytest.mark.parametrize("output", [[], [None], ["text"], [12]], ids=str)
def test_a_completed_command_must_end_with_its_exit_code(output: list[object]) -> None:
    with pytest.raises(ProtocolViolation, match="must be its exit code"):
        outcome(completed=True, output=output, errors=[])


def test_standard_error_is_warnings_and_records_in_lines() -> None:
    result = outcome(
        completed=True, output=["1"], errors=[NATIVE, ErrorText("X", "a\nb")], warnings=["deprecated"]
    )

    assert result.stderr() == ["WARNING: deprecated", "Unable to find image 'x' locally", "a", "b"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", [""], id="an empty line"),
        pytest.param("a\n", ["a"], id="closing line end"),
        pytest.param("a\r\n\r\nb", ["a", "", "b"], id="empty line inside"),
        pytest.param('{"a":"\u2028\x0c\x85"}', ['{"a":"\u2028\x0c\x85"}'], id="JSON with odd characters"),
    ],
)
def test_lines_end_at_line_feeds_only(text: str, lines: list[str]) -> None:
    assert text_lines(text) == lines


class Service:
    """Looks like an object of a remote pipeline."""

    types = ("System.ServiceProcess.ServiceController",)

    def __init__(self, text: str | None = None) -> None:
        self.to_string = text
        self.adapted_properties = {"Name": "docker", "Status": "Running"}
        self.extended_properties = {"PSComputerName": "pc-01"}

    def __str__(self) -> str:
        return self.to_string or ""


@pytest.mark.parametrize(
    ("item", "lines"),
    [
        pytest.param(None, [], id="nothing"),
        pytest.param(5, ["5"], id="number"),
        pytest.param(Service(), ["Name: docker", "Status: Running", "PSComputerName: pc-01"], id="object"),
        pytest.param(
            Service("System.ServiceProcess.ServiceController"),
            ["Name: docker", "Status: Running", "PSComputerName: pc-01"],
            id="object that says its class",
        ),
        pytest.param(Service("docker"), ["docker"], id="object with a text"),
    ],
)
def test_an_object_is_shown_by_its_properties(item: object, lines: list[str]) -> None:
    assert object_lines(item) == lines
