"""PowerShell text: what is quoted, and that it reads back as what was meant."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import powershell, windows_command_line
from deploy.powershell import cmdlet, json_list, native, pipeline, quote

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
TRICKY = st.text("ab \t\"'\\\u2018\u2019\u00a0$`-.:,={}%")

SINGLE = "'\u2018\u2019\u201a\u201b"
DOTNET_BLANK = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def read_literal(literal: str) -> str:
    """Read a single-quoted literal as PowerShell's tokenizer does, or fail if it ends too early."""
    assert literal[0] in SINGLE
    read, at = "", 1
    while True:
        if literal[at] in SINGLE:
            if at + 1 == len(literal):
                return read
            assert literal[at + 1] in SINGLE, "the literal ended in the middle"
            at += 1
        read += literal[at]
        at += 1


def needs_quotes_in_51(argument: str) -> bool:
    """System.Management.Automation, NativeCommandParameterBinder.NeedQuotes: a blank that is in no quotes."""
    quotes, after_backslash = 0, False
    for character in argument:
        if character == '"' and not after_backslash:
            quotes += 1
        elif DOTNET_BLANK.match(character) and quotes % 2 == 0:
            return True
        after_backslash = character == "\\"
    return False


def command_line_of_51(command: str) -> str:
    """What Windows PowerShell 5.1 makes of ``program 'one argument'``."""
    program, _, argument = command.partition(" ")
    passed = read_literal(argument) if argument[0] in SINGLE else argument
    if not passed:
        return program
    return f'{program} "{passed}"' if needs_quotes_in_51(passed) else f"{program} {passed}"


@given(TEXT | TRICKY)
def test_a_quoted_text_reads_back(text: str) -> None:
    assert read_literal(quote(text)) == text


def test_every_kind_of_single_quote_is_doubled() -> None:
    assert quote("it's \u2018so\u2019") == "'it''s \u2018\u2018so\u2019\u2019'"


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@given(TEXT | TRICKY)
def test_a_native_argument_reaches_the_program_through_51(text: str) -> None:
    command = native("docker", text)

    assert windows_command_line.split(command_line_of_51(command)) == ["docker", text]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        pytest.param(
            ["version", "--format", "{{json .}}"], "docker version --format '{{json .}}'", id="format"
        ),
        pytest.param(["-p", "5000:5000"], "docker -p 5000:5000", id="port"),
        pytest.param(["-v", r"C:\a:C:\b"], r"docker -v C:\a:C:\b", id="volume"),
        pytest.param(["--env", "A=b"], "docker --env 'A=b'", id="equals sign"),
        pytest.param(["a,b"], "docker 'a,b'", id="comma"),
        pytest.param(["-x.y"], "docker '-x.y'", id="would be split at the dot"),
        pytest.param(["--log-level"], "docker --log-level", id="long flag"),
        pytest.param([""], "docker '\"\"'", id="empty"),
        pytest.param(['say "x"'], "docker 'say \\\"x\\\"'", id="double quotes"),
        pytest.param(["C:\\a b\\"], "docker 'C:\\a b\\\\'", id="blank and closing backslash"),
        pytest.param([86400], "docker 86400", id="number"),
    ],
)
def test_native_arguments_are_bare_only_where_they_are_safe(arguments: list[str], command: str) -> None:
    assert native("docker", *arguments) == command


def test_a_program_with_a_path_is_called_with_the_call_operator() -> None:
    assert (
        native(r"C:\Program Files\docker\dockerd.exe", "-D") == r"& 'C:\Program Files\docker\dockerd.exe' -D"
    )


def test_a_cmdlet_has_named_parameters_in_order() -> None:
    command = cmdlet("New-Item", ItemType="Directory", Force=True, Path=r"C:\a b", Confirm=False, Depth=5)

    assert command == r"New-Item -ItemType Directory -Force -Path 'C:\a b' -Confirm:$false -Depth 5"


def test_a_list_is_a_list_of_quoted_texts() -> None:
    command = cmdlet("Select-Object", Property=["Name", "State"])

    assert command == "Select-Object -Property 'Name','State'"


@pytest.mark.parametrize(
    "text",
    [pytest.param("5000", id="digits"), pytest.param("-x", id="dash"), pytest.param("$true", id="dollar")],
)
def test_a_text_that_would_mean_something_else_is_quoted(text: str) -> None:
    assert cmdlet("Set-Item", Value=text) == f"Set-Item -Value '{text}'"


@pytest.mark.parametrize("name", ["Get Item", "docker", "Get-Item;x", ""])
def test_what_is_no_cmdlet_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cmdlet"):
        cmdlet(name)


def test_a_parameter_name_cannot_carry_code() -> None:
    with pytest.raises(ValueError, match="parameter"):
        cmdlet("Get-Item", **{"Path;x": "y"})


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="empty list"):
        cmdlet("Select-Object", Property=[])


def test_a_json_list_keeps_its_brackets() -> None:
    listing = pipeline(cmdlet("Get-HnsNetwork"), cmdlet("Select-Object", Property=["Name"]))

    command = json_list(listing, depth=5)

    assert command == (
        "ConvertTo-Json -Compress -Depth 5 -InputObject @(Get-HnsNetwork | Select-Object -Property 'Name')"
    )


def test_giving_a_host_up_is_a_throw() -> None:
    assert powershell.failure("could not read this host's containers") == (
        "throw 'could not read this host''s containers'"
    )
