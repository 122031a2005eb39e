"""Clients that others wrote talk to a rehearsal host over real sockets: pypsrp and pywinrm."""

import base64
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
import winrm
from pypsrp.client import Client
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import SelectorSet, WSMan

from rehearsal import control
from rehearsal.faults import clear_faults, set_fault
from rehearsal.options import Options, host_directory, hosts
from tests.rehearsal.conftest import Rehearsal, own_prefix

pytestmark = pytest.mark.filterwarnings("ignore")
EPILOGUE = '"$LASTEXITCODE"; $global:LASTEXITCODE = $null'


def connection(rehearsal: Rehearsal, number: int = 0, **options: Any) -> WSMan:  # noqa: ANN401 - as WSMan has it
    chosen = {"username": "Administrator", "password": rehearsal.password, "ssl": False, "auth": "negotiate"}
    return WSMan(rehearsal.addresses[number], **{**chosen, **options})


def run(pool: RunspacePool, text: str) -> PowerShell:
    shell = PowerShell(pool).add_script(text)
    shell.invoke()
    shell.close()
    return shell


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"auth": "ntlm"}, id="ntlm, messages encrypted"),
        pytest.param({"auth": "negotiate"}, id="negotiate, messages encrypted"),
        pytest.param({"auth": "basic", "encryption": "never"}, id="basic over http"),
        pytest.param({"auth": "basic", "ssl": True, "cert_validation": False}, id="basic over https"),
        pytest.param({"auth": "negotiate", "ssl": True, "cert_validation": False}, id="negotiate over https"),
    ],
)
def test_pypsrp_runs_a_pipeline(rehearsal: Rehearsal, options: dict[str, Any]) -> None:
    with RunspacePool(connection(rehearsal, **options)) as pool:
        shell = run(pool, "Write-Output 'a','b'")

    assert shell.output == ["a", "b"]
    assert shell.state == PSInvocationState.COMPLETED


def test_a_wrong_password_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(AuthenticationError):
        RunspacePool(connection(rehearsal, password="wrong")).open()


def test_the_certificate_names_its_host(rehearsal: Rehearsal) -> None:
    bundle = os.path.join(host_directory(rehearsal.state, rehearsal.addresses[0]), "winrm.pem")

    with RunspacePool(connection(rehearsal, ssl=True, cert_validation=bundle)) as pool:
        assert run(pool, "hostname").output == ["WIN-LAB01"]


def test_the_exit_code_of_a_program_comes_with_the_epilogue(rehearsal: Rehearsal) -> None:
    with RunspacePool(connection(rehearsal)) as pool:
        shell = PowerShell(pool).add_script("sc.exe qc nothing").add_statement().add_script(EPILOGUE)
        shell.invoke()
        again = PowerShell(pool).add_script("Write-Output x").add_statement().add_script(EPILOGUE)
        again.invoke()

    assert shell.output[-1] == "1060"
    assert again.output == ["x", ""]


def test_large_scripts_input_and_output_arrive_whole(rehearsal: Rehearsal) -> None:
    text = "x" * 1_500_000
    with RunspacePool(connection(rehearsal)) as pool:
        shell = run(pool, f"Write-Output '{text}'")
        piped = PowerShell(pool).add_cmdlet("Write-Output").add_parameter("InputObject", ["y" * 500_000] * 3)
        piped.invoke()

    assert shell.output == [text]
    assert piped.output == ["y" * 500_000] * 3


def test_a_command_that_takes_longer_than_a_poll_is_waited_for(rehearsal: Rehearsal) -> None:
    with RunspacePool(connection(rehearsal, operation_timeout=1)) as pool:
        shell = run(pool, "Start-Sleep -Milliseconds 2300 | Write-Output; Write-Output 'woken'")

    assert shell.output == ["woken"]


def test_a_client_that_gave_up_reading_gets_the_same_output_when_it_asks_again(rehearsal: Rehearsal) -> None:
    slow = connection(rehearsal, operation_timeout=20, read_timeout=1, reconnection_backoff=0.01)
    with RunspacePool(slow) as pool:
        shell = run(pool, "Start-Sleep -Milliseconds 1500; Write-Output 'still there'")

    assert shell.output == ["still there"]


def test_a_stopped_pipeline_leaves_the_pool_usable(rehearsal: Rehearsal) -> None:
    with RunspacePool(connection(rehearsal, operation_timeout=1)) as pool:
        shell = PowerShell(pool).add_script("Start-Sleep -Seconds 600")
        shell.begin_invoke()
        shell.poll_invoke(timeout=1)

        shell.stop()

        assert shell.state == PSInvocationState.STOPPED
        assert run(pool, "hostname").output == ["WIN-LAB01"]


def test_a_thrown_error_is_the_end_of_the_pipeline(rehearsal: Rehearsal) -> None:
    with RunspacePool(connection(rehearsal)) as pool:
        shell = run(pool, "throw 'no more'")

    assert shell.had_errors
    assert [str(error) for error in shell.streams.error] == ["no more"]


def test_pypsrp_copies_files_both_ways(rehearsal: Rehearsal, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(700_000))
    with Client(
        rehearsal.addresses[0], username="Administrator", password=rehearsal.password, ssl=False
    ) as client:
        written = client.copy(str(source), r"C:\Windows\Temp\Copied.bin")
        client.fetch(r"c:\windows\temp\copied.BIN", str(back))

    assert written == r"C:\Windows\Temp\Copied.bin"
    assert back.read_bytes() == source.read_bytes()


def test_pypsrp_client_runs_scripts_and_command_lines(rehearsal: Rehearsal) -> None:
    with Client(
        rehearsal.addresses[1], username="Administrator", password=rehearsal.password, ssl=False
    ) as client:
        output, _, had_errors = client.execute_ps("Get-Service docker | Format-List Name")
        stdout, _, code = client.execute_cmd("sc.exe qc nothing")

    assert "Name : docker" in output
    assert not had_errors
    assert (code, "FAILED 1060" in stdout) == (1060, True)


def test_the_pool_knows_whether_it_is_alive_and_what_the_service_takes(rehearsal: Rehearsal) -> None:
    wsman = connection(rehearsal)
    with RunspacePool(wsman) as pool:
        alive = pool.is_alive()
        wsman.update_max_payload_size()

    assert alive
    assert wsman.max_envelope_size == 500 * 1024
    assert not pool.is_alive()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"transport": "ntlm"}, id="ntlm, messages encrypted"),
        pytest.param({"transport": "plaintext"}, id="plaintext"),
        pytest.param({"transport": "ssl", "server_cert_validation": "ignore"}, id="https"),
    ],
)
def test_pywinrm_runs_command_lines_and_scripts(rehearsal: Rehearsal, options: dict[str, Any]) -> None:
    session = winrm.Session(rehearsal.addresses[0], auth=("Administrator", rehearsal.password), **options)

    command = session.run_cmd("hostname")
    script = session.run_ps("Write-Output 'from a script'\nsc.exe qc nothing")
    wrong = session.run_ps("Get-Nothing")

    assert (command.status_code, command.std_out) == (0, b"WIN-LAB01\r\n")
    assert script.std_out.startswith(b"from a script\r\n[SC] OpenService FAILED 1060:")
    assert (wrong.status_code, b"'Get-Nothing' is not recognized" in wrong.std_err) == (1, True)


def test_traffic_that_is_not_encrypted_is_refused_unless_basic_is_enabled(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    options = Options(hosts=hosts(1, [], own_prefix()), port=5995, tls_port=5996)
    state = str(tmp_path / "strict")
    control.up(state, options, rehearsal.password)
    try:
        with pytest.raises(WinRMTransportError) as caught:
            RunspacePool(connection(rehearsal, port=5995, encryption="never")).open()
        with pytest.raises(AuthenticationError):
            RunspacePool(connection(rehearsal, port=5995, auth="basic", encryption="never")).open()
    finally:
        control.down(state)

    assert caught.value.code == 500


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("POST", "/wsman", {}, 401, id="nobody"),
        pytest.param("GET", "/wsman", {}, 405, id="a browser"),
        pytest.param("POST", "/other", {}, 404, id="another path"),
    ],
)
def test_other_requests_get_their_status(
    rehearsal: Rehearsal, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = requests.request(
        method, f"http://{rehearsal.addresses[0]}:5985{path}", headers=headers, timeout=10
    )

    assert answer.status_code == status


def test_a_sealed_message_under_other_keys_is_a_bad_request(rehearsal: Rehearsal) -> None:
    session = requests.Session()
    basic = base64.b64encode(f"Administrator:{rehearsal.password}".encode()).decode()
    body = b"--Encrypted Boundary\r\nx\r\n--Encrypted Boundary\r\ny\r\n0000nonsense--Encrypted Boundary--\r\n"

    answer = session.post(
        f"http://{rehearsal.addresses[0]}:5985/wsman",
        data=body,
        headers={"Authorization": f"Basic {basic}", "Content-Type": "multipart/encrypted"},
        timeout=10,
    )

    assert answer.status_code == 400


def test_an_unknown_shell_is_the_fault_that_windows_has_for_it(rehearsal: Rehearsal) -> None:
    pool = RunspacePool(connection(rehearsal))
    pool.open()
    selectors = SelectorSet()
    selectors.add_option("ShellId", str(uuid.uuid4()))
    pool.shell._selector_set = selectors

    with pytest.raises(WSManFaultError) as caught:
        run(pool, "hostname")

    assert caught.value.code == 2150858843


def faults_of(rehearsal: Rehearsal, number: int) -> str:
    return os.path.join(host_directory(rehearsal.state, rehearsal.addresses[number]), "faults.json")


def test_a_connection_drops_at_the_command_that_was_asked_for(rehearsal: Rehearsal) -> None:
    path = faults_of(rehearsal, 1)
    with RunspacePool(connection(rehearsal, 1, auth="basic", encryption="never")) as pool:
        set_fault(path, "drop-connection-at", ["2"])
        first = run(pool, "Write-Output 'first'")
        with pytest.raises(requests.ConnectionError):
            run(pool, "Write-Output 'dropped'")
    with RunspacePool(connection(rehearsal, 1)) as pool:
        third = run(pool, "Write-Output 'third'")

    assert (first.output, third.output) == (["first"], ["third"])
    assert not any("dropped" in str(entry["text"]) for entry in rehearsal.journal(rehearsal.addresses[1]))


def test_a_frozen_host_answers_nobody_until_it_thaws(rehearsal: Rehearsal) -> None:
    path = faults_of(rehearsal, 1)
    set_fault(path, "freeze", [])
    try:
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"http://{rehearsal.addresses[1]}:5985/wsman", timeout=0.5)
    finally:
        clear_faults(path)

    assert control.answers(rehearsal.addresses[1], 5985)


def test_a_slow_host_takes_its_time(rehearsal: Rehearsal) -> None:
    path = faults_of(rehearsal, 1)
    set_fault(path, "slow", ["400"])
    started = time.monotonic()
    try:
        requests.post(f"http://{rehearsal.addresses[1]}:5985/wsman", timeout=10)
    finally:
        clear_faults(path)

    assert time.monotonic() - started >= 0.4


def test_the_journal_has_each_command_with_its_exit_code_and_what_it_changed(rehearsal: Rehearsal) -> None:
    name = uuid.uuid4().hex
    with RunspacePool(connection(rehearsal)) as pool:
        run(pool, f"mkdir C:\\{name}")
        run(pool, f"sc.exe qc {name}")

    made, asked = [entry for entry in rehearsal.journal(rehearsal.addresses[0]) if name in str(entry["text"])]
    assert (made["exit_code"], made["changes"]) == (None, [f"directory C:\\{name} created"])
    assert (asked["exit_code"], asked["changes"]) == (1060, [])


def test_an_empty_line_on_standard_error_is_an_empty_text(rehearsal: Rehearsal) -> None:
    with RunspacePool(connection(rehearsal)) as pool:
        shell = run(pool, "docker run no/such/image:tag")

    texts = [str(error) for error in shell.streams.error]
    assert "" in texts
    assert "None" not in texts
