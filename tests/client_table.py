"""Write down which client has done what, from the tests that passed: a pytest plugin.

    python -m pytest -p tests.client_table --client-table docs/clients.md -m client

Tests say what they show with ``@pytest.mark.client("skopeo", "push", "pull")``. Only what passed in this very
run gets into the table. With ``--check-client-table`` the file is not written: a run of all tests fails if it
says something else than what that run has found.
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

ACTIONS = {
    "push": "push",
    "pull": "pull",
    "copy": "copy between repositories",
    "index": "several platforms",
    "list": "list tags",
    "delete": "delete",
    "refer": "referrers",
    "tls": "TLS and log-in",
    "again": "after a cut connection",
    "resume": "within a blob",
}
"""The columns: what tests may name, and what the table calls it."""

HEAD = """\
# Clients

What real client programs did with the registry in the tests, one row a program. The table is written by the
test run itself:

    python -m pytest -p tests.client_table --client-table docs/clients.md -m client

✓ is a test that passed; an empty cell is something that no test asks of this client. Over plain HTTP unless
the column says TLS. *After a cut connection*: a push or a pull was cut off in the middle of a layer, and the
same command, by itself or called once more, came to a right end. *Within a blob*: it did so without sending
or fetching again what had come. umoci speaks to no registry: it makes and unpacks layouts, which skopeo
carries.

"""

_PROPERTY = "client"


class ClientTable:
    """What has been shown so far, from the reports, which one process gathers from all."""

    def __init__(self) -> None:
        self.shown: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down what a test has shown that passed."""
        if report.when != "call" or not report.passed:
            return
        for name, value in report.user_properties:
            if name == _PROPERTY:
                client, *actions = json.loads(str(value))
                self.shown[client].update(actions)

    def text(self) -> str:
        """Return the document; raise `ValueError` for an action that is no column."""
        unknown = set().union(*self.shown.values()) - ACTIONS.keys()
        if unknown:
            raise ValueError(f"no column for {', '.join(sorted(unknown))}")
        rows = [["client", *ACTIONS.values()], ["---", *[":-:"] * len(ACTIONS)]]
        rows += [[client, *self._cells(client)] for client in sorted(self.shown)]
        return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)

    def _cells(self, client: str) -> list[str]:
        return ["✓" if action in self.shown[client] else "" for action in ACTIONS]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name the file."""
    parser.addoption("--client-table", metavar="FILE", help="write down which client has done what")
    parser.addoption(
        "--check-client-table", metavar="FILE", help="fail if FILE is not what a whole run would write down"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch the tests if there is a file to write or to check."""
    is_gathering = not hasattr(config, "workerinput")
    if is_gathering and (config.getoption("--client-table") or config.getoption("--check-client-table")):
        config.pluginmanager.register(ClientTable(), "client-table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each report say what its test shows: that is all that gets from one process to another."""
    for item in items:
        item.user_properties += [
            (_PROPERTY, json.dumps(mark.args, ensure_ascii=False)) for mark in item.iter_markers("client")
        ]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write or check the file, unless a test failed: a gap is then no property of a client."""
    table = session.config.pluginmanager.get_plugin("client-table")
    if table is None or exitstatus != pytest.ExitCode.OK:
        return
    if path := session.config.getoption("--client-table"):
        Path(path).write_text(table.text(), encoding="utf-8")
    path = session.config.getoption("--check-client-table")
    if path and is_whole(session.config) and Path(path).read_text(encoding="utf-8") != table.text():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what came of the check."""
    table, path = config.pluginmanager.get_plugin("client-table"), config.getoption("--check-client-table")
    if (
        table is None
        or not path
        or terminalreporter.stats.get("failed")
        or terminalreporter.stats.get("error")
    ):
        return
    if not is_whole(config):
        terminalreporter.write_line(f"{path} was not checked: not every test of a client was asked for")
    elif Path(path).read_text(encoding="utf-8") != table.text():
        terminalreporter.section("the table of clients is out of date", red=True)
        terminalreporter.write_line(
            f"{path} differs from what this run has found; write it with --client-table {path} -m client"
        )
        terminalreporter.write(table.text())


def is_whole(config: pytest.Config) -> bool:
    """Return whether the command line asks for every test of a client."""
    option = config.option
    return (
        config.args_source is not pytest.Config.ArgsSource.ARGS
        and option.markexpr in ("", "client")
        and not (option.keyword or option.deselect or option.ignore or option.ignore_glob or option.lf)
    )
