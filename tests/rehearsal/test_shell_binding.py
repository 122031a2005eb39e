"""Arguments find their parameters as PowerShell's binder has it, and what does not fit says what would."""

import pytest

from rehearsal.host import Host
from tests.rehearsal.shells import error_of, output


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Select-Object -Property 'Name' -InputObject 'x'", id="by name"),
        pytest.param("Select-Object -pROPERTY 'Name' -inputobject 'x'", id="in any case"),
        pytest.param("Select-Object -Prop 'Name' -Input 'x'", id="by unambiguous prefix"),
        pytest.param("Select-Object 'Name' -InputObject 'x'", id="by position"),
        pytest.param("Select-Object -Property:'Name' -InputObject:'x'", id="joined"),
    ],
)
def test_parameters_are_named_in_every_way_that_powershell_allows(host: Host, text: str) -> None:
    (found,) = output(host, f"ConvertTo-Json -Compress -InputObject @({text})")

    assert found == '[{"Name":null}]'


def test_a_switch_can_be_turned_off(host: Host) -> None:
    (found,) = output(host, "ConvertTo-Json -Compress:$false -InputObject @('a','b')")

    assert "\r\n" in str(found)


def test_an_unknown_parameter_is_told_what_comes_close(host: Host) -> None:
    error_id, message = error_of(host, "Get-Service -Nme x")

    assert error_id.startswith("NamedParameterNotFound")
    assert message.endswith("The rehearsal knows: -Name.")


@pytest.mark.parametrize(
    ("text", "error_id", "says"),
    [
        pytest.param(
            "Set-NetFirewallRule -Name x -D y",
            "AmbiguousParameter",
            "-DisplayName -Direction",
            id="ambiguous",
        ),
        pytest.param("Get-Service -Name", "MissingArgument", "'Name'", id="no value"),
        pytest.param("Get-Service -Name a -Name b", "ParameterAlreadyBound", "'Name'", id="twice"),
        pytest.param(
            "hostname | Out-Null extra", "PositionalParameterNotFound", "'extra'", id="one too many"
        ),
        pytest.param(
            "Set-Service docker -StartupType Soon",
            "ParameterArgumentValidationError",
            "Automatic,Manual,Disabled",
            id="not of the set",
        ),
        pytest.param(
            "Start-Sleep -Seconds soon", "CannotConvertArgumentNoMessage", "System.Int32", id="no number"
        ),
        pytest.param(
            "Copy-Item -LiteralPath 'C:\\a'", "MissingMandatoryParameter", "Destination", id="mandatory"
        ),
        pytest.param(
            "Get-CimInstance -ClassName 'a','b'",
            "CannotConvertArgument",
            "'ClassName'",
            id="list for one value",
        ),
    ],
)
def test_what_cannot_be_bound_is_an_error_of_the_statement(
    host: Host, text: str, error_id: str, says: str
) -> None:
    found, message = error_of(host, text)

    assert found.startswith(error_id)
    assert says in message


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Get-Servise", "Get-Service"),
        ("Get-NetFirewalRule", "Get-NetFirewallRule"),
        ("hostnam", "hostname.exe"),
        ("icacl", "icacls.exe"),
        ("ps", "Get-Process in Windows PowerShell"),
    ],
)
def test_an_unknown_command_is_told_what_comes_close(host: Host, text: str, near: str) -> None:
    found, message = error_of(host, text)

    assert found == "CommandNotFoundException"
    assert message.startswith(f"The term '{text}' is not recognized")
    assert near in message
