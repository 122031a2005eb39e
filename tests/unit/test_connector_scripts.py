"""The provisioner's fixed scripts and the rehearsal's copies of them.

The rehearsal carries out a script that it knows by its exact text, and shares no code with what it tests:
so it has copies, and this is where they are held against the originals.
"""

from __future__ import annotations

import pytest

from deploy import connector_scripts
from rehearsal import library


@pytest.mark.parametrize("name", ["EPILOGUE", "RESET_EXIT_CODE", "PUT", "GET"])
def test_the_rehearsal_knows_the_scripts_to_the_letter(name: str) -> None:
    assert getattr(library, name) == getattr(connector_scripts, name)


def test_a_chunk_stays_below_the_size_that_a_session_takes_as_one_object() -> None:
    """MaximumReceivedObjectSizeMB is 10 by default, and bytes travel as Base64."""
    assert connector_scripts.CHUNK_SIZE * 4 / 3 < 10_000_000


def test_a_file_on_its_way_has_the_name_that_the_script_gives_it() -> None:
    assert f"$Path + '{connector_scripts.PART_SUFFIX}'" in connector_scripts.PUT
