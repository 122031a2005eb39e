"""Statements, pipelines, programs and their exit codes: what a runspace makes of a script."""

import threading

import pytest

from rehearsal import library
from rehearsal.host import Host
from rehearsal.shell.execution import Execution
from rehearsal.shell.runspace import Runspace
from rehearsal.shell.values import Invocation, PsError, RemoteCommand
from tests.rehearsal.shells import error_of, output, run


def with_epilogue(runspace: Runspace, text: str) -> list[object]:
    statements = [[RemoteCommand(text, is_script=True)], [RemoteCommand(library.EPILOGUE, is_script=True)]]
    return runspace.invoke(Invocation(statements), threading.Event()).output


def test_the_epilogue_prints_the_exit_code_once(host: Host) -> None:
    runspace = Runspace(host)

    assert with_epilogue(runspace, "sc.exe qc nothing")[-1] == "1060"
    assert with_epilogue(runspace, "Write-Output x") == ["x", ""]


def test_a_program_that_does_not_start_leaves_the_exit_code_as_it_was(host: Host) -> None:
    runspace = Runspace(host)
    runspace.invoke(Invocation.of("sc.exe qc nothing"), threading.Event())

    assert with_epilogue(runspace, "nothing.exe") == ["1060"]


def test_what_ends_the_script_keeps_the_epilogue_from_running(host: Host) -> None:
    runspace = Runspace(host)
    runspace.invoke(Invocation.of("sc.exe qc nothing"), threading.Event())

    assert with_epilogue(runspace, "throw 'no'") == []
    assert with_epilogue(runspace, "Write-Output x") == ["x", "1060"]


def test_exit_codes_are_forgotten_on_request(host: Host) -> None:
    runspace = Runspace(host)
    runspace.invoke(Invocation.of("sc.exe qc nothing"), threading.Event())

    runspace.invoke(Invocation.of(library.RESET_EXIT_CODE), threading.Event())

    assert with_epilogue(runspace, "Write-Output x") == ["x", ""]


def test_the_next_statement_runs_after_an_error_that_ends_only_its_own(host: Host) -> None:
    outcome = run(host, "Get-Nothing; Write-Output 'next'")

    assert outcome.failure is None
    assert outcome.output == ["next"]
    assert [error.error_id for error in outcome.errors] == ["CommandNotFoundException"]


@pytest.mark.parametrize(
    "text", ["throw 'a'; Write-Output 'b'", "Get-Item 'C:\\no' -ErrorAction Stop; hostname", "a,b"]
)
def test_nothing_runs_after_an_error_that_ends_the_script(host: Host, text: str) -> None:
    outcome = run(host, text)

    assert outcome.failure is not None
    assert outcome.output == []


@pytest.mark.parametrize(
    ("action", "errors", "failed"),
    [("Continue", 1, False), ("SilentlyContinue", 0, False), ("Ignore", 0, False), ("Stop", 0, True)],
)
def test_errors_go_where_their_command_sends_them(host: Host, action: str, errors: int, failed: bool) -> None:
    outcome = run(host, f"Get-Item 'C:\\no' -ErrorAction {action}")

    assert (len(outcome.errors), outcome.failure is not None) == (errors, failed)


def test_standard_error_of_a_program_is_error_records_and_no_failure(host: Host) -> None:
    outcome = run(host, "icacls.exe 'C:\\no'")

    assert outcome.failure is None
    assert [error.error_id for error in outcome.errors] == ["NativeCommandError"]
    assert outcome.output == ["Successfully processed 0 files; Failed processing 1 files"]


def test_what_a_program_prints_is_read_in_the_code_page_of_the_console(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rehearsal.interfaces import NativeResult
    from rehearsal.programs import PROGRAMS

    monkeypatch.setitem(PROGRAMS, "hostname.exe", lambda *_: NativeResult(0, "…\nü\n".encode(), b"a\nb\n"))

    outcome = run(host, "hostname")

    assert outcome.output == ["…".encode().decode("cp437"), "ü".encode().decode("cp437")]
    assert [error.error_id for error in outcome.errors] == ["NativeCommandError", "NativeCommandErrorMessage"]


def test_a_pipeline_passes_objects_on(host: Host) -> None:
    text = (
        "Get-Service | Where-Object -Property 'Name' -EQ -Value 'DOCKER' | Select-Object "
        "-ExpandProperty 'Status'"
    )

    (status,) = output(host, text)

    assert str(status) == "Stopped"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "ConvertTo-Json -Compress -InputObject @(Write-Output 'a')", ['["a"]'], id="one stays a list"
        ),
        pytest.param(
            "ConvertTo-Json -Compress -InputObject @(Write-Output 'a' | Out-Null)", ["[]"], id="none"
        ),
        pytest.param(
            "Write-Output 'a' | ConvertTo-Json -Compress", ['"a"'], id="one through the pipe is no list"
        ),
        pytest.param("Write-Output 'a','b' | ConvertTo-Json -Compress", ['["a","b"]'], id="two are"),
        pytest.param("Write-Output 'b','a' | Sort-Object", ["a", "b"], id="sort"),
        pytest.param("Write-Output 1 2 3 | Select-Object -First 1 -Skip 1", [2], id="select"),
        pytest.param("Write-Output ' a ' | ForEach-Object -MemberName 'Trim'", ["a"], id="method"),
        pytest.param("Write-Output 'abc' | ForEach-Object Length", [3], id="property of text"),
        pytest.param("Write-Output 1 'a','b'", [1, "a", "b"], id="all that is left"),
        pytest.param("'value'", ["value"], id="a value by itself"),
        pytest.param("$env:COMPUTERNAME", ["WIN-LAB01"], id="environment"),
        pytest.param(
            "Write-Output 'a','b' | Where-Object Length -GT 0 | Measure-Object | Select-Object "
            "-ExpandProperty Count",
            [2],
            id="measure",
        ),
    ],
)
def test_cmdlets_over_values(host: Host, text: str, expected: list[object]) -> None:
    assert output(host, text) == expected


def test_a_method_that_is_not_modelled_is_told_what_is(host: Host) -> None:
    error_id, message = error_of(host, "Write-Output 'x' | ForEach-Object -MemberName 'Normalize'")

    assert error_id.startswith("MethodNotFound")
    assert "ToString, Trim" in message


@pytest.mark.parametrize(
    ("operator", "value", "passes"),
    [
        ("EQ", "DOCKER", True),
        ("NE", "docker", False),
        ("Like", "do*", True),
        ("NotLike", "do*", False),
        ("Match", "^d.c", True),
        ("NotMatch", "x", True),
        ("GT", "a", True),
        ("LE", "a", False),
    ],
)
def test_where_compares_without_case(host: Host, operator: str, value: str, passes: bool) -> None:
    text = f"Get-Service -Name docker | Where-Object -Property 'Name' -{operator} -Value '{value}'"

    assert bool(output(host, text)) is passes


def test_a_defect_is_told_and_the_host_lives_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Execution, "_script", broken)

    outcome = run(host, "hostname")

    assert isinstance(outcome.failure, PsError)
    assert outcome.failure.error_id == "RehearsalDefect"


def test_people_see_tables_and_lists(host: Host) -> None:
    table = output(host, "Get-Service -Name docker | Out-String -Stream")
    listed = output(host, "Get-Service -Name docker | Format-List 'Name','Status' | Out-String -Stream")

    assert table[1:4] == [
        "Status  Name   DisplayName",
        "------  ----   -----------",
        "Stopped docker Docker Engine",
    ]
    assert [line for line in listed if line] == ["Name   : docker", "Status : Stopped"]
