"""A network of its own, in which every peer uses the same TCP congestion control."""

import os
import shutil
import subprocess

CONTROL = "reno"
"""Does not pace: nobody is slowed down by politeness that loopback does not need."""

_SCRIPT = f'ip link set lo up && sysctl -qw net.ipv4.tcp_congestion_control={CONTROL} && exec "$@"'


def inside(command: list[str]) -> list[str]:
    """Return ``command`` to be run in a new network namespace with a loopback of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "sh", "-c", _SCRIPT, "sh", *command]


def obstacle() -> str | None:
    """Return why such a network cannot be made here; None if it can."""
    missing = [program for program in ("unshare", "ip", "sysctl") if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    done = subprocess.run(inside(["true"]), capture_output=True, text=True, check=False)
    return done.stderr.strip() or "unshare failed" if done.returncode else None


def host_control() -> str:
    """Return the congestion control that this host gives to new connections."""
    try:
        with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
