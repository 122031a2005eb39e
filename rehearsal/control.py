"""Bring a rehearsal up and down from a command: start the background process, wait for its hosts, stop it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from rehearsal.lock import holder
from rehearsal.options import LOCK, PASSWORD_VARIABLE, Options, path_of

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
_PAUSE = 0.05


class ControlError(Exception):
    """A rehearsal did not come up or go down; the text says why and where to look."""


@dataclass(frozen=True)
class HostStatus:
    """Whether a host answers."""

    address: str
    build: int
    answers: bool


def up(state: str, wanted: Options, password: str, *, fresh: bool = False) -> list[HostStatus]:
    """Bring up the wanted hosts beside those that are up; return when every one answers."""
    if fresh:
        down(state)
        shutil.rmtree(path_of(state, "hosts"), ignore_errors=True)
    os.makedirs(state, mode=0o700, exist_ok=True)
    process_id = running(state)
    before = Options.load(state) if process_id is not None else None
    merged = wanted if before is None else _merge(before, wanted)
    started = None
    if process_id is None:
        merged.save(state)
        started = _spawn(state, password)
    elif merged != before:
        merged.save(state)
        os.kill(process_id, signal.SIGHUP)
    _wait_until_up(state, merged, started)
    return status(state)


def down(state: str) -> bool:
    """Stop the background process and all that it started; tell whether there was one. The state stays."""
    process_id = running(state)
    if process_id is None:
        return False
    os.kill(process_id, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while running(state) == process_id:
        if time.monotonic() > deadline:
            # it leads its own process group, with the registries that its containers are
            os.killpg(process_id, signal.SIGKILL)
        time.sleep(_PAUSE)
    return True


def status(state: str) -> list[HostStatus]:
    """Return every host of the options with whether it answers."""
    options = Options.load(state) or Options()
    up_now = running(state) is not None
    return [
        HostStatus(host.address, host.build, up_now and answers(host.address, options.port))
        for host in options.hosts
    ]


def running(state: str) -> int | None:
    """Return the process id of the background process, or None if there is none."""
    return holder(path_of(state, LOCK))


def answers(address: str, port: int) -> bool:
    """Whether a WinRM listener asks for credentials at this address."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("POST", "/wsman", b"")
        return connection.getresponse().status == http.client.UNAUTHORIZED
    except OSError:
        return False
    finally:
        connection.close()


def _merge(before: Options, wanted: Options) -> Options:
    known = {host.address for host in before.hosts}
    added = tuple(host for host in wanted.hosts if host.address not in known)
    return replace(before, hosts=before.hosts + added)


def _spawn(state: str, password: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, PASSWORD_VARIABLE: password}
    with open(path_of(state, "rehearsal.log"), "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "rehearsal", "serve", "--state", os.path.abspath(state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )


def _wait_until_up(state: str, options: Options, started: subprocess.Popen[bytes] | None) -> None:
    """Wait for every host, and for the process just started to serve them or to leave that to another one.

    When two ask at the same time, one process is enough; what the other started ends by itself, and is waited
    for, so that it cannot come to life after the hosts were stopped.
    """
    deadline = time.monotonic() + START_TIMEOUT
    waiting = [host.address for host in options.hosts]
    while True:
        waiting = [address for address in waiting if not answers(address, options.port)]
        serving = running(state)
        ended = started is None or started.poll() is not None
        ours = started is not None and serving == started.pid
        if not waiting and serving is not None and (ended or ours):
            return
        if (ended and serving is None) or time.monotonic() > deadline:
            log = path_of(state, "rehearsal.log")
            who = ", ".join(waiting) or "the rehearsal"
            raise ControlError(f"no answer from {who}; see {log}\n{_tail(log)}")
        time.sleep(_PAUSE)


def _tail(path: str, lines: int = 12) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-lines:])
