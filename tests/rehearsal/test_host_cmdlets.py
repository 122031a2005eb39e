"""What a host answers to the commands of a rollout, and to those of a person who looks around."""

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from rehearsal.host import Host
from rehearsal.interfaces import EventRecord
from tests.rehearsal.shells import FakeEngine, error_of, output, run


def facts(host: Host, pipeline: str) -> list[object]:
    """Ask as the provisioner asks: one JSON text, always a list."""
    (text,) = output(host, f"ConvertTo-Json -Compress -Depth 5 -InputObject @({pipeline})")
    found: list[object] = json.loads(str(text))
    return found


def test_windows_says_which_it_is(host: Host) -> None:
    key = r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion"

    (found,) = facts(
        host,
        f"Get-ItemProperty -LiteralPath '{key}' -ErrorAction Stop | Select-Object -Property "
        "'ProductName','CurrentBuild','UBR','InstallationType'",
    )

    assert found == {
        "ProductName": "Windows Server 2022 Datacenter",
        "CurrentBuild": "20348",
        "UBR": 3208,
        "InstallationType": "Server",
    }


def test_the_service_manager_tells_of_a_service_that_is_and_of_none(host: Host, engine: FakeEngine) -> None:
    question = (
        "Get-CimInstance -ClassName Win32_Service -Filter 'Name=''{}''' -ErrorAction Stop | "
        "Select-Object -Property 'Name','State','StartMode','PathName','ProcessId','StartName'"
    )

    assert facts(host, question.format("docker")) == [
        {
            "Name": "docker",
            "State": "Running",
            "StartMode": "Auto",
            "PathName": '"C:\\Program Files\\docker\\dockerd.exe" --run-service',
            "ProcessId": 4711,
            "StartName": "LocalSystem",
        }
    ]
    assert facts(host, question.format("nothing")) == []


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Name='docker' AND State='Stopped'", ["docker"]),
        ("Name LIKE 'd%' and StartMode <> 'Manual'", ["docker"]),
        ("StartMode='Manual'", ["hns", "vmcompute"]),
    ],
)
def test_wql_filters_compare(host: Host, where: str, names: list[str]) -> None:
    quoted = where.replace("'", "''")

    assert (
        output(host, f"Get-CimInstance Win32_Service -Filter '{quoted}' | Select-Object -ExpandProperty Name")
        == names
    )


def test_what_only_the_registry_knows_of_a_service(host: Host) -> None:
    output(host, "sc.exe failureflag docker 1; sc.exe config docker 'depend=' hns 'start=' delayed-auto")

    (found,) = facts(
        host,
        r"Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Services\docker' "
        r"-ErrorAction Stop | Select-Object -Property "
        r"'Start','DependOnService','FailureActions','DelayedAutostart','FailureActionsOnNonCrashFailures','Nothing'",
    )

    assert isinstance(found, dict)
    assert found.pop("FailureActions")[:4] == [128, 81, 1, 0]
    assert found == {
        "Start": 2,
        "DependOnService": ["hns"],
        "DelayedAutostart": 1,
        "FailureActionsOnNonCrashFailures": 1,
        "Nothing": None,
    }


def test_paths_are_there_or_not(host: Host) -> None:
    assert facts(
        host, r"Test-Path -LiteralPath 'c:\WINDOWS','C:\no','C:\aux','Z:\x','HKLM:\SYSTEM','HKLM:\No'"
    ) == [True, False, False, False, True, False]
    assert output(host, r"Test-Path 'C:\Win*' -PathType Leaf") == [False]


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        pytest.param('{"a": "ü"}\r\n'.encode(), "UTF8", ['{"a": "ü"}\r\n'], id="UTF-8"),
        pytest.param("\ufeffü".encode(), "UTF8", ["ü"], id="with a byte order mark"),
        pytest.param(
            "\ufeffü".encode("utf-16-le"), "UTF8", ["ü"], id="UTF-16 with a mark beats the parameter"
        ),
        pytest.param("ü".encode(), "Default", ["Ã¼"], id="UTF-8 read as ANSI"),
        pytest.param(b"", "UTF8", [], id="empty"),
    ],
)
def test_text_is_read_whole(host: Host, content: bytes, encoding: str, expected: list[str]) -> None:
    host.files.write("C:\\a.txt", content)

    assert (
        facts(
            host,
            f"Get-Content -LiteralPath 'C:\\a.txt' -Raw -Encoding {encoding} -ErrorAction Stop | "
            "ForEach-Object -MemberName 'ToString'",
        )
        == expected
    )


def test_text_carries_notes_that_json_shows(host: Host) -> None:
    host.files.write("C:\\a.txt", b"x")

    (found,) = facts(host, "Get-Content -LiteralPath 'C:\\a.txt'")

    assert isinstance(found, dict)
    assert (found["value"], found["PSChildName"], found["ReadCount"]) == ("x", "a.txt", 1)


def test_lines_are_read_and_written(host: Host) -> None:
    output(host, "Set-Content C:\\a.txt -Value 'one','two','three' -Encoding UTF8")

    assert host.files.read("C:\\a.txt") == b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n"
    assert output(host, "Get-Content C:\\a.txt -TotalCount 1") == ["one"]
    assert output(host, "Get-Content C:\\a.txt -Tail 2") == ["two", "three"]


def test_files_are_hashed_and_listed(host: Host) -> None:
    host.files.make_directory("C:\\d\\sub")
    host.files.write("C:\\d\\f", b"content")

    assert facts(
        host,
        "Get-FileHash -LiteralPath 'C:\\d\\f' -Algorithm SHA256 -ErrorAction Stop | Select-Object "
        "-Property 'Hash'",
    ) == [{"Hash": hashlib.sha256(b"content").hexdigest().upper()}]
    assert facts(
        host,
        "Get-ChildItem -LiteralPath 'C:\\d' -Force -ErrorAction Stop | Select-Object -Property "
        "'Name','Length','PSIsContainer'",
    ) == [
        {"Name": "f", "Length": 7, "PSIsContainer": False},
        {"Name": "sub", "Length": None, "PSIsContainer": True},
    ]
    assert output(host, "dir C:\\ -Recurse -Filter f -Name") == ["f"]


def test_directories_are_made_once_and_files_moved_copied_and_removed(host: Host) -> None:
    for _ in range(2):
        output(host, "New-Item -ItemType Directory -Force -Path 'C:\\a\\b' -ErrorAction Stop | Out-Null")
    host.files.write("C:\\a\\f", b"1")
    host.files.write("C:\\a\\g", b"2")

    output(host, "Copy-Item -LiteralPath 'C:\\a' -Destination 'C:\\copy' -Recurse -Force -ErrorAction Stop")
    output(host, "Move-Item -LiteralPath 'C:\\a\\f' -Destination 'C:\\a\\G' -Force -ErrorAction Stop")
    output(host, "Move-Item -LiteralPath 'C:\\a\\g' -Destination 'C:\\a\\b' -ErrorAction Stop")

    assert host.files.read("C:\\a\\b\\g") == b"1"
    assert [entry.name for entry in host.files.list("C:\\copy")] == ["b", "f", "g"]
    output(host, "Remove-Item -LiteralPath 'C:\\a' -Recurse -Force -ErrorAction Stop")
    assert not host.files.exists("C:\\a")


def test_an_archive_is_unpacked(host: Host) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("docker/docker.exe", b"new")
        archive.writestr("docker/", b"")
    host.files.write("C:\\a.zip", content.getvalue())

    output(host, "Expand-Archive -LiteralPath 'C:\\a.zip' -DestinationPath 'C:\\to' -Force -ErrorAction Stop")

    assert host.files.read("C:\\to\\docker\\docker.exe") == b"new"
    again = error_of(host, "Expand-Archive -LiteralPath 'C:\\a.zip' -DestinationPath 'C:\\to'")
    assert again[0] == "ExpandArchiveFileExists,Expand-Archive"


def test_an_archive_cannot_lead_out_of_its_directory(host: Host) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../Windows/evil", b"x")
    host.files.write("C:\\a.zip", content.getvalue())

    assert run(host, "Expand-Archive -LiteralPath 'C:\\a.zip' -DestinationPath 'C:\\to' -Force").errors
    assert not host.files.exists("C:\\Windows\\evil")


def test_firewall_rules_come_and_go(host: Host) -> None:
    rules = "Get-NetFirewallRule -Name 'registry-lab-*' -ErrorAction Stop"
    before = facts(host, rules)

    output(
        host,
        "New-NetFirewallRule -Name 'registry-lab-5000' -DisplayName 'registry-lab 5000/tcp' "
        "-Direction Inbound -Action Allow -Protocol TCP -LocalPort 5000 -ErrorAction Stop | Out-Null",
    )
    found = facts(host, f"{rules} | Select-Object -Property 'Name','Enabled','Direction','Action'")
    ports = facts(
        host,
        f"{rules} | Get-NetFirewallPortFilter | Select-Object -Property 'InstanceID','Protocol','LocalPort'",
    )
    output(host, "Set-NetFirewallRule -Name 'registry-lab-5000' -Enabled False -Action Block")
    changed = facts(host, f"{rules} | Select-Object -Property 'Enabled','Action'")
    output(host, "Remove-NetFirewallRule -Name 'registry-lab-5000' -ErrorAction Stop")

    assert before == facts(host, rules) == []
    assert found == [{"Name": "registry-lab-5000", "Enabled": 1, "Direction": 1, "Action": 2}]
    assert ports == [{"InstanceID": "registry-lab-5000", "Protocol": "TCP", "LocalPort": "5000"}]
    assert changed == [{"Enabled": 2, "Action": 4}]


def test_routes_show_the_hosts_own_networks(host: Host) -> None:
    found = facts(
        host,
        "Get-NetRoute -AddressFamily IPv4 -ErrorAction Stop | Select-Object -Property "
        "'DestinationPrefix','InterfaceAlias','NextHop'",
    )

    assert {"DestinationPrefix": "0.0.0.0/0", "InterfaceAlias": "Ethernet", "NextHop": "10.77.0.1"} in found


def test_the_event_log_shows_the_newest_first(host: Host) -> None:
    for number in range(3):
        host.events.write(
            EventRecord("docker", "Error", 4, f"message {number}", datetime(2024, 1, 1, tzinfo=UTC))
        )
    host.events.write(EventRecord("other", "Information", 1, "another", datetime.now(UTC)))

    found = facts(
        host,
        "Get-EventLog -LogName Application -Source docker -Newest 2 -ErrorAction Stop | "
        "Select-Object -Property 'EntryType','InstanceId','Message','TimeWritten'",
    )

    assert found == [
        {"EntryType": 1, "InstanceId": 4, "Message": "message 2", "TimeWritten": "/Date(1704067200000)/"},
        {"EntryType": 1, "InstanceId": 4, "Message": "message 1", "TimeWritten": "/Date(1704067200000)/"},
    ]


@pytest.mark.parametrize(
    ("text", "error_id", "says"),
    [
        pytest.param(
            "Get-Item 'C:\\no'",
            "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand",
            "Cannot find path 'C:\\no' because it does not exist.",
            id="no such file",
        ),
        pytest.param(
            "Get-ItemProperty 'HKLM:\\No'",
            "PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand",
            "Cannot find path 'HKLM:\\No'",
            id="no such key",
        ),
        pytest.param(
            "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\docker' -Name Nothing",
            "System.Management.Automation.PSArgumentException",
            "Property Nothing does not exist",
            id="no such value",
        ),
        pytest.param(
            "mkdir C:\\Windows",
            "DirectoryExist,Microsoft.PowerShell.Commands.NewItemCommand",
            "already exists",
            id="directory exists",
        ),
        pytest.param(
            "New-Item -Path C:\\no\\a.txt",
            "NewItemIOError",
            "Could not find a part of the path",
            id="no directory to write to",
        ),
        pytest.param(
            "Move-Item C:\\Windows C:\\Users\\Public\\..\\..\\Windows\\x\\y",
            "MoveFileInfoItemIOError",
            "",
            id="cannot move there",
        ),
        pytest.param("Remove-Item C:\\Windows", "InvalidOperation", "Recurse", id="directory is not empty"),
        pytest.param(
            "Get-Service nothing",
            "NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand",
            "Cannot find any service with service name 'nothing'.",
            id="no such service",
        ),
        pytest.param(
            "Get-CimInstance Win32_Nothing", "HRESULT 0x80041010", "Invalid class", id="no such class"
        ),
        pytest.param(
            "Get-CimInstance Win32_Service -Filter 'what?'",
            "HRESULT 0x80041017",
            "Invalid query",
            id="no WQL",
        ),
        pytest.param(
            "Get-EventLog Application -Source nobody",
            "GetEventLogNoEntriesFound",
            "No matches found",
            id="no events",
        ),
        pytest.param(
            "Remove-NetFirewallRule -Name x",
            "CmdletizationQuery_NotFound_InstanceID,Remove-NetFirewallRule",
            "equal to 'x'",
            id="no such rule",
        ),
        pytest.param(
            "Expand-Archive C:\\a.tar",
            "NotSupportedArchiveFileExtension",
            ".tar is not a supported",
            id="no zip",
        ),
        pytest.param(
            "Get-HnsNetwork -Id 5", "Element not found.", "Element not found.", id="no such network"
        ),
        pytest.param(
            "Select-Object -InputObject 'x' -ExpandProperty Nothing | Out-Null; Get-Service docker "
            "| Select-Object -ExpandProperty Nothing",
            "ExpandPropertyNotFound",
            'Property "Nothing" cannot be found.',
            id="no such property",
        ),
    ],
)
def test_what_goes_wrong_has_windows_powershells_words(
    host: Host, text: str, error_id: str, says: str
) -> None:
    found, message = error_of(host, text)

    assert found.startswith(error_id)
    assert says in message


def test_a_rule_of_the_same_name_is_refused(host: Host) -> None:
    output(host, "New-NetFirewallRule -Name x -DisplayName x | Out-Null")

    assert (
        error_of(host, "New-NetFirewallRule -Name X -DisplayName x")[0]
        == "HRESULT 0x800700b7,New-NetFirewallRule"
    )
