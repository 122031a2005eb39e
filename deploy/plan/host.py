"""See whether this is the Windows that was declared, and one that can run the engine."""

from __future__ import annotations

from deploy.settings.image import OLDEST_ENGINE_BUILD
from deploy.settings.lab import LabSettings
from deploy.state import WindowsState
from deploy.steps import Refuse, Step


def plan_host(wanted: LabSettings, found: WindowsState) -> list[Step]:
    """Return nothing, or why this host is the wrong one."""
    if wanted.windows_build is not None and wanted.windows_build != found.build:
        return [
            Refuse(
                f"windows_build says {wanted.windows_build}, but this is build {found.build}",
                f"write windows_build = {found.build}, or check which host this is",
            )
        ]
    if found.build < OLDEST_ENGINE_BUILD:
        return [
            Refuse(
                f"{found.product} (build {found.build}) is not supported by Docker Engine any more",
                "use Windows Server 2019 (build 17763) or later",
            )
        ]
    return []
