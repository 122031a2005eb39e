"""A piece of this machine with its own network and its own ``/etc/docker`` and ``/etc/hosts``.

Docker takes every loopback address for insecure, so what it does about certificates only shows at another
one. An island has such addresses on its own loopback device, and programs that run on it see nothing else.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "10.77.0.1"
NAME = "registry.class.lan"
OTHER_ADDRESS = "10.77.0.2"
"""Leads to the same machine, but no certificate names it."""

PROGRAMS = ("unshare", "nsenter", "ip", "mount")

_SCRIPT = f"""
set -e
ip link set lo up
ip address add {ADDRESS}/32 dev lo
ip address add {OTHER_ADDRESS}/32 dev lo
mount --make-rprivate /
mkdir -p /etc/docker
mount --bind "$1/docker" /etc/docker
mount --bind "$1/hosts" /etc/hosts
echo ready
exec sleep 3600
"""


def missing(*programs: str) -> str | None:
    """Return why an island with these programs cannot be made here; None if it can."""
    if os.geteuid() != 0:
        return "needs root, for a network of its own"
    absent = [program for program in (*PROGRAMS, *programs) if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@dataclass(frozen=True)
class Island:
    """Where programs are run."""

    folder: Path
    holder: int

    @property
    def certs(self) -> Path:
        """What programs on the island see as ``/etc/docker/certs.d``."""
        return self.folder / "docker" / "certs.d"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs a program on the island."""
        return [
            "nsenter",
            f"--target={self.holder}",
            "--net",
            "--mount",
            f"--wdns={self.folder}",
            "--",
            *arguments,
        ]

    def run(
        self, *arguments: str, env: dict[str, str] | None = None, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the island and return what became of it, both outputs as one."""
        return subprocess.run(
            self.command(*arguments),
            env=os.environ | (env or {}),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(
        self, *arguments: str, output: Path, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program on the island whose output goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                self.command(*arguments), env=os.environ | (env or {}), stdout=file, stderr=subprocess.STDOUT
            )


@contextmanager
def island(folder: Path) -> Iterator[Island]:
    """Make an island whose files lie in ``folder``."""
    (folder / "docker").mkdir(parents=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n")
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", _SCRIPT, "island", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline().strip() != "ready":
            holder.wait(10)
            assert holder.stderr is not None
            raise RuntimeError(f"no island: {holder.stderr.read()}")
        yield Island(folder, holder.pid)
    finally:
        holder.kill()
        holder.wait()


def stop(processes: Sequence[subprocess.Popen[bytes]], seconds: float = 20) -> None:
    """End processes, the last started first."""
    for process in reversed(processes):
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
