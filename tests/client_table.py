"""Write down which client has done what, from the tests that passed: a pytest plugin.

    python -m pytest -p tests.client_table --client-table docs/clients.md -m client

Tests say what they show with ``@pytest.mark.client("skopeo", "push", "pull")``. Only what passed in this very
run gets into the table.
"""

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
}
"""The columns: what tests may name, and what the table calls it."""

HEAD = """\
# Clients

What real client programs did with the registry in the tests, one row a program. The table is written by the
test run itself:

    python -m pytest -p tests.client_table --client-table docs/clients.md -m client

✓ is a test that passed; an empty cell is something that no test asks of this client. Over plain HTTP unless
the column says TLS.

"""


class ClientTable:
    """What has been shown so far."""

    def __init__(self) -> None:
        self.shown: dict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):  # noqa: ANN201
        """Take down what a test has shown that passed."""
        report = yield
        if call.when == "call" and report.passed:
            for mark in item.iter_markers("client"):
                client, *actions = mark.args
                self.shown[client].update(actions)
        return report

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
    """Add the option that names the file."""
    parser.addoption("--client-table", metavar="FILE", help="write down which client has done what")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the tests if there is a file to write."""
    if config.getoption("--client-table"):
        config.pluginmanager.register(ClientTable(), "client-table")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the file, unless a test failed: a gap is then no property of a client."""
    table = session.config.pluginmanager.get_plugin("client-table")
    if table is not None and exitstatus == pytest.ExitCode.OK:
        Path(session.config.getoption("--client-table")).write_text(table.text(), encoding="utf-8")
