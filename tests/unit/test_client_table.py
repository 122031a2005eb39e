"""The plugin that writes docs/clients.md: only what passed; a whole run fails if the file is out of date."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATION = "[pytest]\nmarkers = client(name, *actions)\n"
TESTS = """
import pytest

@pytest.mark.client("skopeo", "push", "list")
def test_skopeo():
    pass

@pytest.mark.client("umoci, through skopeo", "pull")
def test_umoci():
    pass

@pytest.mark.client("skopeo", "tls")
def test_skipped():
    pytest.skip("no certificate")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Tests of two clients, in a directory of their own."""
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    (tmp_path / "test_clients.py").write_text(TESTS)
    return tmp_path


def run_suite(suite: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    root = str(Path(__file__).parents[2])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.client_table", *options],
        cwd=suite,
        env=environment | {"PYTHONPATH": root, "CI": "false"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_passed_is_written_down_by_any_number_of_processes(suite: Path, processes: str) -> None:
    written = run_suite(suite, "--client-table", "clients.md", "--numprocesses", processes)

    assert written.returncode == 0, written.stdout
    rows = (suite / "clients.md").read_text().splitlines()
    assert [row.count("✓") for row in rows if row.startswith("| skopeo |")] == [2]
    assert [row.count("✓") for row in rows if row.startswith("| umoci, through skopeo |")] == [1]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_of_everything_fails_if_the_table_is_out_of_date(suite: Path, processes: str) -> None:
    run_suite(suite, "--client-table", "clients.md")
    check = ("--check-client-table", "clients.md", "--numprocesses", processes)
    assert run_suite(suite, *check).returncode == 0

    text = (suite / "clients.md").read_text()
    (suite / "clients.md").write_text(text.replace("| umoci, through skopeo |", "| umoci |"))
    stale = run_suite(suite, *check)

    assert stale.returncode == 1
    assert "clients.md differs from what this run has found" in stale.stdout
    assert "| umoci, through skopeo |" in stale.stdout


@pytest.mark.parametrize("part", [("-k", "umoci"), ("test_clients.py",), ("--deselect", "test_clients.py")])
def test_a_part_of_the_tests_says_nothing_about_the_table(suite: Path, part: tuple[str, ...]) -> None:
    (suite / "clients.md").write_text("stale")

    partial = run_suite(suite, "--check-client-table", "clients.md", *part)

    assert "clients.md differs" not in partial.stdout
    assert partial.returncode in (0, 5)


def test_nothing_is_written_or_checked_after_a_failure(suite: Path) -> None:
    (suite / "test_failing.py").write_text("def test_it():\n    assert False\n")

    failed = run_suite(suite, "--client-table", "clients.md")

    assert failed.returncode == 1
    assert not (suite / "clients.md").exists()


def test_an_action_that_is_no_column_is_an_error(suite: Path) -> None:
    (suite / "test_clients.py").write_text(TESTS.replace('"tls"', '"list"').replace('"pull"', '"fly"'))

    refused = run_suite(suite, "--client-table", "clients.md")

    assert refused.returncode != 0
    assert "no column for fly" in refused.stdout + refused.stderr
