"""The connector against simulated hosts: commands, failures, time limits, files, ways to log on."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State

from deploy.connector_errors import HostError, HostTimeout, HostUnreachable, LogonRefused, SessionLost
from deploy.connector_files import get, put
from deploy.connector_scripts import CHUNK_SIZE
from deploy.connector_session import PsrpSession
from tests.rehearsal.stage import PASSWORD, Stage, own_prefix


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("connector")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up("--basic")
    yield stage
    stage.down()


@pytest.fixture
def session(stage: Stage) -> Iterator[PsrpSession]:
    with stage.session() as session:
        yield session


def pyinfra_host(stage: Stage, **data: object) -> Host:
    given = {"psrp_user": "Administrator", "psrp_password": PASSWORD, **data}
    inventory = Inventory(([(stage.name(1), given)], {}))
    State(inventory)
    return inventory.get_host(stage.name(1))


def test_a_command_prints_and_succeeds(session: PsrpSession) -> None:
    done = session.run("Write-Output 'Grüße, 世界 🙂'")

    assert done.succeeded()
    assert done.stdout == ("Grüße, 世界 🙂",)


def test_the_exit_code_of_a_program_is_heard(session: PsrpSession) -> None:
    failed = session.run("sc.exe query nothing")
    after = session.run("Write-Output 'well'")

    assert (failed.succeeded(), failed.exit_code) == (False, 1060)
    assert (after.succeeded(), after.exit_code) == (True, 0)


def test_a_failing_cmdlet_says_why(session: PsrpSession) -> None:
    done = session.run(r"Get-Content -LiteralPath 'C:\nothing.txt' -ErrorAction Stop")

    assert not done.succeeded()
    assert "nothing.txt" in " ".join(done.stderr())


def test_an_exit_code_does_not_outlive_a_pipeline_that_failed(session: PsrpSession) -> None:
    session.run("sc.exe query nothing")
    session.run("throw 'before the exit code was fetched'")

    assert session.run("Write-Output 'well'").succeeded()


def test_a_thrown_text_is_the_failure(session: PsrpSession) -> None:
    done = session.run("throw 'it''s not there'")

    assert (done.succeeded(), done.stderr()) == (False, ["it's not there"])


def test_a_command_that_takes_too_long_is_stopped_and_the_session_goes_on(session: PsrpSession) -> None:
    with pytest.raises(HostTimeout, match="longer than 1 s and was stopped"):
        session.run("Start-Sleep -Seconds 60", timeout=1)

    assert session.run("Write-Output 'well'").succeeded()


def test_a_connection_that_was_idle_is_made_anew_in_the_same_session(stage: Stage) -> None:
    with stage.session(idle_timeout=-1) as session:
        session.run("Write-Output 'one'")
        before = session._pool
        again = session.run("Write-Output 'two'")

        assert again.stdout == ("two",)
        assert session._pool is before


def test_a_connection_that_is_lost_fails_one_command(stage: Stage, session: PsrpSession) -> None:
    session.run("Write-Output 'well'")
    stage.fault(1, "drop-connection-at", "1")

    with pytest.raises(SessionLost, match="lost the session"):
        session.run("Write-Output 'lost'")

    assert session.run("Write-Output 'well again'").stdout == ("well again",)


def test_a_host_that_says_nothing_any_more_is_given_up(stage: Stage) -> None:
    with stage.session(operation_timeout=1) as session:
        session.run("Write-Output 'well'")
        stage.fault(1, "freeze")
        try:
            with pytest.raises(HostTimeout, match="does not answer"):
                session.run("Write-Output 'frozen'")
        finally:
            stage.fault(1, "clear")


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1], ids=str)
def test_a_file_goes_up_and_comes_back(stage: Stage, session: PsrpSession, size: int) -> None:
    content, back = os.urandom(size), io.BytesIO()

    put(session, io.BytesIO(content), r"C:\Windows\Temp\file.bin")
    get(session, back, r"C:\Windows\Temp\file.bin")

    assert back.getvalue() == content
    assert (stage.drive(1) / "Windows" / "Temp" / "file.bin").read_bytes() == content
    assert not (stage.drive(1) / "Windows" / "Temp" / "file.bin.part").exists()


def test_a_file_replaces_another(session: PsrpSession, tmp_path: Path) -> None:
    for text in ("old and longer", "new"):
        put(session, io.StringIO(text), r"C:\Windows\Temp\text.txt")
    get(session, str(tmp_path / "text.txt"), r"C:\Windows\Temp\text.txt")

    assert (tmp_path / "text.txt").read_text() == "new"


def test_a_file_that_cannot_be_read_leaves_nothing_here(session: PsrpSession, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"could not read C:\\nothing.txt"):
        get(session, str(tmp_path / "nothing.txt"), r"C:\nothing.txt")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_says_why(session: PsrpSession) -> None:
    with pytest.raises(HostError, match=r"could not write C:\\no such directory\\x"):
        put(session, io.BytesIO(b"x"), r"C:\no such directory\x")


def test_a_disk_that_is_full_leaves_the_old_file(stage: Stage, session: PsrpSession) -> None:
    put(session, io.BytesIO(b"old"), r"C:\Windows\Temp\kept.txt")
    stage.fault(1, "disk-full")
    try:
        with pytest.raises(HostError, match="could not write"):
            put(session, io.BytesIO(b"new"), r"C:\Windows\Temp\kept.txt")
    finally:
        stage.fault(1, "clear")

    assert (stage.drive(1) / "Windows" / "Temp" / "kept.txt").read_bytes() == b"old"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"auth": "ntlm"}, id="NTLM, encrypted"),
        pytest.param({"auth": "negotiate"}, id="Negotiate, encrypted"),
        pytest.param({"auth": "basic", "encryption": "never"}, id="Basic in the clear"),
        pytest.param({"ssl": True, "port": 5986, "cert_validation": False}, id="NTLM over TLS"),
        pytest.param(
            {"auth": "basic", "encryption": "never", "ssl": True, "port": 5986, "cert_validation": False},
            id="Basic over TLS",
        ),
        pytest.param(
            {"ssl": True, "port": 5986, "cert_validation": False, "encryption": "always"},
            id="NTLM in TLS, encrypted",
        ),
    ],
)
def test_there_are_several_ways_to_log_on(stage: Stage, changes: dict[str, Any]) -> None:
    with stage.session(**changes) as session:
        assert session.run("Write-Output 'in'").stdout == ("in",)


def test_a_certificate_that_nobody_vouches_for_is_refused(stage: Stage) -> None:
    with stage.session(ssl=True, port=5986) as session, pytest.raises(HostUnreachable, match="psrp_ca"):
        session.open()


def test_a_wrong_password_is_told_as_such(stage: Stage) -> None:
    with stage.session(password="wrong") as session, pytest.raises(LogonRefused, match="check psrp_user"):
        session.open()


def test_a_host_that_is_not_there_is_told_as_such(stage: Stage) -> None:
    with stage.session(2) as session, pytest.raises(HostUnreachable, match="connection refused: is it up"):
        session.open()


def test_a_host_that_restarts_is_waited_for(stage: Stage, session: PsrpSession) -> None:
    session.run("Write-Output 'before'")

    session.reopen(time.monotonic() + 10)

    assert session.run("Write-Output 'after'").stdout == ("after",)


def test_waiting_for_a_host_ends(stage: Stage) -> None:
    with stage.session(2) as session, pytest.raises(HostUnreachable):
        session.reopen(time.monotonic() + 0.1)


def test_pyinfra_is_told_why_a_host_cannot_be_connected(stage: Stage) -> None:
    host = pyinfra_host(stage, psrp_password="wrong")

    with pytest.raises(ConnectError, match="refused the logon of Administrator"):
        host.connect(raise_exceptions=True, show_errors=False)


@pytest.mark.parametrize(
    "arguments",
    [
        {"_sudo": True},
        {"_su_user": "root"},
        {"_chdir": "C:\\"},
        {"_env": {"A": "b"}},
        {"_stdin": "text"},
        {"_shell_executable": "bash"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_what_makes_no_sense_on_windows_is_refused_aloud(stage: Stage, arguments: dict[str, Any]) -> None:
    host = pyinfra_host(stage)
    host.connect()

    success, output = host.run_shell_command("Write-Output 'not run'", **arguments)

    host.disconnect()
    assert not success
    assert f"{next(iter(arguments))}" in output.stderr
    assert "not run" not in output.stdout


def test_an_exit_code_may_be_expected(stage: Stage) -> None:
    host = pyinfra_host(stage)
    host.connect()

    success, _ = host.run_shell_command("sc.exe query nothing", _success_exit_codes=[0, 1060])

    host.disconnect()
    assert success


def test_a_failure_without_words_names_its_exit_code(stage: Stage) -> None:
    host = pyinfra_host(stage)
    host.connect()

    success, output = host.run_shell_command("Write-Output 'well'", _success_exit_codes=[3])

    host.disconnect()
    assert (success, output.stderr) == (False, "exit code 0")
