"""The command ``check``.

Exit codes: 0 sound, 1 damage found (repaired or not), 2 could not look.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from registry_app.check.findings import Severity
from registry_app.check.repair import QUARANTINE, Repaired, repair
from registry_app.check.report import as_json, as_text, is_sound
from registry_app.check.store import NoStoreError
from registry_app.check.survey import survey
from registry_app.storage.filesystem import FileSystem, for_this_platform

SOUND, DAMAGED, FAILED = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Verify, and with ``--repair`` mend, a store; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="registry_app check",
        description="Verify every digest, link, tag, manifest and upload of a store.",
        epilog="Exit code: 0 sound, 1 damage found (repaired or not), 2 could not be read or mended.",
    )
    parser.add_argument("directory", help="the root directory: what holds docker/registry/v2")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="mend what can be mended, move the rest to DIRECTORY/_quarantine; stop the registry before",
    )
    options = parser.parse_args(arguments)
    fs = for_this_platform(os.path.abspath(options.directory))
    try:
        return _check(fs, with_repair=options.repair, as_document=options.json)
    except (NoStoreError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED


def _check(fs: FileSystem, *, with_repair: bool, as_document: bool) -> int:
    found = survey(fs)
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    repaired: list[Repaired] = repair(fs, found.findings, name) if with_repair else []
    render = as_json if as_document else as_text
    print(render(found, repaired, f"{fs.root}/{QUARANTINE}/{name}"))
    if found.of(Severity.UNREADABLE) or any(one.error for one in repaired):
        return FAILED
    return SOUND if is_sound(found) else DAMAGED
