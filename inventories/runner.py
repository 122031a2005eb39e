"""This very machine, when it is Windows: for the workflow that proves what a rehearsal cannot.

Account and password come from the environment (``PSRP_USER``, ``PSRP_PASSWORD``). The image that is pushed
and pulled is one that a Windows Server 2022 can pull today.
"""

import os as _os

runner_hosts = (
    ["@psrp/127.0.0.1"],
    {
        "psrp_user": rf".\{_os.environ.get('PSRP_USER', 'Administrator')}",
        "lab": {
            "windows_build": int(_os.environ.get("LAB_WINDOWS_BUILD", "20348")),
            "proof": {
                "image": "mcr.microsoft.com/windows/nanoserver:ltsc2022",
                "repository": "labs/nanoserver",
                "tag": "ltsc2022",
            },
        },
    },
)
