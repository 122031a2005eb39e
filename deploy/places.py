r"""Where things are on a Windows host: the engine's own places, and the provisioner's, in one list."""

from __future__ import annotations

import ntpath

SERVICE = "docker"
"""Name of the engine's service."""

DOCKERD = r"C:\Program Files\docker\dockerd.exe"
"""Where the engine's program is on a host whose service is not registered."""

DAEMON_JSON = r"C:\ProgramData\docker\config\daemon.json"
"""Where dockerd looks for its file unless its command line says otherwise."""

DATA_ROOT = r"C:\ProgramData\docker"
"""Where the engine keeps images and containers unless it is told otherwise."""

OURS = r"C:\ProgramData\registry-lab"
"""Directory of the provisioner."""

RUNNING_BEFORE = rf"{OURS}\running-before.json"
"""Containers to start again after a restart of the engine, there only while one is under way."""

BUILDS = rf"{OURS}\build"
"""Build contexts, one directory a fingerprint."""

CERTIFICATES = rf"{OURS}\certs"
"""Certificate and key of the registry."""

AUTHENTICATION = rf"{OURS}\auth"
"""The registry's users and rules."""

REPLACED = "registry-lab-replaced"
"""Name of the registry's container of before, there only until the one in its place is proven."""

CONTAINER_DATA = r"C:\data"
"""Where the registry finds its data directory in its container."""

CONTAINER_CERTIFICATES = r"C:\certs"
"""Where the registry finds certificate and key in its container."""

CONTAINER_AUTHENTICATION = r"C:\auth"
"""Where the registry finds users and rules in its container."""

CONTAINER_AUDIT = r"C:\audit"
"""Where the registry writes its audit log in its container."""

HTPASSWD = "htpasswd"
RULES = "rules.toml"
AUDIT = "audit.jsonl"


def staged(path: str) -> str:
    """Return where a file is written before it takes the place of ``path``."""
    return f"{path}.new"


def previous(path: str) -> str:
    """Return where the file that was at ``path`` before is kept."""
    return f"{path}.previous"


def folded(path: str) -> str:
    r"""Return the same text for every spelling of a path that Windows takes for one.

    Case, slashes, a closing backslash, and dots and blanks at the end of a name do not count (Microsoft,
    "Naming Files, Paths, and Namespaces").
    """
    names = ntpath.normcase(ntpath.normpath(path)).split("\\")
    return "\\".join(name.rstrip(". ") for name in names)


def parent(path: str) -> str:
    """Return the directory that ``path`` is in."""
    return ntpath.dirname(path)
