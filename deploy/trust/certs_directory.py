r"""Where an engine looks for the authority of one registry. Pure.

Two image stores, two ways to make a folder's name of ``host:port`` (Windows allows no colon):

- the classic store (``windowsfilter``) leaves the colon out: ``172.24.194.965000`` (recorded);
- the containerd store tries ``172.24.194.96_5000_`` first, and then the form without colon
  (containerd, ``docs/hosts.md``).

The folder is read for each pull, so nothing restarts. It is not read for a registry that is listed as
insecure.
"""

from typing import Literal

Store = Literal["windowsfilter", "containerd"]

ROOT = r"C:\ProgramData\docker\certs.d"
FILE = "ca.crt"


def folder(registry: str, store: Store) -> str:
    """Return the folder for ``registry`` (``host`` or ``host:port``, as in image names)."""
    return rf"{ROOT}\{_name(registry, store)}"


def other_folder(registry: str, store: Store) -> str:
    """Return the folder of the other image store: what lies there after a change of store is left over."""
    return folder(registry, "containerd" if store == "windowsfilter" else "windowsfilter")


def authority_file(registry: str, store: Store) -> str:
    """Return the path of the authority's certificate."""
    return rf"{folder(registry, store)}\{FILE}"


def _name(registry: str, store: Store) -> str:
    host, colon, port = registry.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = registry, ""
    if store == "containerd" and port:
        return f"{host}_{port}_".replace(":", "")
    return registry.replace(":", "")
