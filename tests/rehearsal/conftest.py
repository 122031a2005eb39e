"""A host without a listener, hosts in a process of their own, and a client to talk to them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal import control
from rehearsal.host import Host, HostSettings
from rehearsal.options import Options, host_directory, hosts
from tests.rehearsal.shells import FakeEngine
from tests.rehearsal.stage import Result, Stage

PASSWORD = "Lab-Rehearsal:1!"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A new host, not booted: nothing runs on it and nobody listens for it."""
    return Host(HostSettings("127.77.0.1", 1), str(tmp_path / "host"))


@dataclass(frozen=True)
class Rehearsal:
    """Hosts that are up, in a background process."""

    state: str
    addresses: list[str]
    password: str = PASSWORD

    def journal(self, address: str) -> list[dict[str, object]]:
        """The commands that a host was given."""
        with open(
            os.path.join(host_directory(self.state, address), "commands.jsonl"), encoding="utf-8"
        ) as file:
            return [json.loads(line) for line in file]


def own_prefix() -> str:
    """Three numbers of loopback addresses that no other test process of this machine uses."""
    number = os.getpid()
    return f"127.{100 + number % 100}.{number // 100 % 250}"


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Two hosts, up for the whole session."""
    state = str(tmp_path_factory.mktemp("rehearsal"))
    wanted = Options(hosts=hosts(2, [], own_prefix()), basic=True)
    found = control.up(state, wanted, PASSWORD)
    yield Rehearsal(state, [item.address for item in found])
    control.down(state)


@pytest.fixture
def engine(host: Host) -> FakeEngine:
    """The host's engine, replaced by one that a test commands; the host is booted."""
    fake = FakeEngine()
    host.engine = fake
    host.boot()
    fake.calls.clear()
    return fake


@pytest.fixture(scope="module")
def first(stage: Stage) -> Result:
    """What the first rollout on a module's own ``stage`` said."""
    return stage.roll_out(stage.inventory("lab"))


@pytest.fixture
def proven(stage: Stage, first: Result) -> Stage:
    """The stage after a rollout that went well."""
    assert first.code == 0, first.text
    return stage
