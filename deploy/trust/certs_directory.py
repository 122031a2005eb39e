r"""Where an engine looks for the authority of one registry. Pure.

Two image stores, two ways to make a folder's name of ``host:port`` (Windows allows no colon):

- the classic store (``windowsfilter``) leaves the colon out: ``172.24.194.965000`` (recorded);
- the containerd store tries ``172.24.194.96_5000_`` first, and then the form without colon
  (containerd, ``docs/hosts.md``), so it is given both: a folder of the first form hides the other.

The folder is read for each pull, so nothing restarts. It is not read for a registry that is listed as
insecure.
"""

from __future__ import annotations

ROOT = r"C:\ProgramData\docker\certs.d"
FILE = "ca.crt"


def authority_files(registry: str, *, containerd: bool) -> list[str]:
    """Return the paths of the authority's certificate for ``registry`` (``host:port``, as in image names).

    ``containerd`` says whether the engine has a containerd, and so may keep its images there.
    """
    host, colon, port = registry.rpartition(":")
    forms = [registry.replace(":", "")]
    if containerd and colon:
        forms.append(f"{host.replace(':', '')}_{port}_")
    return [rf"{ROOT}\{form}\{FILE}" for form in forms]
