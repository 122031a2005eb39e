"""The drives follow Windows' rules for names, over directories of this machine."""

import os
from collections.abc import Callable

import pytest

from rehearsal.drives import Drives, split
from rehearsal.faults import set_fault
from rehearsal.host import Host
from rehearsal.interfaces import WindowsError
from tests.rehearsal.shells import output


@pytest.mark.parametrize(
    ("path", "names"),
    [
        pytest.param("C:\\a\\b", ["a", "b"], id="plain"),
        pytest.param("c:/a/b", ["a", "b"], id="slashes"),
        pytest.param("C:\\a\\.\\x\\..\\b\\", ["a", "b"], id="dots and doubled separators"),
        pytest.param("C:\\a.\\b. .", ["a", "b"], id="trailing dots and blanks vanish"),
        pytest.param("C:", [], id="the drive"),
        pytest.param("\\\\?\\C:\\a", ["a"], id="extended-length"),
        pytest.param("C:\\..\\..\\a", ["a"], id="nothing is above the drive"),
    ],
)
def test_paths_are_taken_apart_as_win32_does(path: str, names: list[str]) -> None:
    assert split(path) == ("C", names)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("a\\b", 123, id="relative"),
        pytest.param("C:\\a?b", 123, id="question mark"),
        pytest.param("C:\\a:stream", 123, id="stream"),
        pytest.param("C:\\a\x01", 123, id="control character"),
        pytest.param("C:\\...", 123, id="only dots"),
        pytest.param("C:\\aux", 267, id="device"),
        pytest.param("C:\\x\\Com1.txt", 267, id="device with an extension"),
    ],
)
def test_names_that_windows_does_not_take_are_refused(path: str, code: int) -> None:
    with pytest.raises(WindowsError) as caught:
        split(path)

    assert caught.value.code == code


def test_names_are_found_in_any_case_and_keep_the_spelling_they_were_made_with(host: Host) -> None:
    host.files.make_directory("C:\\Some\\Where")

    host.files.write("c:\\SOME\\where\\File.txt", b"x")

    assert host.files.read("C:\\some\\WHERE\\fILE.TXT") == b"x"
    assert host.files.spelt("c:\\SOME\\where\\FILE.txt") == "C:\\Some\\Where\\File.txt"
    assert [entry.name for entry in host.files.list("C:\\some")] == ["Where"]


def test_nothing_leads_out_of_the_drive(host: Host) -> None:
    real = host.files.real("C:\\..\\..\\..\\etc\\passwd")

    assert real.startswith(os.path.join(host.directory, "C"))


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(lambda files: files.read("C:\\no"), 2, id="read what is not there"),
        pytest.param(lambda files: files.read("C:\\Windows"), 5, id="read a directory"),
        pytest.param(lambda files: files.write("C:\\no\\x", b""), 3, id="write where nothing is"),
        pytest.param(lambda files: files.write("C:\\Windows", b""), 5, id="write a directory"),
        pytest.param(lambda files: files.remove("C:\\no"), 2, id="remove what is not there"),
        pytest.param(lambda files: files.list("C:\\no"), 2, id="list what is not there"),
        pytest.param(lambda files: files.read("Z:\\x"), 15, id="another drive"),
        pytest.param(lambda files: files.move("C:\\Windows", "C:\\Users"), 183, id="move over a directory"),
        pytest.param(lambda files: files.append("C:\\x", 5, b""), 2, id="go on with what is not there"),
    ],
)
def test_what_windows_refuses_has_its_number(host: Host, act: Callable[[Drives], object], code: int) -> None:
    with pytest.raises(WindowsError) as caught:
        act(host.files)

    assert caught.value.code == code


def test_a_file_is_written_whole_or_not_at_all(host: Host) -> None:
    host.files.write("C:\\a", b"old")
    set_fault(os.path.join(host.directory, "faults.json"), "disk-full", [])

    with pytest.raises(WindowsError) as caught:
        host.files.write("C:\\a", b"new")

    assert caught.value.code == 112
    assert host.files.read("C:\\a") == b"old"


def test_a_file_grows_chunk_by_chunk(host: Host) -> None:
    host.files.append("C:\\a", 0, b"one")
    host.files.append("C:\\a", 3, b"two")

    with pytest.raises(WindowsError):
        host.files.append("C:\\a", 3, b"again")

    assert host.files.read("C:\\a") == b"onetwo"


def test_permissions_go_where_their_directory_goes(host: Host) -> None:
    output(host, "mkdir 'C:\\data'; icacls.exe 'C:\\data' /grant '*S-1-5-11:(OI)(CI)M'")

    host.files.move("C:\\data", "C:\\moved")
    host.files.make_directory("C:\\data")

    assert host.files.grants_modify("C:\\moved", "S-1-5-11")
    assert not host.files.grants_modify("C:\\data", "S-1-5-11")
