"""What runs inside containers: the registry as a real process, Windows' own little programs as threads."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from rehearsal.engine.filesystem import ContainerFiles

EXIT_KILLED = 1067
"""ERROR_PROCESS_ABORTED: what a Windows container ends with when it is killed."""
EXIT_CONTROL_C = 3221225786
"""STATUS_CONTROL_C_EXIT: what a console program ends with when its container is stopped."""
_POLL = 0.05

Write = Callable[[str, str], None]
"""Takes (stream, text) of a program's output."""


class Process(Protocol):
    """Something that runs until it ends or is stopped."""

    pid: int

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        ...

    def stop(self, seconds: float) -> None:
        """Ask it to end; end it after that time."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


@dataclass(frozen=True)
class Launch:
    """What is needed to run a command in a container."""

    command: Sequence[str]
    environment: Mapping[str, str]
    files: ContainerFiles
    directory: str
    write: Write


_spawner = ThreadPoolExecutor(1, thread_name_prefix="container-spawner")
"""Starts every process: Linux ends them with the thread that started them, and this one lives to the end."""
_libc = ctypes.CDLL(None)
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def _end_with_parent() -> None:
    _libc.prctl(_END_WITH_PARENT, signal.SIGKILL)


def _spawn(
    arguments: Sequence[str], environment: Mapping[str, str], directory: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", *arguments],
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one C call
    )


class RealProcess:
    """A Python program of the image, run by this machine's Python."""

    def __init__(self, launch: Launch, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._killed = False
        self._process = _spawner.submit(_spawn, arguments, environment, launch.directory).result()
        self.pid = self._process.pid
        self._readers = [
            threading.Thread(target=self._read, args=(stream, name, launch.write), daemon=True)
            for stream, name in ((self._process.stdout, "stdout"), (self._process.stderr, "stderr"))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: object, name: str, write: Write) -> None:
        for line in stream or ():  # type: ignore[attr-defined]
            write(name, line.decode("utf-8", "replace"))

    def wait(self) -> int:
        """See `Process`."""
        code = self._process.wait()
        for reader in self._readers:
            reader.join(timeout=5)
        if self._killed:
            return EXIT_KILLED
        return code if code >= 0 else EXIT_CONTROL_C

    def stop(self, seconds: float) -> None:
        """See `Process`."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """See `Process`."""
        if self._process.poll() is None:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def end_stale(pid: int, directory: str) -> None:
    """End what is left of a container whose rehearsal was killed: the process, if it still is that one.

    It is known by its environment, which names a directory below the engine's.
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            known = directory.encode() in file.read()
    except OSError:
        return
    if known and pid != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


class SimulatedProcess:
    """One of Windows' programs, as a thread; ``body`` gets an event that is set when it is to end."""

    _next_pid = 2000
    _guard = threading.Lock()

    def __init__(self, body: Callable[[threading.Event], int]) -> None:
        with self._guard:
            SimulatedProcess._next_pid += 4
            self.pid = SimulatedProcess._next_pid
        self._stop = threading.Event()
        self._code = 0
        self._forced: int | None = None
        self._thread = threading.Thread(target=self._run, args=(body,), daemon=True)
        self._thread.start()

    def _run(self, body: Callable[[threading.Event], int]) -> None:
        self._code = body(self._stop)

    def wait(self) -> int:
        """See `Process`."""
        self._thread.join()
        return self._code if self._forced is None else self._forced

    def _end(self, code: int) -> None:
        if self._thread.is_alive():
            self._forced = code
        self._stop.set()
        self._thread.join()

    def stop(self, seconds: float) -> None:  # noqa: ARG002 - it always ends at once
        """See `Process`."""
        self._end(EXIT_CONTROL_C)

    def kill(self) -> None:
        """See `Process`."""
        self._end(EXIT_KILLED)


class ProgramNotFoundError(Exception):
    """There is no such program in the image."""


def launch(what: Launch) -> Process:
    """Run a command; raises `ProgramNotFoundError`."""
    program = os.path.basename(what.command[0].replace("\\", "/")).lower().removesuffix(".exe")
    if program in ("python", "py"):
        return _python(what)
    body = _BODIES.get(program)
    if body is None:
        raise ProgramNotFoundError(what.command[0])
    return SimulatedProcess(body(what))


def _python(what: Launch) -> Process:
    """Run ``python -m MODULE …``, the image's own modules first; other packages are this machine's."""
    arguments = list(what.command[1:])
    if arguments[:1] != ["-m"] or len(arguments) < 2:
        raise ProgramNotFoundError(what.command[0] + " (only python -m MODULE is known here)")
    packages = what.files.real("C:\\Python\\Lib\\site-packages")
    if not os.path.isdir(os.path.join(packages, arguments[1])):
        text = f"C:\\Python\\python.exe: No module named {arguments[1]}\n"
        return SimulatedProcess(lambda _: _say(what, text, 1, "stderr"))
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": what.files.root,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": packages,
        **{name: what.files.translate(value) for name, value in what.environment.items() if name != "PATH"},
    }
    return RealProcess(what, arguments, environment)


def _say(what: Launch, text: str, code: int = 0, stream: str = "stdout") -> int:
    what.write(stream, text)
    return code


def _cmd(what: Launch) -> Callable[[threading.Event], int]:
    words = [word for word in what.command[1:] if word.lower() not in ("/s", "/c", "/d", "/q")]
    flat = " ".join(words).strip()
    if not flat:
        return lambda _: _say(what, "Microsoft Windows [Version 10.0]\r\n")
    name, _, rest = flat.partition(" ")
    if name.lower() == "echo":
        return lambda _: _say(what, rest.strip('"') + "\r\n")
    if name.lower() == "type":
        return lambda _: _type(what, rest.strip('"'))
    inner = launch_body(what, words if len(words) > 1 else flat.split(" "))
    if inner is not None:
        return inner
    text = (
        f"'{name}' is not recognized as an internal or external command,\r\n"
        "operable program or batch file.\r\n"
    )
    return lambda _: _say(what, text, 1, "stderr")


def launch_body(what: Launch, command: Sequence[str]) -> Callable[[threading.Event], int] | None:
    """Return what a command that ``cmd`` was given does, or None if it is not known."""
    program = command[0].lower().removesuffix(".exe")
    body = _BODIES.get(program) if program != "cmd" else None
    inner = Launch(command, what.environment, what.files, what.directory, what.write)
    return body(inner) if body else None


def _type(what: Launch, path: str) -> int:
    try:
        with open(what.files.real(path), encoding="utf-8", errors="replace") as file:
            return _say(what, file.read())
    except OSError:
        return _say(what, "The system cannot find the file specified.\r\n", 1, "stderr")


def _ping(what: Launch) -> Callable[[threading.Event], int]:
    words = [word.lower() for word in what.command[1:]]
    target = next(
        (word for word in reversed(words) if not word.startswith(("-", "/")) and not word.isdigit()), ""
    )
    count = int(words[words.index("-n") + 1]) if "-n" in words else 4
    forever = "-t" in words

    def body(stop: threading.Event) -> int:
        what.write("stdout", f"\r\nPinging {target} [::1] with 32 bytes of data:\r\n")
        sent = 0
        while forever or sent < count:
            what.write("stdout", "Reply from ::1: time<1ms \r\n")
            sent += 1
            if stop.wait(1.0 if forever or sent < count else 0):
                break
        return 0

    return body


def _timeout(what: Launch) -> Callable[[threading.Event], int]:
    words = [word for word in what.command[1:] if not word.startswith("/")]
    seconds = float(words[0]) if words and words[0].lstrip("-").isdigit() else 0.0

    def body(stop: threading.Event) -> int:
        stop.wait(None if seconds < 0 else seconds)
        return 0

    return body


def _hostname(what: Launch) -> Callable[[threading.Event], int]:
    return lambda _: _say(what, what.environment.get("COMPUTERNAME", "container") + "\r\n")


def _shell(what: Launch) -> Callable[[threading.Event], int]:
    """An interactive shell without a terminal reads nothing and ends."""
    words = [word for word in what.command[1:] if word.lower() not in ("-command", "-c", "-noprofile")]
    if words[:1] and words[0].lower() in ("start-sleep", "sleep"):
        inner = Launch(["timeout", *words[-1:]], what.environment, what.files, what.directory, what.write)
        return _timeout(inner)
    if words:
        return _cmd(Launch(["cmd", "/c", *words], what.environment, what.files, what.directory, what.write))
    return lambda _: 0


_BODIES: dict[str, Callable[[Launch], Callable[[threading.Event], int]]] = {
    "cmd": _cmd,
    "ping": _ping,
    "timeout": _timeout,
    "hostname": _hostname,
    "powershell": _shell,
    "pwsh": _shell,
}
