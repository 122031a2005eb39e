"""Server processes: start, readiness, memory, processor time, end; and what the rest of the machine does
meanwhile.
"""

import contextlib
import http.client
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping

START_TIMEOUT = 20.0
_TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """A running peer and its children."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        log: str,
        environment: Mapping[str, str],
        *,
        encrypted: bool = False,
    ) -> None:
        self.name = name
        self.port = port
        self.encrypted = encrypted
        self._log = open(log, "ab")  # noqa: SIM115 - closed by `stop`
        self._log_path = log
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # The registries read their settings from such names; only ours are meant.
            env={key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
            | dict(environment),
            start_new_session=True,
        )
        self.start_seconds = self._wait(began)

    def _wait(self, began: float) -> float:
        while time.perf_counter() - began < START_TIMEOUT:
            if self._process.poll() is not None:
                break
            if answers(self.port, encrypted=self.encrypted):
                return time.perf_counter() - began
            time.sleep(0.002)
        self.stop()
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"{self.name} did not start:\n{log.read()[-2000:]}")

    @property
    def pids(self) -> list[int]:
        """The process and all its descendants."""
        found, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children,
            ):
                waiting += map(int, children.read().split())
        return found

    def resident(self, field: str = "VmRSS") -> float:
        """Return resident memory in MB: now, or with ``VmHWM`` the most since `forget_peak`."""
        return sum(_status(pid, field) for pid in self.pids) / 1000

    def forget_peak(self) -> None:
        """Let the peak of resident memory begin anew."""
        for pid in self.pids:
            with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")

    def stop(self) -> None:
        """End it, politely at first."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


def answers(port: int, *, encrypted: bool = False) -> bool:
    """Return whether a registry on ``port`` says that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if encrypted:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/v2/")
        # Who is asked to log in talks to a registry that is ready.
        return connection.getresponse().status in (200, 401)
    except OSError:
        return False
    finally:
        connection.close()


def _status(pid: int, field: str) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(f"{field}:"):
                return float(line.split()[1]) * 1.024
    return 0.0


class Machine:
    """How much of the machine processes that are no part of the measurement took."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers
        self.others = 0.0
        """Share of all processors taken by others during the last `watch`."""

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Measure what happens inside."""
        busy, own, began = _busy(), self._own(), time.perf_counter()
        yield
        elapsed = time.perf_counter() - began
        others = (_busy() - busy) - (self._own() - own)
        self.others = max(0.0, others / elapsed / (os.cpu_count() or 1))

    def _own(self) -> float:
        """Return the processor seconds of servers, of this process and of load generators that have ended."""
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return own + sum(_cpu(pid) for server in self._servers for pid in server.pids)


def _busy() -> float:
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, soft, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + soft) / _TICK


def _cpu(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK
