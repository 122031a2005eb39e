"""What the operator keeps between runs: the lab's authority, certificates, hashes."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.certificates.keeper import PASSPHRASE_VARIABLE, Keeper
from deploy.settings import LabSettings


def keeper_of(wanted: LabSettings) -> Keeper:
    """Return the keeper of the directory that a host's settings name."""
    directory = Path(wanted.authority.directory).expanduser()
    return Keeper(directory, os.environ.get(PASSPHRASE_VARIABLE))
