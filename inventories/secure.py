"""The lab's parts 3 and 4: the hosts of ``lab.py``, with TLS, a name, users and rules.

The certificate comes from an authority of the lab's own, made at the first run below ``~/.registry-lab``
(encrypted if ``REGISTRY_LAB_CA_PASSPHRASE`` is set). Passwords are never written here: they come from the
environment, from a file of yours, or are asked for.

    export LAB_TEACHER=... LAB_STUDENT=...
    pyinfra inventories/secure.py deploy.py

To change a password, change the variable and run again: nothing restarts. A ``tls`` of
``{"certificate_file": "…", "key_file": "…", "authority_file": "…"}`` uses certificates of your own.
"""

import os as _os
import runpy as _runpy

_lab = _runpy.run_path(_os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "lab.py"))

secure_hosts = (
    _lab["lab_hosts"],
    {
        "lab": {
            "registry": {
                "tls": "lab-ca",
                "dns_name": "registry.class.lan",
                "users": {
                    "teacher": {"env": "LAB_TEACHER"},
                    "student": {"env": "LAB_STUDENT"},  # or {"file": "~/student.secret"}, or {"prompt": True}
                },
                "rules": {
                    "groups": {"teachers": ["teacher"]},
                    "rules": [
                        # Whoever asks may pull the labs, teachers may do everything, and every student has
                        # repositories of their own. What no rule allows is denied.
                        {"who": ["@anonymous"], "may": ["pull"], "repositories": ["labs/**"]},
                        {"who": ["@teachers"], "may": ["pull", "push", "delete"], "repositories": ["**"]},
                        {"who": ["@users"], "may": ["pull", "push"], "repositories": ["students/{user}/**"]},
                    ],
                },
                "audit_directory": "C:\\registry-audit",
            },
            "trust": {
                # The account that the provisioner connects with pushes the proof; others log in likewise:
                # {"user": "student", "account": "LAB\\pc-user", "profile": "C:\\Users\\pc-user"}
                "logins": [{"user": "teacher"}],
                # Registries on other hosts, with where their names lead:
                # "registries": [{"name": "other.class.lan:5000", "address": "10.20.0.12"}],
            },
        }
    },
)
