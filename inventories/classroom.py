"""A classroom: thirty Windows hosts, each with a registry of its own.

Adapt the lines below and try what would happen, which changes nothing on any host:

    export PSRP_PASSWORD=...        # or leave it out and be asked once
    pyinfra inventories/classroom.py deploy.py --dry

Then without ``--dry``. Run it again whenever something may have changed: what is as wanted stays as it is.
"""

import os as _os
from pathlib import Path as _Path

from deploy.roster import from_csv as _from_csv
from deploy.roster import from_range as _from_range

# The hosts. A file classroom.csv beside this one counts if it is there. Its first line names the columns,
# of which only host is needed:
#
#     host,user,port,windows_build
#     10.20.0.11
#     pc-12.class.lan,.\teacher,5985,26100
#
# Otherwise they are named by a range: "10.20.0.[11-40]" or "pc-[01-30].class.lan".
_list = _Path(__file__).with_name("classroom.csv")
_hosts = _from_csv(_list) if _list.exists() else _from_range("10.20.0.[11-40]")

# How to log on. A local account that is an administrator on every host is written .\NAME; in a domain it is
# DOMAIN\NAME. Each host must take PowerShell remoting; once on each, as administrator:  Enable-PSRemoting
# -Force
_logon = {
    "psrp_user": _os.environ.get("CLASSROOM_USER", r".\Administrator"),
    # With a certificate on the hosts: "psrp_ssl": True, "psrp_ca": "class-ca.pem",
}

# What is wanted of every host here, on top of group_data/all.py.
_wanted = {
    "lab": {
        "engine": {
            # The lab opens the engine to the network without TLS: whoever reaches it is administrator of the
            # host. Here only the host's own pipe is open.
            "allow_tcp_without_tls": False,
            "options": {
                "hosts": ["npipe://"],
                # "registry-mirrors": ["http://10.20.0.5:5000"],
                # "data-root": "D:\\docker",
            },
            # Containers of the pupils may stop for a moment when the engine must restart; they are started
            # again.
            "allow_restart": True,
        },
        # The nat network of each host. It must not overlap the network of the classroom itself.
        "network": {"subnet": "172.24.192.0/20"},
        "registry": {"ip": "172.24.194.96"},
    },
    # One host first; if it is well, the others in four parts; stop when a host fails.
    "rollout": {"canary": 1, "batch": "25%", "max_failures": 0},
}

classroom_hosts = (_hosts, {**_logon, **_wanted})
