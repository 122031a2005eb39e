"""The cmdlets of a simulated host. Importing this package registers all of them."""

from rehearsal.cmdlets import (
    certificates,
    cim,
    content,
    files,
    hns,
    network,
    objects,
    registry,
    services,
    system,
)

__all__ = [
    "certificates",
    "cim",
    "content",
    "files",
    "hns",
    "network",
    "objects",
    "registry",
    "services",
    "system",
]
