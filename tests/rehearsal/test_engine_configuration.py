"""The engine model reads its configuration as the recorded dockerd.exe does."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine import check
from rehearsal.engine.daemon import dump, program, reload, startup
from rehearsal.engine.daemon.configuration import Configuration

Case = dict[str, Any]

RECORDED = Path(__file__).parents[1] / "recorded"
VALIDATE = json.loads((RECORDED / "validate.json").read_text(encoding="utf-8"))
START = json.loads((RECORDED / "start.json").read_text(encoding="utf-8"))
STARTED = [case for case in VALIDATE if "start" in case]
RUNNING = [case for case in STARTED if case["start"]["outcome"] == "runs"]

DEFAULT_FILE = "C:\\ProgramData\\docker\\config\\daemon.json"
NAMED_FILE = "C:\\g\\named.json"


def rows(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases]


def messages(recorded: Case) -> set[str]:
    texts = [recorded["message"], recorded.get("message_windows"), *recorded.get("message_also_seen", [])]
    return {text for text in texts if text}


@pytest.mark.parametrize("case", rows(VALIDATE))
def test_validate_says_what_dockerd_said(case: Case) -> None:
    verdict = check.check_case(case)

    assert verdict.accepted == case["accepted"]
    assert verdict.exit_code == case["exit_code"]
    assert verdict.message in messages(case)


@pytest.mark.parametrize("case", rows(VALIDATE))
def test_a_start_succeeds_where_dockerd_started(case: Case) -> None:
    recorded = case.get("start", {"outcome": "not reached"})

    verdict = check.check_case(case)

    assert verdict.starts == (recorded["outcome"] == "runs")
    if recorded["outcome"] == "refused":
        assert verdict.start_message in messages(recorded)


@pytest.mark.parametrize("case", rows(RUNNING))
def test_docker_info_shows_what_dockerd_showed(case: Case) -> None:
    plain = check.check([], check.recorded_machine({"daemon_json": None})).info
    effect = case["start"]["effect_in_docker_info"]
    expected = dict(plain or {}) | (effect if isinstance(effect, dict) else {})

    info = dict(check.check_case(case).info or {})

    assert _unordered_labels(info) == _unordered_labels(expected)


def _configuration(invocation: program.Invocation) -> Configuration:
    assert invocation.configuration is not None
    return invocation.configuration


def _unordered_labels(info: Case) -> Case:
    return info | {"Labels": sorted(info["Labels"])}


@pytest.mark.parametrize("case", rows(RUNNING))
def test_a_start_warns_of_what_dockerd_warned_of(case: Case) -> None:
    verdict = check.check_case(case)

    logged = {_console(line) for line in verdict.log if line[0] != "info"}
    logged |= {f'level=warning msg="{text}"' for text in _validation_warnings(case)}
    assert logged == set(case["start"].get("warnings", []))


def _validation_warnings(case: Case) -> list[str]:
    return [
        line.split('msg="')[1][:-1] for line in check.check_case(case).message.split("\n") if "msg=" in line
    ]


def _console(line: startup.LogLine) -> str:
    level, message, fields = line
    return f'level={level} msg="{message}"' + "".join(f' {name}="{fields[name]}"' for name in sorted(fields))


def test_an_empty_configuration_amounts_to_what_dockerd_logged() -> None:
    machine = check.recorded_machine({"daemon_json": None})

    configuration = _configuration(program.read([], machine))

    assert dump.members(configuration.values) == START["empty_configuration"]["config"]
    assert list(dump.members(configuration.values)) == list(START["empty_configuration"]["config"])


def test_the_recorded_cases_come_out_as_one_json_line_each() -> None:
    command = [sys.executable, "-m", "rehearsal.engine.check", "--json", str(RECORDED / "validate.json")]

    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    lines = [json.loads(line) for line in output.splitlines()]
    assert [(line["id"], line["accepted"]) for line in lines] == [(c["id"], c["accepted"]) for c in VALIDATE]
    assert {frozenset(line) for line in lines} == {frozenset({"id", "accepted", "starts", "message"})}


def test_every_case_gets_its_line_in_order_whatever_it_is(tmp_path: Path) -> None:
    odd: list[Any] = [
        {},
        {"id": "no-flags", "daemon_json": '{"nonsense": 1}'},
        {"id": "deep", "daemon_json": '{"nonsense": ' + "[" * 9000 + "]" * 9000 + "}"},
        {"id": "deeper", "daemon_json": "[" * 20000},
        {"id": "no-base64", "daemon_json_base64": "x"},
        {"id": "other-types", "flags": "-D", "env": ["A=B"], "cwd": None, "file_place": 7, "title": None},
        {"id": "surrogate", "flags": ["--label", "\ud800"]},
        "text",
        None,
    ]
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(odd), encoding="utf-8")
    command = [sys.executable, "-m", "rehearsal", "check", "--json", str(cases)]

    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["id"] for line in lines] == [
        case.get("id") if isinstance(case, dict) else None for case in odd
    ]
    refused = {line["id"]: line["message"].rpartition(": ")[2] for line in lines if not line["accepted"]}
    assert refused["no-flags"] == refused["deep"] == "nonsense"
    assert refused["deeper"] == "exceeded max depth"


def test_what_a_case_expects_has_no_part_in_its_verdict() -> None:
    answers = {"accepted", "message", "exit_code", "start", "message_windows", "message_go126", "lesson"}
    for case in VALIDATE:
        question = {name: value for name, value in case.items() if name not in answers}
        turned = question | {"accepted": not case["accepted"], "message": "x", "start": {"outcome": "x"}}

        assert _said(check.check_case(turned)) == _said(check.check_case(question))


def _said(verdict: check.Verdict) -> tuple[bool, bool, str]:
    return verdict.accepted, verdict.starts, verdict.message


@pytest.mark.parametrize("case", rows(START["reload"]))
def test_a_reload_takes_up_what_dockerd_took_up(case: Case) -> None:
    engine = _Reloading(case)

    before = engine.brief()
    outcome = engine.reload(case["after"])

    expected = case["info_before"] | (case["info_after"] if isinstance(case["info_after"], dict) else {})
    assert before == case["info_before"]
    assert engine.brief() == expected
    assert outcome.changed == case["reloaded"]
    assert [engine.console(line) for line in outcome.log] == case["messages"]
    shown = dump.members(outcome.configuration.values)
    assert {key: shown.get(key) for key in case.get("config_after", {})} == case.get("config_after", {})


@pytest.mark.parametrize("case", rows([c for c in RUNNING if "config_after_a_reload" in c["start"]]))
def test_the_logged_configuration_is_dockerds(case: Case) -> None:
    machine = check.recorded_machine(case)
    flags = [flag.replace("<config>", "C:\\g\\config.json") for flag in case["flags"] if flag != "--validate"]
    invocation = program.read(flags, machine)
    configuration = _configuration(invocation)
    trust = startup.start(configuration, machine).trust

    reloaded = reload.reload(configuration, trust, invocation.flags, machine)

    empty = START["empty_configuration"]["config"]
    shown = dump.members(reloaded.configuration.values)
    difference = {key: shown.get(key) for key in {*shown, *empty} if shown.get(key) != empty.get(key)}
    assert _sorted_labels(difference) == _sorted_labels(case["start"]["config_after_a_reload"])


def _sorted_labels(config: Case) -> Case:
    return config | ({"labels": sorted(config["labels"])} if "labels" in config else {})


class _Reloading:
    """A daemon that was started with a recorded file and is told to reload."""

    def __init__(self, case: Case) -> None:
        named = case["file"].startswith("named")
        self.place = NAMED_FILE if named else DEFAULT_FILE
        self.machine = check.recorded_machine({"daemon_json": None})
        self.put(case["before"])
        flags = [*(["--config-file", NAMED_FILE] if named else []), *case["flags"]]
        self.invocation = program.read(flags, self.machine)
        self.configuration = _configuration(self.invocation)
        self.started = startup.start(self.configuration, self.machine)

    def put(self, text: str | None) -> None:
        files = {path: content for path, content in self.machine.files.items() if path != self.place}
        if text is not None:
            files[self.place] = text.encode()
        self.machine = replace(self.machine, files=files)

    def reload(self, text: str | None) -> reload.Reloaded:
        self.put(text)
        outcome = reload.reload(self.configuration, self.started.trust, self.invocation.flags, self.machine)
        self.configuration, self.started.trust = outcome.configuration, outcome.trust
        return outcome

    def brief(self) -> Case:
        info = startup.info(self.configuration, self.started, self.machine.environment)
        return {
            "insecure": info["insecure_registries"],
            "mirrors": info["mirrors"],
            "labels": info["Labels"],
            "debug": info["Debug"],
            "data_root": info["DockerRootDir"],
            "isolation": info["Isolation"],
            "http_proxy": info["HttpProxy"],
            "log_driver": info["LoggingDriver"],
        }

    def console(self, line: startup.LogLine) -> str:
        level, message, fields = line
        text = f'level={level} msg="{message}"'
        if "config" in fields:
            return text + " config=..."
        error = fields["error"].replace(self.place, "<config>")
        return text + " error=" + json.dumps(error, ensure_ascii=False)
