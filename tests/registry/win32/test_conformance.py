"""The official conformance program against a registry whose disk is a simulated Windows one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.servers import RunningRegistry, our_registry
from tests.registry.test_conformance import test_every_check_of_the_program_passes

__all__ = ["test_every_check_of_the_program_passes"]


@pytest.fixture(params=["0", "0.02"], ids=["undisturbed", "with a virus scanner"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningRegistry]:
    """A registry on an empty drive C:; a share of its file operations may meet a sharing violation."""
    drive = tmp_path / "C"
    drive.mkdir()
    program = ("tests.registry.win32.serve", str(drive), request.param)
    with our_registry(drive / "registry-data", tmp_path / "log", program=program) as running:
        yield running
        assert "Traceback" not in running.log.read_text()
