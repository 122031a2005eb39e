"""The service manager: states, command lines, dependencies, recovery."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rehearsal.host import Host, HostSettings
from rehearsal.interfaces import EventRecord, ServiceFailure, WindowsError
from rehearsal.services import FailureActions
from tests.rehearsal.shells import FakeEngine, error_of, output

RECORDED_ACTIONS = "805101000000000000000000030000001400000001000000983a000001000000983a00000000000000000000"
"""What the recorded dockerd registers: computed from its source, see tests/recorded/service.json."""


def image_path(host: Host, line: str) -> None:
    host.services.configure("docker", {"ImagePath": line})


def test_recovery_actions_have_the_registrys_layout() -> None:
    actions = FailureActions(86400, ((1, 15000), (1, 15000), (0, 0)))

    assert actions.pack().hex() == RECORDED_ACTIONS
    assert FailureActions.parse(actions.pack()) == actions


def test_a_new_host_starts_its_engine_when_it_boots(host: Host) -> None:
    host.engine = engine = FakeEngine()

    host.boot()

    assert engine.calls == ["start --run-service"]
    assert host.services.status("docker").state == "Running"
    assert host.services.status("hns").state == "Stopped"


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        pytest.param(
            r'"C:\Program Files\docker\dockerd.exe" --run-service -D', "--run-service -D", id="quoted"
        ),
        pytest.param(
            r'"%ProgramFiles%\docker\dockerd.exe" --label a=%SystemRoot%',
            r"--label a=C:\Windows",
            id="expanded",
        ),
        pytest.param(
            r'"C:\Program Files\docker\dockerd.exe" --data-root "D:\a b"',
            r"--data-root D:\a b",
            id="blank in a value",
        ),
        pytest.param(
            r"C:\Program Files\docker\dockerd.exe -D",
            r"Files\docker\dockerd.exe -D",
            id="unquoted: found, but read as two words",
        ),
    ],
)
def test_the_engine_gets_its_command_line_as_windows_reads_it(
    host: Host, engine: FakeEngine, line: str, arguments: str
) -> None:
    image_path(host, line)

    output(host, "Restart-Service docker")

    assert engine.calls == ["stop", f"start {arguments}"]


def test_a_program_that_is_not_there_cannot_be_started(host: Host, engine: FakeEngine) -> None:
    image_path(host, r"C:\nowhere\dockerd.exe --run-service")
    host.services.stop("docker")

    error_id, message = error_of(host, "Start-Service docker")

    assert error_id == "CouldNotStartService,Microsoft.PowerShell.Commands.StartServiceCommand"
    assert "Docker Engine (docker)" in message
    assert engine.calls == ["stop"]


def test_an_engine_that_stops_while_starting_leaves_its_words_in_the_event_log(
    host: Host, engine: FakeEngine
) -> None:
    words = EventRecord("docker", "Error", 4, "fatal: no", datetime.now(UTC))
    engine.failure = ServiceFailure("no", [words])
    host.services.stop("docker")

    error_id, message = error_of(host, "Start-Service docker -ErrorAction Stop")

    assert error_id == "StartServiceFailed,Microsoft.PowerShell.Commands.StartServiceCommand"
    assert message == "Failed to start service 'Docker Engine (docker)'."
    assert host.events.read("docker")[0].message == "fatal: no"
    assert host.events.read(log_name="System")[0].event_id == 7024
    status = host.services.status("docker")
    assert (status.state, status.win32_exit_code, status.service_exit_code) == ("Stopped", 1066, 1)


def test_an_engine_that_stops_after_it_said_it_runs_is_found_stopped(host: Host, engine: FakeEngine) -> None:
    engine.failure = ServiceFailure("no", reported_running=True)
    host.services.stop("docker")

    output(host, "Start-Service docker -ErrorAction Stop")

    assert host.services.status("docker").state == "Stopped"


def test_what_a_service_depends_on_starts_first_and_stops_last(host: Host, engine: FakeEngine) -> None:
    output(host, "sc.exe config docker 'depend=' 'hns/vmcompute'; Restart-Service docker")

    error_id, _ = error_of(host, "Stop-Service hns")
    output(host, "Stop-Service hns -Force")

    assert error_id == "ServiceHasDependentServices,Microsoft.PowerShell.Commands.StopServiceCommand"
    assert {host.services.status(name).state for name in ("docker", "hns")} == {"Stopped"}
    assert host.services.status("vmcompute").state == "Running"
    assert engine.calls == ["stop", "start --run-service", "stop"]


def test_a_disabled_service_does_not_start(host: Host, engine: FakeEngine) -> None:
    output(host, "Stop-Service docker; Set-Service docker -StartupType Disabled")

    with pytest.raises(WindowsError) as caught:
        host.services.start("docker")

    assert caught.value.code == 1058
    assert engine.calls == ["stop"]


def test_a_reload_reaches_the_engine_only_while_it_runs(host: Host, engine: FakeEngine) -> None:
    reloaded = output(host, "sc.exe control docker paramchange")
    output(host, "Stop-Service docker")
    refused = output(host, "sc.exe control docker paramchange")

    assert engine.calls == ["paramchange", "stop"]
    assert "        STATE              : 4  RUNNING " in reloaded
    assert refused[0] == "[SC] ControlService FAILED 1062:"


def test_a_service_deleted_while_it_runs_is_gone_when_it_stops(host: Host, engine: FakeEngine) -> None:
    host.services.delete("docker")
    with pytest.raises(WindowsError) as caught:
        host.services.create("docker", {"ImagePath": "x", "DisplayName": "Other"})

    host.services.stop("docker")

    assert caught.value.code == 1072
    assert "docker" not in host.services.names()
    assert engine.calls == ["stop"]


@pytest.mark.parametrize(
    ("name", "title", "code"),
    [
        pytest.param("DOCKER", "Other", 1073, id="name, in any case"),
        pytest.param("docker2", "Docker Engine", 1078, id="display name"),
    ],
)
def test_names_of_services_are_taken_once(host: Host, name: str, title: str, code: int) -> None:
    with pytest.raises(WindowsError) as caught:
        host.services.create(name, {"ImagePath": "x", "DisplayName": title})

    assert caught.value.code == code


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_crash_is_followed_by_the_recovery_actions_in_turn(host: Host, engine: FakeEngine) -> None:
    actions = FailureActions(3600, ((1, 10), (0, 0)))
    host.services.configure("docker", {"FailureActions": actions.pack()})

    host.services.report_stopped("docker", 1, crashed=True)
    wait_for(lambda: host.services.status("docker").state == "Running")
    host.services.report_stopped("docker", 1, crashed=True)

    assert engine.calls == ["start --run-service"]
    told = [event.event_id for event in host.events.read(log_name="System")]
    assert told == [7034, 7031]


@pytest.mark.parametrize(("flag", "restarts"), [(0, False), (1, True)])
def test_a_stop_with_an_error_is_recovered_from_only_if_asked_for(
    host: Host,
    engine: FakeEngine,
    flag: int,
    restarts: bool,
) -> None:
    host.services.configure("docker", {"FailureActions": FailureActions(3600, ((1, 10),)).pack()})
    output(host, f"sc.exe failureflag docker {flag}")

    host.services.report_stopped("docker", 1, crashed=False)

    if restarts:
        wait_for(lambda: engine.calls == ["start --run-service"])
    assert bool(host.events.read(log_name="System")) is restarts


def test_state_survives_the_host_going_down(host: Host, engine: FakeEngine) -> None:
    output(host, "sc.exe config docker 'start=' demand")
    output(host, "New-NetFirewallRule -DisplayName 'x' -LocalPort '1','2' | Out-Null")
    output(host, "mkdir C:\\kept; icacls.exe 'C:\\kept' /grant 'Everyone:F'")

    host.shut_down()
    again = Host(HostSettings(host.address, host.number), host.directory)
    again.engine = second = FakeEngine()
    again.boot()

    ports = "Get-NetFirewallRule -DisplayName x | Get-NetFirewallPortFilter"
    assert (engine.calls, second.calls) == (["stop"], [])
    assert output(again, f"{ports} | Select-Object -ExpandProperty LocalPort") == ["1", "2"]
    (sddl,) = output(again, "Get-Acl C:\\kept | Select-Object -ExpandProperty Sddl")
    assert "(A;;FA;;;WD)" in str(sddl)
