"""What a person is told at the end of a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deploy.record import Change, Failure, HostRecord, RunRecord, Status
from deploy.report import render_report, write_reports
from deploy.summary import summary_lines


def a_run(*, dry: bool = False) -> RunRecord:
    run = RunRecord(dry=dry, waves=[("pc-01",), ("pc-02", "pc-03")], started=1000.0, finished=1042.0)
    done = run.host("pc-01")
    done.wave, done.windows, done.engine = 0, "Server 2022 (20348.2113)", "29.1.2"
    done.registry, done.proof = ("172.24.194.96:5000", "pc-01:5000"), "sha256:961497c5ca49"
    diff = ('-  "debug": true', '+  "debug": false')
    done.planned = [Change("engine", "write daemon.json", diff), Change("image", "build registry:4f2a")]
    done.started, done.finished = 1000.0, 1012.5
    if not dry:
        done.done = [Change(change.operation, change.text) for change in done.planned]
    run.host("pc-02").failure = Failure("engine", "dockerd: <b>invalid</b> config", "see the event log")
    run.host("pc-03").reached = False
    run.host("pc-03").failure = Failure("", "pc-03:5985 cannot be reached: connection refused", "is it up?")
    return run


@pytest.mark.parametrize(
    ("record", "status"),
    [
        pytest.param(HostRecord("a"), "unchanged", id="nothing to do"),
        pytest.param(HostRecord("a", planned=[Change("x", "y")]), "planned", id="only looked"),
        pytest.param(
            HostRecord("a", planned=[Change("x", "y")], done=[Change("x", "y")]), "changed", id="done"
        ),
        pytest.param(
            HostRecord("a", done=[Change("x", "y")], failure=Failure("x", "y")), "failed", id="half done"
        ),
        pytest.param(HostRecord("a", reached=False, failure=Failure("", "y")), "unreachable", id="away"),
        pytest.param(HostRecord("a", begun=False, failure=Failure("", "y")), "not begun", id="after a stop"),
    ],
)
def test_a_host_ends_in_one_of_six_ways(record: HostRecord, status: Status) -> None:
    assert record.status == status


def test_the_table_has_a_line_for_each_host() -> None:
    lines = summary_lines(a_run(), width=100)

    assert re.split(r"\s{2,}", lines[2]) == [
        "pc-01",
        "changed",
        "Server 2022 (20348.2113)",
        "29.1.2",
        "172.24.194.96:5000, pc-01:5000",
        "sha256:961497c5ca49",
    ]
    assert [line.split()[1] for line in lines[3:5]] == ["failed", "unreachable"]


def test_hosts_that_changed_alike_are_told_once() -> None:
    run = a_run()
    run.host("pc-04").done = list(run.host("pc-01").done)

    text = "\n".join(summary_lines(run, width=100))

    assert text.count("write daemon.json") == 1
    assert "pc-01, pc-04 changed:\n  - write daemon.json" in text


def test_a_failure_is_told_with_cause_and_remedy() -> None:
    text = "\n".join(summary_lines(a_run(), width=100))

    assert (
        "pc-02 failed in engine:\n  cause:  dockerd: <b>invalid</b> config\n  remedy: see the event log"
        in text
    )
    assert "3 hosts: 1 changed, 1 failed, 1 unreachable in 42 s" in text


def test_a_dry_run_shows_the_differences() -> None:
    text = "\n".join(summary_lines(a_run(dry=True), width=100))

    assert (
        'pc-01 would change:\n  - write daemon.json\n      -  "debug": true\n      +  "debug": false\n'
        in text
    )


def test_the_first_failure_of_a_host_is_the_one_that_counts() -> None:
    record = HostRecord("a")

    record.fail(Failure("engine", "the cause"))
    record.fail(Failure("image", "a consequence"))

    assert record.failure == Failure("engine", "the cause")


def test_plan_and_result_are_written_for_programs(tmp_path: Path) -> None:
    write_reports(a_run(), str(tmp_path))

    plan = json.loads((tmp_path / "plan.json").read_text())
    result = json.loads((tmp_path / "result.json").read_text())
    assert plan["hosts"]["pc-01"]["steps"][1] == {
        "operation": "image",
        "text": "build registry:4f2a",
        "details": [],
    }
    assert plan["waves"] == [["pc-01"], ["pc-02", "pc-03"]]
    assert [(host["name"], host["status"]) for host in result["hosts"]] == [
        ("pc-01", "changed"),
        ("pc-02", "failed"),
        ("pc-03", "unreachable"),
    ]


def test_a_dry_run_has_no_result(tmp_path: Path) -> None:
    paths = write_reports(a_run(dry=True), str(tmp_path))

    assert sorted(Path(path).name for path in paths) == ["plan.json", "report.html"]


class Page(HTMLParser):
    """Collects what a page refers to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_report_needs_nothing_but_itself() -> None:
    page = Page(render_report(a_run()))

    assert page.open == []
    assert all(reference.startswith("#") for reference in page.references)
    assert "url(" not in page.words
    assert "@import" not in page.words


@pytest.mark.parametrize("dry", [False, True], ids=["a run", "a plan"])
def test_the_report_shows_what_was_before_and_what_is_after(dry: bool) -> None:
    page = render_report(a_run(dry=dry))

    assert page.count('<span class="del">-  &#34;debug&#34;: true</span>') == 1
    assert page.count('<span class="add">+  &#34;debug&#34;: false</span>') == 1


def test_the_report_shows_text_of_hosts_as_text() -> None:
    page = Page(render_report(a_run()))

    assert "dockerd: <b>invalid</b> config" in page.words
