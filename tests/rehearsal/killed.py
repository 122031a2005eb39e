"""A run of pyinfra that is killed while it is at work on a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.rehearsal.stage import PASSWORD, Stage


def killed_at(stage: Stage, number: int, inventory: Path, command: str) -> None:
    """Roll out, and kill the run when a host has noted a command that begins like this one."""
    seen = len(stage.journal(number))
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("pyinfra")), str(inventory), "deploy.py", "-y"],
        cwd=stage.project,
        env={**os.environ, "PSRP_PASSWORD": PASSWORD, "PYTHONPATH": str(stage.project)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not any(entry["text"].startswith(command) for entry in stage.journal(number)[seen:]):
        assert process.poll() is None, "the run ended before it came to that command"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
