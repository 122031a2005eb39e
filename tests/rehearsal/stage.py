"""A stage for tests: rehearsal hosts of their own, and pyinfra against them as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.connector_data import ConnectionSettings
from deploy.connector_errors import HostError
from deploy.connector_session import PsrpSession

PASSWORD = "Stage-1!"
PROJECT = Path(__file__).parent.parent.parent
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Result:
    """What a run of pyinfra said. ``text`` is both streams without colours, ``output`` standard output
    alone.
    """

    code: int
    text: str
    output: str


@dataclass
class Stage:
    """Some rehearsal hosts, by number from 1."""

    directory: Path
    prefix: str
    hosts: int

    @property
    def state(self) -> Path:
        """Where the hosts' state is."""
        return self.directory / "state"

    def address(self, number: int) -> str:
        """Return a host's address."""
        return f"{self.prefix}.{number}"

    def name(self, number: int) -> str:
        """Return a host's name in an inventory."""
        return f"@psrp/{self.address(number)}"

    def drive(self, number: int) -> Path:
        """Return where a host's drive C is on this machine."""
        return self.state / "hosts" / self.address(number) / "C"

    def rehearsal(self, *arguments: str) -> str:
        """Run a verb of ``python -m rehearsal`` and return what it printed."""
        verb, *rest = arguments
        command = [sys.executable, "-m", "rehearsal", verb, "--state", str(self.state), *rest]
        environment = {**os.environ, "REHEARSAL_PASSWORD": PASSWORD}
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *options: str) -> None:
        """Bring the hosts up."""
        self.rehearsal("up", "--hosts", str(self.hosts), "--prefix", self.prefix, *options)

    def down(self) -> None:
        """Bring the hosts down."""
        self.rehearsal("down")

    def fault(self, number: int, name: str, *arguments: str) -> None:
        """Play a fault on a host, or ``clear`` all."""
        self.rehearsal("fault", self.address(number), name, *arguments)

    def settings(self, number: int = 1, **changes: object) -> ConnectionSettings:
        """Return how to reach a host."""
        given: dict[str, Any] = {
            "host": self.address(number),
            "user": "Administrator",
            "password": PASSWORD,
            **changes,
        }
        return ConnectionSettings(**given)

    @contextmanager
    def session(self, number: int = 1, **changes: object) -> Iterator[PsrpSession]:
        """Open a session of our own on a host."""
        session = PsrpSession(self.settings(number, **changes))
        try:
            yield session
        finally:
            session.close()

    def do(self, number: int, *commands: str) -> str:
        """Run commands on a host, as somebody else might; return what the last one printed."""
        printed = ""
        with self.session(number) as session:
            for command in commands:
                done = session.run(command, 60)
                if not done.succeeded():
                    raise HostError(f"{command}: {' '.join(done.stderr())}")
                printed = "\n".join(done.stdout)
        return printed

    def journal(self, number: int) -> list[dict[str, Any]]:
        """Return the commands that a host was given, oldest first."""
        path = self.state / "hosts" / self.address(number) / "commands.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def project(self) -> Path:
        """A copy of the project, for a test to change: what pyinfra runs from."""
        copy = self.directory / "project"
        if not copy.exists():
            for name in ("deploy", "registry_app", "templates", "inventories"):
                shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(PROJECT / "deploy.py", copy)
            (PROJECT / ".cache").mkdir(exist_ok=True)
            (copy / ".cache").symlink_to(PROJECT / ".cache")  # the wheels, downloaded once
        return copy

    def inventory(
        self,
        name: str,
        hosts: Mapping[str, Mapping[str, Any]] | Sequence[int] | None = None,
        **data: object,
    ) -> Path:
        """Write an inventory of these hosts (all, unless said) and return its path.

        ``data`` is for all of them and lies over the project's own group data; ``hosts`` may be numbers,
        or names with data of their own.
        """
        if not isinstance(hosts, Mapping):
            hosts = {self.name(number): {} for number in hosts or range(1, self.hosts + 1)}
        path = self.project / "inventories" / f"{name}.py"
        listed = [(host, dict(own)) for host, own in hosts.items()]
        path.write_text(f"{name}_hosts = ({listed!r}, {data!r})\n")
        return path

    def pyinfra(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> Result:
        """Run pyinfra as a user does, and return what it said."""
        given = {
            **os.environ,
            "PSRP_PASSWORD": PASSWORD,
            "PYINFRA_PROGRESS": "off",
            "PYTHONPATH": str(self.project),
            "COLUMNS": "200",
            **(environment or {}),
        }
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pyinfra")), *map(str, arguments)],
            cwd=self.project,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Result(done.returncode, _ANSI.sub("", done.stdout + done.stderr), _ANSI.sub("", done.stdout))

    def roll_out(
        self, inventory: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Result:
        """Roll out to an inventory, without asking."""
        return self.pyinfra(inventory, "deploy.py", "-y", *arguments, environment=environment)

    def outcome(self) -> dict[str, Any]:
        """Return what the last run reported, host by host."""
        result: dict[str, Any] = json.loads((self.project / "reports" / "result.json").read_text())
        return {host["name"]: host for host in result["hosts"]}

    @contextmanager
    def watched(self, *numbers: int) -> Iterator[dict[int, list[str]]]:
        """Give the changes that these hosts noted in their journals meanwhile, by number."""
        before = {number: len(self.journal(number)) for number in numbers or range(1, self.hosts + 1)}
        changes: dict[int, list[str]] = {}
        yield changes
        for number, start in before.items():
            entries = self.journal(number)[start:]
            changes[number] = [change for entry in entries for change in entry["changes"]]


def own_prefix(directory: Path) -> str:
    """Return addresses that no other stage on this machine has: three of four numbers, after the process."""
    number = (os.getpid() * 7 + sum(directory.name.encode())) % (100 * 250)
    return f"127.{100 + number // 250}.{1 + number % 250}"
