"""The lab: three hosts that work anywhere, or your own.

Without a change these are rehearsal hosts: simulated Windows hosts on this machine, at 127.77.0.1 and so
on, brought up when they are not. ``LAB_HOSTS`` says how many. To use real hosts, name them in
``_real_hosts``; what is wanted of them is in ``group_data/all.py``, and what is said in the second half of
a pair counts for that host only.

    pyinfra inventories/lab.py deploy.py --dry
    pyinfra inventories/lab.py deploy.py
"""

import os as _os
import subprocess as _subprocess
import sys as _sys

from pyinfra.api.hiddenvalue import HiddenValue as _HiddenValue

_real_hosts: list[tuple[str, dict[str, object]]] = [
    # ("@psrp/10.20.0.11", {"psrp_user": r".\Administrator"}),
    # ("@psrp/10.20.0.12", {"psrp_user": r".\Administrator", "lab": {"windows_build": 26100}}),
    # The password is asked for, or comes from the environment: PSRP_PASSWORD, or PSRP_PASSWORD_10_20_0_11.
]


def _rehearsal_hosts() -> list[tuple[str, dict[str, object]]]:
    count = int(_os.environ.get("LAB_HOSTS", "3"))
    prefix = _os.environ.get("LAB_PREFIX", "127.77.0")
    state = _os.environ.get("LAB_STATE", ".rehearsal")
    command = [
        _sys.executable,
        "-m",
        "rehearsal",
        "up",
        "--hosts",
        str(count),
        "--prefix",
        prefix,
        "--state",
        state,
    ]
    # A host that does not come up is reported as unreachable, like any other.
    _subprocess.run(command, check=False, stdout=_sys.stderr)
    password = _os.environ.get("REHEARSAL_PASSWORD", "Rehearsal-1!")
    return [
        (f"@psrp/{prefix}.{number}", {"psrp_user": "Administrator", "psrp_password": _HiddenValue(password)})
        for number in range(1, count + 1)
    ]


lab_hosts = _real_hosts or _rehearsal_hosts()
