"""What is done to a host for trust and log-ins, beside the steps that everything else needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.steps import Step


@dataclass(frozen=True)
class PutBytes(Step):
    """Upload a file as it is. No command: the connector does it, so no secret is ever in one."""

    path: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True)
class Protect(Step):
    """Leave a file or directory to some accounts, and to nobody else."""

    path: str
    grants: Mapping[str, str]
    """Right (``F``, ``M``, ``RX``, ``R``) by account: a name, or ``*`` and a security identifier."""

    is_directory: bool
    intruders: tuple[str, ...] = ()
    """Security identifiers that are to lose what they were granted."""

    def __str__(self) -> str:
        return f"leave {self.path} to those who need it"


@dataclass(frozen=True)
class RemoveRoot(Step):
    """Take a certificate out of the machine's root store."""

    thumbprint: str

    def __str__(self) -> str:
        return f"trust the authority {self.thumbprint} no longer on the whole machine"


@dataclass(frozen=True)
class ImportRoot(Step):
    """Put a certificate into the machine's root store."""

    path: str

    def __str__(self) -> str:
        return f"trust {self.path} on the whole machine"
