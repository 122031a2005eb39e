"""Run a registry whose disk fails once: ``python -m tests.registry.faults.serve FAULT AT``.

FAULT is the name of a `Fault`; operations count from when the server is ready. At a crash the process is gone
at once, as after ``kill -9``. At its ordinary end it says how many operations there were.
"""

import os
import sys

from registry_app import server
from registry_app.settings import load
from registry_app.storage import filesystem, posix
from tests.registry.faults.disk import Fault, FaultyIo, FaultyOs


class FatalOs(FaultyOs):
    """A disk whose crash takes the whole process with it."""

    def failure(self) -> BaseException:
        failure = super().failure()
        if self.dead:
            os._exit(137)
        return failure


def main(fault: str, at: str) -> int:
    """Serve; return the exit code."""
    faulty = FatalOs(Fault[fault], int(at))
    for module in (posix, filesystem):
        vars(module)["os"] = faulty
    vars(posix)["io"] = FaultyIo(faulty)
    faulty.paused = True

    hold_stop_signals = server.hold_stop_signals

    def arm(*, hold: bool) -> None:
        faulty.paused = hold
        hold_stop_signals(hold=hold)

    vars(server)["hold_stop_signals"] = arm
    settings, _ = load(os.environ)
    code = server.serve(settings)
    sys.stderr.write(f"operations: {len(faulty.operations)}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
