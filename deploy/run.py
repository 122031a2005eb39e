"""The run that pyinfra is in: its settings, its waves, its record, and what is told at its end.

pyinfra keeps no results beyond its own table, and ends without a word when no host is left. A callback
handler hears of every host's operations and of the hosts' goodbye, which comes last, whatever happened.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from pyinfra.api.exceptions import DeployError
from pyinfra.api.host import Host
from pyinfra.api.output import echo, format_text
from pyinfra.api.state import BaseStateCallback, State

from deploy.inventory_data import FleetSettings, fleet_settings, short_name
from deploy.record import Failure, HostRecord, RunRecord
from deploy.report import write_reports
from deploy.settings import LabSettings, RolloutSettings, SettingsErrors
from deploy.summary import COLOURS, summary_lines

NOT_LOOKED_AT = (
    "Nothing is planned: with -y pyinfra does not look at the hosts beforehand. Leave out -y with --dry,"
    " which asks nothing."
)


class Run:
    """One run over the fleet, from the check of the settings to the summary."""

    def __init__(self, fleet: FleetSettings, state: State) -> None:
        self._fleet = fleet
        active = [host.name for host in state.inventory if host in state.active_hosts]
        self.waves = fleet.rollout.waves(active)
        self.record = RunRecord(waves=[tuple(map(short_name, wave)) for wave in self.waves])
        for number, wave in enumerate(self.waves):
            for name in wave:
                self.record.host(short_name(name)).wave = number

    @property
    def rollout(self) -> RolloutSettings:
        """How the fleet is worked through."""
        return self._fleet.rollout

    def wanted(self, host: Host) -> LabSettings:
        """Return what is wanted of a host."""
        return self._fleet.hosts[host.name]

    def passwords(self, host: Host) -> Mapping[str, str]:
        """Return the passwords of the users of a host's registry."""
        return self._fleet.passwords.get(host.name, {})

    def host(self, host: Host) -> HostRecord:
        """Return the record of a host."""
        return self.record.host(short_name(host.name))

    def hosts_before(self, wave: int) -> list[str]:
        """Return the hosts of the waves before this one."""
        return [name for earlier in self.waves[:wave] for name in earlier]


_runs: WeakKeyDictionary[State, Run] = WeakKeyDictionary()


def run_of(state: State) -> Run:
    """Return the run of pyinfra's ``state``; at the first call, check all settings and begin to listen.

    Raise pyinfra's DeployError, which ends the run before any host is touched, with all that is wrong.
    """
    run = _runs.get(state)
    if run is None:
        try:
            fleet = fleet_settings(state.inventory)
        except SettingsErrors as errors:
            lines = "\n".join(f"      {line}" for line in errors.lines)
            raise DeployError(f"these settings cannot work, no host was touched:\n{lines}") from None
        run = _runs[state] = Run(fleet, state)
        state.add_callback_handler(Recorder(run))  # type: ignore[no-untyped-call]
    return run


class Recorder(BaseStateCallback):
    """Listens to pyinfra, and tells the story when the last host is let go.

    pyinfra declares its callbacks as static methods and calls them on the object that was handed to it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._gone: set[str] = set()

    def operation_host_start(  # type: ignore[override]
        self,
        state: State,  # noqa: ARG002
        host: Host,
        op_hash: str,  # noqa: ARG002
    ) -> None:
        """Note when the work on a host began."""
        record = self._run.host(host)
        if record.started is None:
            record.started = time.time()

    def operation_host_success(  # type: ignore[override]
        self,
        state: State,  # noqa: ARG002
        host: Host,
        op_hash: str,  # noqa: ARG002
        retry_count: int = 0,  # noqa: ARG002
    ) -> None:
        """Note when the work on a host ended, so far."""
        self._run.host(host).finished = time.time()

    def operation_host_error(  # type: ignore[override]
        self,
        state: State,
        host: Host,
        op_hash: str,
        retry_count: int = 0,  # noqa: ARG002
        max_retries: int = 0,  # noqa: ARG002
    ) -> None:
        """Note what stopped a host, if the operation itself has not."""
        # With --no-wait pyinfra 3.10 forgets who failed, and would end with success.
        state.failed_hosts.add(host)
        record = self._run.host(host)
        record.finished = time.time()
        operation = ", ".join(sorted(state.get_op_meta(op_hash).names))
        record.fail(_failure(host, operation, "a command failed"))

    def host_disconnect(self, state: State, host: Host) -> None:  # type: ignore[override]
        """Tell the story when every host has been let go."""
        self._gone.add(host.name)
        if len(self._gone) == len(state.activated_hosts):
            self._finish(state)

    def _finish(self, state: State) -> None:
        record = self._run.record
        record.finished, record.dry = time.time(), not state.is_executing
        if record.dry and not state.check_for_changes:
            echo(f"\n--> {NOT_LOOKED_AT}", err=True)
            return
        for host in state.inventory:
            if state.is_host_in_limit(host) and host not in state.activated_hosts:
                away = self._run.host(host)
                away.reached = False
                away.fail(_failure(host, "", "could not be reached"))
        _tell(record, self._run.rollout.reports)


def _failure(host: Host, operation: str, otherwise: str) -> Failure:
    """Return what the connector last had to say about a host."""
    error = host.connector_data.get("psrp_error", otherwise)
    return Failure(operation, getattr(error, "cause", str(error)), getattr(error, "remedy", ""))


def _tell(record: RunRecord, directory: str) -> None:
    echo("", err=True)
    echo(f"--> {'Plan' if record.dry else 'Summary'}:", err=True)
    colours = {name: COLOURS[host.status] for name, host in record.hosts.items()}
    for line in summary_lines(record):
        first = line.split(" ", 1)[0]
        echo(f"    {format_text(line, colours[first])}" if first in colours else f"    {line}", err=True)
    paths = write_reports(record, directory)
    echo(f"    written: {', '.join(paths)}", err=True)
