"""The lab on Linux: an engine with bridge and firewall on an island, and the registry's container in it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.rendering import daemon_json

from .island import Island, island

SUBNET = "172.24.192.0/20"
IP = "172.24.194.96"
PORT = 5000
REGISTRY = f"{IP}:{PORT}"
"""Where the lab has its registry."""

CONTAINER = "registry"
TIMEOUT = 60.0

_FETCH = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[2], method=sys.argv[1]), timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
"""


@dataclass
class Lab:
    """An engine whose files lie in ``folder``, and what the tests ask of it."""

    island: Island
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The registry's data directory on the host."""
        return self.folder / "registry-data"

    def start(self) -> None:
        """Start the engine and wait until it answers; raise `RuntimeError` where it cannot run."""
        engine = self.folder / "engine"
        self.processes.append(
            self.island.start(
                "dockerd",
                *(f"--data-root={engine / 'data'}", f"--exec-root={engine / 'exec'}"),
                *(f"--host=unix://{self.folder / 'docker.sock'}", f"--pidfile={engine / 'docker.pid'}"),
                # The name by which processes of containers are found again, see `end`.
                *(f"--cgroup-parent=/{self.folder.name}", "--exec-opt=native.cgroupdriver=cgroupfs"),
                output=self.log,
            )
        )
        self.wait(lambda: self.processes[-1].poll() is not None or self.try_docker("version").returncode == 0)
        if self.processes[-1].poll() is not None:
            raise RuntimeError(f"dockerd does not start: {self.log.read_text(errors='replace')[-1000:]}")

    def stop(self) -> None:
        """End the engine as its service manager would."""
        self.processes[-1].terminate()
        self.processes[-1].wait(TIMEOUT)

    def cut_power(self) -> None:
        """End the engine and its containers at once, and forget what would not outlive a boot."""
        self._kill_everything()
        shutil.rmtree(self.folder / "engine" / "exec")
        (self.folder / "engine" / "docker.pid").unlink()

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    def configure(self, **options: object) -> None:
        """Write the file that the engine starts with; underscores stand for hyphens."""
        content = {key.replace("_", "-"): options[key] for key in options}
        (self.island.folder / "docker" / "daemon.json").write_text(daemon_json(content), encoding="utf-8")

    def trust(self, *registries: str) -> None:
        """Have the running engine take these for insecure registries, and no others."""
        self.configure(insecure_registries=list(registries))
        self.processes[-1].send_signal(signal.SIGHUP)
        self.wait(lambda: self._insecure() == set(registries))

    def _insecure(self) -> set[str]:
        shown = json.loads(self.docker("info", "--format={{json .RegistryConfig.IndexConfigs}}"))
        return {name for name, entry in shown.items() if not entry["Secure"]}

    def docker(self, *arguments: str | Path) -> str:
        """Run the docker command line and return what it printed; an error of it fails the test."""
        finished = self.try_docker(*arguments)
        assert finished.returncode == 0, finished.stdout
        return finished.stdout.strip()

    def try_docker(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the docker command line, whatever comes of it."""
        return self.island.run("docker", *map(str, arguments), env=self.environment, timeout=180)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DOCKER_HOST": f"unix://{self.folder / 'docker.sock'}",
            "DOCKER_CONFIG": str(self.folder / "client"),
            "DOCKER_BUILDKIT": "0",
        }

    def run_registry(self, image: str, *options: str, data: Path | None = None) -> None:
        """Run the registry as the lab does, and wait until it answers."""
        self.docker(
            *("container", "run", "--detach", "--name", CONTAINER, "--restart", "unless-stopped"),
            *("--network", "nat", "--ip", IP, "--publish", f"{PORT}:{PORT}"),
            *("--volume", f"{data or self.data}:/var/lib/registry", *options, image),
        )
        self.wait(self.answers)

    def answers(self, host: str = IP) -> bool:
        """Say whether the registry answers at an address of the island."""
        return self.fetch("/v2/", host=host).startswith("200 ")

    def fetch(self, path: str, *, method: str = "GET", host: str = IP) -> str:
        """Return status and body of what the registry answers, or why it does not."""
        program = (sys.executable, "-I", "-c", _FETCH)
        return self.island.run(*program, method, f"http://{host}:{PORT}{path}").stdout

    def inspect(self, container: str = CONTAINER) -> dict[str, Any]:
        """Return what the engine knows of a container."""
        (shown,) = json.loads(self.docker("container", "inspect", container))
        return dict(shown)

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.05)

    def end(self) -> None:
        """End the engine, whatever of it is left, and every process of its containers."""
        if self.processes and self.processes[-1].poll() is None:
            self.processes[-1].terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes[-1].wait(TIMEOUT)
        self._kill_everything()
        self._remove_control_groups()

    def _kill_everything(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while ours := [pid for pid in _pids() if self._is_ours(pid)]:
            assert time.monotonic() < deadline, f"processes do not end: {ours}"
            for pid in ours:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.processes:
                process.poll()
            time.sleep(0.05)

    def _is_ours(self, pid: int) -> bool:
        """Say whether a process is the engine's, by its command line, or a container's, by its group."""
        ours = str(self.folder) in _text(pid, "cmdline") or f"/{self.folder.name}" in _text(pid, "cgroup")
        return ours and pid not in (os.getpid(), self.island.holder)

    def _remove_control_groups(self) -> None:
        for parent in Path("/sys/fs/cgroup").glob(f"**/{self.folder.name}"):
            for group in sorted(
                [parent, *(path for path in parent.rglob("*") if path.is_dir())], reverse=True
            ):
                with contextlib.suppress(OSError):  # the same group under another name of its controller
                    group.rmdir()


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:  # it has ended
        return ""


@contextmanager
def running_lab() -> Iterator[Lab]:
    """Start an engine with a network of the lab's subnet; everything is gone afterwards."""
    # A short path: sockets lie below it.
    folder = Path(tempfile.mkdtemp(prefix="registry-lab-"))
    try:
        with island(folder / "island") as place:
            lab = Lab(place, folder)
            lab.data.mkdir()
            (folder / "engine").mkdir()
            lab.configure()
            try:
                lab.start()
                lab.docker("network", "create", "--subnet", SUBNET, "nat")
                yield lab
            finally:
                lab.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
