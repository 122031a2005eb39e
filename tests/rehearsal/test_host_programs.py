"""sc.exe, icacls.exe and tree.com say what they say on Windows."""

import threading

import pytest

from rehearsal.host import Host
from rehearsal.shell.runspace import Runspace
from rehearsal.shell.values import Invocation
from tests.rehearsal.shells import output


def exit_code(host: Host, text: str) -> int | None:
    runspace = Runspace(host)
    runspace.invoke(Invocation.of(text), threading.Event())
    (code,) = runspace.invoke(Invocation.of("$LASTEXITCODE"), threading.Event()).output
    assert code is None or isinstance(code, int)
    return code


def test_sc_changes_and_shows_what_a_service_is(host: Host) -> None:
    line = r"\"C:\Program Files\docker\dockerd.exe\" --run-service -G docker"

    output(
        host,
        f"sc.exe config docker 'binPath=' '{line}'; sc.exe config docker 'start=' delayed-auto "
        "'depend=' 'hns/vmcompute'",
    )
    shown = output(host, "sc.exe qc docker")

    assert (
        r'        BINARY_PATH_NAME   : "C:\Program Files\docker\dockerd.exe" --run-service -G docker' in shown
    )
    assert "        START_TYPE         : 2   AUTO_START (DELAYED)" in shown
    assert shown[-3:-1] == ["        DEPENDENCIES       : hns", "                           : vmcompute"]


def test_sc_changes_and_shows_the_recovery(host: Host) -> None:
    output(
        host,
        "sc.exe failure docker 'reset=' 86400 'actions=' 'restart/15000/restart/60000'; sc.exe "
        "failureflag docker 1",
    )

    assert "        FAILURE_ACTIONS              : RESTART -- Delay = 15000 milliseconds." in output(
        host, "sc.exe qfailure docker"
    )
    assert str(output(host, "sc.exe qfailureflag docker")[-1]).endswith("TRUE")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("sc.exe qc nothing", 1060, id="no such service"),
        pytest.param("sc.exe query nothing", 1060, id="no such service, in query"),
        pytest.param("sc.exe config docker 'start=' soon", 1639, id="no such start type"),
        pytest.param("sc.exe config docker 'depend=' ''", 1639, id="an empty value that 5.1 lets vanish"),
        pytest.param("sc.exe config docker 'binPath='", 1639, id="no value"),
        pytest.param("sc.exe config docker colour blue", 1639, id="no such option"),
        pytest.param("sc.exe failure docker 'reset=' 5", 1639, id="half a recovery"),
        pytest.param("sc.exe failure docker 'reset=' 5 'actions=' 'jump/5'", 1639, id="no such action"),
        pytest.param("sc.exe dance docker", 1639, id="no such verb"),
        pytest.param("sc.exe stop docker", 1062, id="stopped already"),
        pytest.param("sc.exe control WinRM paramchange", 1062, id="control of a stopped service"),
        pytest.param("icacls.exe", 87, id="icacls without a path"),
        pytest.param("icacls.exe 'C:\\no'", 2, id="icacls: no such file"),
        pytest.param("icacls.exe 'C:\\Windows' /grant 'Nobody:F'", 1332, id="icacls: no such account"),
        pytest.param("icacls.exe 'C:\\Windows' /grant '*S-1-1-0:Q'", 87, id="icacls: no such right"),
        pytest.param("icacls.exe 'C:\\Windows' /dance", 87, id="icacls: no such switch"),
        pytest.param("icacls.exe 'C:\\Windows' /setowner", 87, id="icacls: no owner"),
        pytest.param("icacls.exe 'C:\\Windows' /setowner Nobody", 1332, id="icacls: no such owner"),
        pytest.param(
            "icacls.exe 'C:\\Windows' /setowner Student /grant 'Student:F'", 87, id="icacls: two forms in one"
        ),
        pytest.param("tree.com 'C:\\no'", 1, id="tree: no such directory"),
    ],
)
def test_what_goes_wrong_is_the_exit_code(host: Host, text: str, code: int) -> None:
    assert exit_code(host, text) == code


def sddl(host: Host, path: str) -> str:
    (found,) = output(host, f"Get-Acl -LiteralPath '{path}' | Select-Object -ExpandProperty Sddl")
    return str(found)


def test_a_grant_is_there_once_and_inherited(host: Host) -> None:
    host.files.make_directory("C:\\data\\sub")
    host.files.write("C:\\data\\file", b"")

    for _ in range(2):
        output(host, "icacls.exe 'C:\\data' /grant '*S-1-5-11:(OI)(CI)M'")

    assert sddl(host, "C:\\data").count(";;;AU)") == 1
    assert "D:AI(A;OICI;0x1301bf;;;AU)(A;OICIID;FA;;;SY)" in sddl(host, "C:\\data")
    assert "(A;OICIID;0x1301bf;;;AU)" in sddl(host, "C:\\data\\sub")
    assert "(A;ID;0x1301bf;;;AU)" in sddl(host, "C:\\data\\file")
    assert host.files.grants_modify("C:\\data\\sub", "S-1-5-11")


def test_a_file_can_be_left_to_few(host: Host) -> None:
    host.files.write("C:\\secret", b"")

    output(
        host,
        "icacls.exe 'C:\\secret' '/inheritance:r' '/grant:r' 'Administrator:R' '*S-1-5-18:F' "
        "'*S-1-5-32-544:F'",
    )

    assert sddl(host, "C:\\secret") == "O:BAG:SYD:PAI(A;;FR;;;S-1-5-21-77-77-77-500)(A;;FA;;;SY)(A;;FA;;;BA)"


def test_an_owner_is_set_and_stays_whatever_else_changes(host: Host) -> None:
    host.files.make_directory("C:\\data")
    output(host, "icacls.exe 'C:\\data' /setowner Student /q")
    theirs = sddl(host, "C:\\data")
    output(host, "icacls.exe 'C:\\data' '/inheritance:r' '/grant:r' '*S-1-5-18:F'")
    closed = sddl(host, "C:\\data")
    output(host, "icacls.exe 'C:\\data' /setowner '*S-1-5-32-544'")

    assert theirs.startswith("O:S-1-5-21-77-77-77-1001G:SYD:AI(")
    assert closed == "O:S-1-5-21-77-77-77-1001G:SYD:PAI(A;;FA;;;SY)"
    assert sddl(host, "C:\\data") == "O:BAG:SYD:PAI(A;;FA;;;SY)"
    assert output(host, "Get-Acl -LiteralPath 'C:\\data' | Select-Object -ExpandProperty Owner") == [
        "BUILTIN\\Administrators"
    ]


def test_entries_are_replaced_removed_and_reset(host: Host) -> None:
    host.files.make_directory("C:\\data")
    before = sddl(host, "C:\\data")
    output(host, "icacls.exe 'C:\\data' /grant 'Everyone:(OI)(CI)F'")

    output(host, "icacls.exe 'C:\\data' '/grant:r' 'Everyone:(OI)(CI)RX'")
    replaced = sddl(host, "C:\\data")
    output(host, "icacls.exe 'C:\\data' /remove Everyone")
    removed = sddl(host, "C:\\data")

    assert "(A;OICI;0x1200a9;;;WD)" in replaced
    assert removed == before


def test_a_denial_comes_first_and_counts(host: Host) -> None:
    host.files.make_directory("C:\\data")

    output(host, "icacls.exe 'C:\\data' /grant '*S-1-5-11:(OI)(CI)M' /deny '*S-1-5-11:(OI)(CI)W'")

    assert sddl(host, "C:\\data").startswith("O:BAG:SYD:AI(D;OICI;0x100116;;;AU)(A;OICI;0x1301bf;;;AU)")
    assert not host.files.grants_modify("C:\\data", "S-1-5-11")


def test_tree_draws_what_the_lab_shows(host: Host) -> None:
    host.files.make_directory("C:\\registry-data\\docker\\registry\\v2\\blobs")
    host.files.make_directory("C:\\registry-data\\docker\\registry\\v2\\repositories")
    host.files.write("C:\\registry-data\\docker\\file", b"")

    assert output(host, "tree c:\\registry-data") == [
        "Folder PATH listing for volume Windows",
        "Volume serial number is A456-8001",
        "C:\\REGISTRY-DATA",
        "└───docker",
        "    └───registry",
        "        └───v2",
        "            ├───blobs",
        "            └───repositories",
    ]
    assert "    │   file" in output(host, "tree c:\\registry-data /F")


def test_icacls_shows_what_a_fresh_directory_inherits(host: Host) -> None:
    host.files.make_directory("C:\\data")

    assert output(host, "icacls.exe C:\\data") == [
        "C:\\data NT AUTHORITY\\SYSTEM:(I)(OI)(CI)(F)",
        "        BUILTIN\\Administrators:(I)(OI)(CI)(F)",
        "        BUILTIN\\Users:(I)(OI)(CI)(RX)",
        "        BUILTIN\\Users:(I)(CI)(AD)",
        "        BUILTIN\\Users:(I)(CI)(WD)",
        "        CREATOR OWNER:(I)(OI)(CI)(IO)(F)",
        "",
        "Successfully processed 1 files; Failed processing 0 files",
    ]
