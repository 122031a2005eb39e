"""``python -m rehearsal``: hosts come up, stay up, go down, and are what they were when they come up
again.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from rehearsal import control
from rehearsal.__main__ import main
from rehearsal.faults import KNOWN, Faults, clear_faults, set_fault
from rehearsal.options import Options, host_directory, hosts
from tests.rehearsal.conftest import PASSWORD

pytestmark = pytest.mark.filterwarnings("ignore")
PREFIX = f"127.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
"""Addresses that neither the session's hosts nor another test process of this machine have."""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[str]:
    directory = str(tmp_path / "state")
    yield directory
    control.down(directory)


def up(state: str, count: int, **options: float) -> list[control.HostStatus]:
    return control.up(state, Options(hosts=hosts(count, [], PREFIX), **options), PASSWORD)  # type: ignore[arg-type]


def run(address: str, text: str) -> list[str]:
    wsman = WSMan(address, username="Administrator", password=PASSWORD, ssl=False)
    with RunspacePool(wsman) as pool:
        shell = PowerShell(pool).add_script(text)
        output = [str(item) for item in shell.invoke()]
        assert not shell.streams.error, [str(error) for error in shell.streams.error]
    return output


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_up_is_done_when_every_host_answers_and_again_changes_nothing(state: str) -> None:
    first = up(state, 2)
    process = control.running(state)

    second = up(state, 2)

    assert [(host.address, host.answers) for host in first] == [(f"{PREFIX}.1", True), (f"{PREFIX}.2", True)]
    assert second == first
    assert control.running(state) == process


def test_two_who_ask_at_the_same_time_get_the_same_hosts(state: str) -> None:
    with ThreadPoolExecutor() as both:
        first, second = both.map(lambda _: up(state, 2), range(2))

    assert first == second
    assert [host.answers for host in first] == [True, True]


def test_further_hosts_come_up_beside_those_that_are(state: str) -> None:
    up(state, 1)
    process = control.running(state)
    run(f"{PREFIX}.1", "mkdir C:\\kept | Out-Null")

    found = up(state, 3)

    assert [host.answers for host in found] == [True] * 3
    assert control.running(state) == process
    assert run(f"{PREFIX}.3", "hostname") == ["WIN-LAB03"]
    assert run(f"{PREFIX}.1", "Test-Path C:\\kept") == ["True"]


def test_state_survives_down_and_is_gone_when_asked(state: str) -> None:
    up(state, 1)
    run(f"{PREFIX}.1", "mkdir C:\\kept | Out-Null; Stop-Service docker")

    control.down(state)
    down = control.status(state)
    up(state, 1)
    kept = run(f"{PREFIX}.1", "Test-Path C:\\kept; Get-Service docker | Select-Object -ExpandProperty Status")
    control.up(state, Options(hosts=hosts(1, [], PREFIX)), PASSWORD, fresh=True)

    assert [host.answers for host in down] == [False]
    assert kept == ["True", "Running"]
    assert run(f"{PREFIX}.1", "Test-Path C:\\kept") == ["False"]


def test_hosts_come_up_again_after_their_process_was_killed(state: str) -> None:
    up(state, 1)
    process = control.running(state)
    assert process is not None

    os.kill(process, signal.SIGKILL)
    wait_for(lambda: control.running(state) is None)

    assert [host.answers for host in control.status(state)] == [False]
    assert up(state, 1)[0].answers


def test_a_host_that_cannot_come_up_says_why(state: str) -> None:
    Path(state).mkdir()
    Path(state, "hosts").write_text("in the way")

    with pytest.raises(control.ControlError) as caught:
        up(state, 1)

    assert "rehearsal.log" in str(caught.value)
    assert "NotADirectoryError" in str(caught.value)


def test_hosts_differ_in_name_build_and_edition(state: str) -> None:
    control.up(state, Options(hosts=hosts(2, [20348, 26100], PREFIX)), PASSWORD)
    question = (
        r"Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' | "
        r"Select-Object -ExpandProperty "
    )

    builds = [run(f"{PREFIX}.{number}", f"{question}CurrentBuild")[0] for number in (1, 2)]
    names = [run(f"{PREFIX}.{number}", "hostname")[0] for number in (1, 2)]

    assert (builds, names) == (["20348", "26100"], ["WIN-LAB01", "WIN-LAB02"])


def test_a_host_restarts(state: str) -> None:
    address = f"{PREFIX}.1"
    up(state, 1, boot_time=0.5)
    run(address, "Stop-Service docker; mkdir C:\\kept | Out-Null")

    run(address, "Restart-Computer -Force")
    wait_for(lambda: not control.answers(address, 5985))
    wait_for(lambda: control.answers(address, 5985))

    assert run(address, "Get-Service docker | Select-Object -ExpandProperty Status") == ["Running"]
    assert run(address, "Test-Path C:\\kept") == ["True"]


def test_a_silent_connection_is_dropped_as_http_sys_does(state: str) -> None:
    up(state, 1, idle_connection=0.3)
    connection = http.client.HTTPConnection(f"{PREFIX}.1", 5985, timeout=10)
    connection.request("POST", "/wsman", b"")
    answer = connection.getresponse()
    answer.read()

    assert answer.status == 401
    assert connection.sock.recv(1) == b""


@pytest.mark.parametrize(
    ("options", "at_least"),
    [
        pytest.param({"round_trip": 0.1}, 0.5, id="round trips"),
        pytest.param({"shell_create": 0.4}, 0.4, id="opening a shell"),
    ],
)
def test_a_host_can_be_as_slow_as_one_assumes(state: str, options: dict[str, float], at_least: float) -> None:
    up(state, 1, **options)
    started = time.monotonic()

    run(f"{PREFIX}.1", "hostname")

    assert time.monotonic() - started >= at_least


def test_the_command_line_does_all_that(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--state", state]

    codes = [
        main(["status", *common]),
        main(["up", "--hosts", "1", "--prefix", PREFIX, "--password", PASSWORD, "--build", "26100", *common]),
        main(["status", *common]),
        main(["fault", f"{PREFIX}.1", "slow", "5", *common]),
        main(["fault", f"{PREFIX}.1", "clear", *common]),
        main(["down", *common]),
        main(["down", *common]),
        main(["status", *common]),
    ]

    assert codes == [1, 0, 0, 0, 0, 0, 0, 1]
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines() if "ready" in line] == [
        [f"{PREFIX}.1", "Windows", "build", "26100", "ready"]
    ] * 2
    assert "stopped" in said
    assert "nothing was up" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["up", "--build", "1"], "build 1 is unknown; there are: 14393, 17763, 20348, 26100"),
        (["fault", "127.0.0.1", "flood"], "no fault 'flood'; there are: engine-refuses-start"),
        (["fault", "127.0.0.1", "slow"], "slow MS: every answer"),
        (["fault", "127.0.0.1", "freeze", "5"], "freeze connections"),
    ],
)
def test_a_command_that_makes_no_sense_says_what_would(
    state: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code = main([*arguments, "--state", state])

    assert code == 1
    assert says in capsys.readouterr().err


def test_help_names_every_fault() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "rehearsal", "fault", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert all(name in help_text for name in KNOWN)


def test_faults_may_be_asked_for_before_there_is_a_host(tmp_path: Path) -> None:
    path = str(tmp_path / "faults.json")
    set_fault(path, "engine-refuses-start", ["no", "network"])
    set_fault(path, "disk-full", [])
    faults = Faults(path)

    assert faults.arguments("engine-refuses-start") == ["no", "network"]
    assert faults.arguments("disk-full") == []
    assert faults.arguments("freeze") is None
    clear_faults(path)
    assert faults.arguments("disk-full") is None


def test_a_dropped_connection_happens_once(tmp_path: Path) -> None:
    path = str(tmp_path / "faults.json")
    faults = Faults(path)
    set_fault(path, "drop-connection-at", ["3"])

    assert [faults.drops_this_command() for _ in range(5)] == [False, False, True, False, False]


def test_the_state_of_a_host_is_where_it_says(state: str) -> None:
    up(state, 1)
    run(f"{PREFIX}.1", "mkdir C:\\Registry-Data | Out-Null")

    assert os.path.isdir(os.path.join(host_directory(state, f"{PREFIX}.1"), "C", "Registry-Data"))
