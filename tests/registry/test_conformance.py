"""The official conformance program of the OCI distribution specification, with exact counts.

Its exit code says too little: 0 also for skips, for a wrong version and for a run that could not write its
report. So the counters of its own summary and the status of every leaf in its JUnit file are compared.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .servers import RunningRegistry

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"
DEV = {
    "OCI_VERSION": "dev",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
    "OCI_DATA_SPARSE": "true",
}


RUNS = pytest.mark.parametrize(
    ("options", "expected", "leaves"),
    [
        # The two that are "skipped" are what version 1.1 does not have: sparse manifests and tag parameters.
        pytest.param(
            {"OCI_VERSION": "1.1"},
            {"Pass": 860, "Skip": 0, "FAIL": 0, "Disabled": 2},
            {"passed": 693, "skipped": 2},
            id="1.1",
        ),
        pytest.param(
            DEV,
            {"Pass": 1032, "Skip": 0, "FAIL": 0, "Disabled": 0},
            {"passed": 830},
            id="dev-with-everything",
        ),
    ],
)


@RUNS
def test_every_check_of_the_program_passes(
    registry: RunningRegistry,
    tmp_path: Path,
    options: dict[str, str],
    expected: dict[str, int],
    leaves: dict[str, int],
) -> None:
    require_counts(registry, tmp_path / "results", options, expected, leaves)


@RUNS
def test_every_check_passes_whichever_worker_answers(
    start: Callable[..., RunningRegistry],
    tmp_path: Path,
    options: dict[str, str],
    expected: dict[str, int],
    leaves: dict[str, int],
) -> None:
    require_counts(start(HTTP_WORKERS="3"), tmp_path / "results", options, expected, leaves)


def require_counts(
    registry: RunningRegistry,
    results: Path,
    options: dict[str, str],
    expected: dict[str, int],
    leaves: dict[str, int],
) -> None:
    """Run the program; every one of its own counts, and of the leaves in its report, must be as expected."""
    summary = run_conformance(registry, results, options)

    found = {
        name: int(count) for name, count in re.findall(r"^\s+(\w+)\.{3,}:\s+(\d+)$", summary, re.MULTILINE)
    }
    assert {name: found.get(name, 0) for name in expected} == expected, summary
    cases = ElementTree.parse(results / "junit.xml").iter("testcase")
    counted = Counter(case.get("status") for case in cases)
    assert counted == leaves


def run_conformance(registry: RunningRegistry, results: Path, options: dict[str, str]) -> str:
    """Run the program and return what it printed."""
    program = shutil.which("conformance", path=os.pathsep.join([str(TOOLS), os.environ["PATH"]]))
    if program is None:
        pytest.skip("the program 'conformance' of the distribution-spec is not installed")
    results.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(results),
        "OCI_REGISTRY": registry.address,
        "OCI_TLS": "disabled",
        "OCI_REPO1": "conformance/repo1",
        "OCI_REPO2": "conformance/repo2",
        "OCI_RESULTS_DIR": str(results),
    }
    run = subprocess.run(
        [program],
        cwd=results,
        env=environment | options,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return run.stdout + run.stderr
