"""The fixed scripts by which clients put files on a host and get them back."""

import base64
import hashlib
import json
import os
import threading

import pytest
from pypsrp._utils import get_pwsh_script

from rehearsal import library
from rehearsal.host import Host
from rehearsal.shell.runspace import Runspace
from rehearsal.shell.values import Invocation, Outcome, RemoteCommand
from tests.rehearsal.shells import output

CONTENT = b"first chunk, second chunk"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def send(host: Host, text: str, **parameters: object) -> Outcome:
    command = RemoteCommand(text, is_script=True, parameters=list(parameters.items()))
    return Runspace(host).invoke(Invocation([[command]]), threading.Event())


def put(host: Host, offset: int, data: bytes, digest: str = "", path: str = "C:\\file") -> Outcome:
    return send(host, library.PUT, Path=path, Offset=offset, Data=data, Sha256=digest)


def test_a_file_arrives_in_chunks_and_is_in_place_at_the_last(host: Host) -> None:
    first = put(host, 0, CONTENT[:5])
    before = host.files.exists("C:\\file")
    last = put(host, 5, CONTENT[5:], DIGEST.upper())

    assert (first.failure, last.failure, before) == (None, None, False)
    assert host.files.read("C:\\file") == CONTENT
    assert not host.files.exists("C:\\file.part")


def test_a_file_that_arrived_wrong_leaves_what_was_there(host: Host) -> None:
    host.files.write("C:\\file", b"old")

    outcome = put(host, 0, b"broken", DIGEST)

    assert outcome.failure is not None
    assert "arrived with SHA256" in outcome.failure.message
    assert host.files.read("C:\\file") == b"old"
    assert not host.files.exists("C:\\file.part")


def test_an_upload_that_broke_off_is_started_anew(host: Host) -> None:
    put(host, 0, b"something else altogether")

    out_of_order = put(host, 3, CONTENT[3:], DIGEST)
    put(host, 0, CONTENT, DIGEST)

    assert out_of_order.failure is not None
    assert host.files.read("C:\\file") == CONTENT


def test_a_replaced_file_keeps_its_permissions(host: Host) -> None:
    host.files.write("C:\\file", b"old")
    output(host, "icacls.exe 'C:\\file' '/inheritance:r' '/grant:r' 'Administrator:R'")
    before = output(host, "Get-Acl C:\\file | Select-Object -ExpandProperty Sddl")

    put(host, 0, CONTENT, DIGEST)

    assert output(host, "Get-Acl C:\\file | Select-Object -ExpandProperty Sddl") == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("C:\\no\\file", "Could not find a part of the path", id="no directory"),
        pytest.param("C:\\Windows", "", id="a directory"),
        pytest.param("C:\\aux", "The directory name is invalid.", id="a device"),
    ],
)
def test_a_file_that_cannot_be_written_says_why(host: Host, path: str, says: str) -> None:
    outcome = put(host, 0, CONTENT, DIGEST, path)

    assert outcome.failure is not None
    assert says in outcome.failure.message


def test_a_file_is_read_in_chunks_with_its_length_and_digest(host: Host) -> None:
    host.files.write("C:\\file", CONTENT)

    first = send(host, library.GET, Path="C:\\file", Offset=0, Count=5).output
    rest = send(host, library.GET, Path="C:\\file", Offset=5, Count=1000).output
    beyond = send(host, library.GET, Path="C:\\file", Offset=1000, Count=5).output

    assert first == [str(len(CONTENT)), base64.b64encode(CONTENT[:5]).decode(), DIGEST.upper()]
    assert rest == [str(len(CONTENT)), base64.b64encode(CONTENT[5:]).decode()]
    assert beyond == [str(len(CONTENT)), ""]


def test_a_file_that_is_not_there_cannot_be_read(host: Host) -> None:
    outcome = send(host, library.GET, Path="C:\\no", Offset=0, Count=5)

    assert outcome.failure is not None
    assert outcome.failure.message == 'Could not find file "C:\\no".'


def test_the_scripts_that_pypsrp_sends_are_known() -> None:
    assert library.find(get_pwsh_script("copy.ps1")) is library.pypsrp_copy
    assert library.find(get_pwsh_script("fetch.ps1")) is library.pypsrp_fetch


def test_a_script_that_was_changed_is_not_run(host: Host) -> None:
    outcome = send(host, library.PUT + "#", Path="C:\\file", Offset=0, Data=b"", Sha256="")

    assert outcome.failure is not None
    assert not host.files.exists("C:\\file")


def test_an_upload_that_its_checksum_does_not_fit_is_refused(host: Host) -> None:
    data = [base64.b64encode(part).decode() for part in (b"content", b"0" * 40)]
    command = RemoteCommand(get_pwsh_script("copy.ps1"), True, [(None, "C:\\file"), (None, False)])

    outcome = Runspace(host).invoke(Invocation([[command]], data), threading.Event())

    assert outcome.failure is not None
    assert "hash mismatch" in outcome.failure.message
    assert not host.files.exists("C:\\file")


def test_an_empty_file_is_fetched_as_pypsrp_cannot_read_it(host: Host) -> None:
    host.files.write("C:\\file", b"")
    command = RemoteCommand(get_pwsh_script("fetch.ps1"), True, [(None, "C:\\file"), (None, False)])

    outcome = Runspace(host).invoke(Invocation([[command]]), threading.Event())

    assert outcome.output == [hashlib.sha1(b"", usedforsecurity=False).hexdigest()]


def test_the_journal_names_the_file_and_not_its_content(host: Host) -> None:
    put(host, 0, CONTENT, DIGEST)

    with open(os.path.join(host.directory, "commands.jsonl"), encoding="utf-8") as file:
        (entry,) = [json.loads(line) for line in file]
    assert entry["text"] == "<put> C:\\file"
    assert entry["changes"] == ["file C:\\file written"]


def test_what_is_closed_stays_closed_on_its_way_and_in_its_place(host: Host) -> None:
    """CREATE_ALWAYS keeps the rules of a file that is there, ReplaceFile those of the one it replaces."""
    for path, account in (("C:\\file", "Student"), ("C:\\file.part", "*S-1-5-32-544")):
        host.files.write(path, b"")
        output(host, f"icacls.exe '{path}' '/inheritance:r' '/grant:r' '{account}:F'")

    put(host, 0, CONTENT[:5])
    on_its_way = host.files.access.sddl("C:\\file.part", is_directory=False)
    put(host, 5, CONTENT[5:], DIGEST)

    assert on_its_way == "O:BAG:SYD:PAI(A;;FA;;;BA)"
    assert host.files.access.sddl("C:\\file", is_directory=False).endswith(
        "D:PAI(A;;FA;;;S-1-5-21-77-77-77-1001)"
    )
    assert host.files.access.own("C:\\file.part").entries == ()
