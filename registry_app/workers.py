"""Several processes behind one listening socket: start them, replace one that dies, end them together.

Where processes cannot be forked, on Windows, a registry is one process; the settings say so.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import TypeAlias

Work: TypeAlias = Callable[[int, int], int]
"""Serves as worker ``number``, counted from 0, until told to stop by SIGTERM, or until the descriptor
``lifeline`` can be read, which it can when the first process has gone; returns an exit code. Called in a
process of its own, with the signals to stop held."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
BROKEN = 70
"""Exit code of a worker that ended by an error nobody expected (EX_SOFTWARE of sysexits.h)."""

PAUSE = 1.0
"""Seconds between two starts of the same worker: one that dies at once must not take a whole processor."""

log = logging.getLogger("registry")


def can_fork() -> bool:
    """Return whether this platform can run several workers."""
    return hasattr(os, "fork") and hasattr(signal, "sigtimedwait")


def supervise(count: int, work: Work) -> int:
    """Run ``count`` workers until told to stop; return the exit code of the whole.

    A worker that dies is replaced. One of the first that cannot start, which it says by exit code 1, ends the
    others, too: what keeps it from starting keeps the next one, and an operator must see. A replacement that
    cannot start is tried again, since the others still serve.
    """
    return _Supervisor(work).run(count)


class _Supervisor:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._mask: set[int] = set()
        self._numbers: dict[int, int] = {}
        """Worker numbers by process."""
        self._started: dict[int, float] = {}
        """When each worker was started last."""
        self._replaced = False
        """Whether a worker has died that had once started."""
        self._lifeline, self._held = os.pipe()

    def run(self, count: int) -> int:
        awaited = {*STOP_SIGNALS, signal.SIGCHLD}
        # Held, not handled: each is taken by `sigtimedwait`, between two looks at the workers.
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, awaited))
        try:
            return self._watch(count, awaited)
        finally:
            self._end()
            os.close(self._held)
            os.close(self._lifeline)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _watch(self, count: int, awaited: set[signal.Signals]) -> int:
        missing = dict.fromkeys(range(count), 0.0)
        while True:
            now = time.monotonic()
            for number in [number for number, due in missing.items() if due <= now]:
                if self._start(number):
                    del missing[number]
                else:
                    missing[number] = now + PAUSE
            wait = min(missing.values(), default=now + 3600.0) - now
            told = signal.sigtimedwait(awaited, max(wait, 0.0))
            if told is not None and told.si_signo in STOP_SIGNALS:
                return 0
            for number, code in self._ended():
                if code == 1 and not self._replaced:
                    return 1
                self._replaced = True
                log.error("worker %d has ended (%s); starting another", number, _told(code))
                missing[number] = self._started[number] + PAUSE

    def _start(self, number: int) -> bool:
        """Start a worker; return False if the system has no process for it now."""
        self._started[number] = time.monotonic()
        try:
            process = os.fork()
        except OSError as error:
            log.error("worker %d cannot be started now: %s", number, error)  # noqa: TRY400 - no bug of ours
            return False
        if process:
            self._numbers[process] = number
            return True
        code = BROKEN
        try:
            # Only the first process holds this end: when it goes, however it does, the other end tells.
            os.close(self._held)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask | set(STOP_SIGNALS))
            code = self._work(number, self._lifeline)
        except BaseException:
            # Nothing may return into the supervisor's own code.
            log.critical("worker %d failed", number, exc_info=True)
        finally:
            logging.shutdown()
            os._exit(code)

    def _ended(self, *, wait: bool = False) -> list[tuple[int, int]]:
        """Return numbers and exit codes (negative: a signal) of workers that have ended since."""
        ended = []
        while self._numbers:
            process, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            if not process:
                break
            # A container's first process also inherits strangers.
            if (number := self._numbers.pop(process, None)) is not None:
                ended.append((number, os.waitstatus_to_exitcode(status)))
        return ended

    def _end(self) -> None:
        """Tell every worker to stop, and wait until they have: for what is under way, as one alone does."""
        for process in self._numbers:
            os.kill(process, signal.SIGTERM)
        self._ended(wait=True)


def _told(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
