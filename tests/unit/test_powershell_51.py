"""Every command that the rollout can send is one that Windows PowerShell 5.1 understands as it is meant.

Sent is what steps, facts and the proof make; that nothing else is, is read in the sources. What 5.1 has is
``powershell-5.1.json``.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_powershell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

import deploy
from deploy import commands, connector_scripts, powershell, windows_command_line
from deploy.facts import JsonFact
from deploy.plan import (
    container_wanted,
    plan_container,
    plan_directory,
    plan_engine,
    plan_firewall,
    plan_image,
    plan_service,
)
from deploy.plan.private import plan_private_files
from deploy.plan.trust import TrustFound, plan_trust
from deploy.settings import ImageSettings, LabSettings, ServiceSettings
from deploy.state import (
    ContainerState,
    DirectoryState,
    FirewallRuleState,
    HnsEndpointState,
    MountState,
    RecoveryState,
    ServiceState,
)
from deploy.steps import Step
from deploy.trust import commands as trust_commands
from rehearsal import command_line
from tests.unit import powershell_51, sent_commands
from tests.unit.powershell_51 import CMDLETS, COMMON, LIST, PROGRAMS, Call, Unreadable, objections, read
from tests.unit.sent_commands import TEXT, UPLOADS
from tests.unit.test_plan_engine_carried_out import CHANGES, bare_host, wanted_of
from tests.unit.test_powershell import needs_quotes_in_51
from tests.unit.test_trust_plan import CONFIG, NOTHING
from tests.unit.test_trust_plan import WANTED as TRUST

Sent = tuple[list[str], list[tuple[str, ...]]]
"""Commands, and the programs in them with the arguments that they are to get."""

DEPLOY = Path(deploy.__file__).parent
PARSER = Parser(Language(tree_sitter_powershell.language()))
ADDRESS = LabSettings().registry.ip
QUESTIONS = sent_commands.questions()
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def meant(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What every program is to get, in the order in which commands are made."""
    programs: list[tuple[str, ...]] = []

    def native(program: str, *arguments: str | int) -> str:
        programs.append((program, *map(str, arguments)))
        return powershell.native(program, *arguments)

    for module in (commands, trust_commands):
        monkeypatch.setattr(module, "native", native)
    return programs


def nodes(text: str) -> Iterator[Node]:
    # The grammar does not know PowerShell's other single quotes: show it plain ones.
    waiting = [PARSER.parse(re.sub(f"[{powershell_51.SINGLE}]", "'", text).encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


def begins_without_quote(argument: str) -> bool:
    """The other account of when 5.1 quotes: at every blank, unless the argument begins with a quote."""
    return any(character.isspace() for character in argument) and not argument.startswith('"')


def through_51(call: Call, needs_quotes: Callable[[str], bool]) -> list[str]:
    """The arguments that a program finds: 5.1 writes a command line, and the program takes it apart."""
    written = [f'"{each}"' if needs_quotes(each) else each for each in call.arguments if each]
    line = " ".join([call.name, *written])
    assert windows_command_line.split(line) == command_line.split(line)
    return windows_command_line.split(line)


def assert_understood(texts: list[str], meant: list[tuple[str, ...]]) -> None:
    """The three promises: it parses, 5.1 has it, and programs get what was meant."""
    calls: list[Call] = []
    for text in texts:
        assert not [node for node in nodes(text) if node.is_error or node.is_missing], text
        calls += read(text)
    programs = [call for call in calls if call.is_program]

    assert [objection for call in calls for objection in objections(call)] == []
    for rule in (needs_quotes_in_51, begins_without_quote):
        assert [tuple(through_51(call, rule)) for call in programs] == meant


# What is sent


@pytest.mark.parametrize("kind", sent_commands.STEPS, ids=lambda kind: kind.__name__)
@QUICK
@given(data=st.data())
def test_a_step_with_anything_in_it_is_understood(
    kind: type[Step], data: st.DataObject, meant: list[tuple[str, ...]]
) -> None:
    step = data.draw(sent_commands.any_step(kind))
    meant.clear()

    texts = trust_commands.commands(step)

    assert texts
    assert_understood(texts, meant)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
@QUICK
@given(data=st.data())
def test_a_question_about_anything_is_understood(
    name: str, data: st.DataObject, meant: list[tuple[str, ...]]
) -> None:
    meant.clear()

    text = data.draw(sent_commands.answers_of(QUESTIONS[name]))

    assert_understood([text], meant)


@pytest.mark.parametrize("fact", sent_commands.FACTS, ids=lambda fact: fact.__name__)
@QUICK
@given(data=st.data())
def test_a_fact_asks_what_is_understood(
    fact: type[JsonFact[Any]], data: st.DataObject, meant: list[tuple[str, ...]]
) -> None:
    meant.clear()

    text = data.draw(sent_commands.asked_by(fact))

    assert_understood([text], meant)


@QUICK
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(set(CHANGES) - {"data root as flag"})), st.integers(0, 14)),
        min_size=1,
    )
)
def test_what_changes_the_engine_is_understood_wherever_a_run_broke_off(
    meant: list[tuple[str, ...]], chain: list[tuple[str, int]]
) -> None:
    host = bare_host("data root as key")
    for name, cut in chain:
        plan = plan_engine(wanted_of(name), host.found())
        meant.clear()

        assert_understood([*sent_commands.sent_for([*plan.steps, *plan.rollback])], meant)

        if not any(type(step).__name__ == "Refuse" for step in plan.steps):
            host.carry_out(plan.steps[:cut])


PLACES = st.sampled_from([ADDRESS, "172.24.194.97", ""])
NAMES = st.sampled_from(["registry", "other"])
CONTAINERS = st.builds(
    ContainerState,
    name=NAMES,
    id=st.just("c0"),
    image=st.sampled_from(["registry-lab/registry:0", "registry-lab/registry:1"]),
    running=st.booleans(),
    restart=st.sampled_from(["unless-stopped", "no"]),
    ports=st.sampled_from([{}, {"5000/tcp": ("5000",)}]),
    mounts=st.sampled_from([(), (MountState(r"C:\registry-data", r"c:\data", writable=True),)]),
    networks=st.fixed_dictionaries({"nat": PLACES}),
    addresses=st.fixed_dictionaries({"nat": PLACES}),
)
ENDPOINTS = st.builds(HnsEndpointState, st.just("e1"), st.just("x"), PLACES, st.just("nat"))
SECURITY = st.sampled_from(
    [
        None,
        "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
        "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;S-1-5-93-2-1)",
        "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;AU)(A;OICI;FA;;;S-1-5-21-7)",
    ]
)
RULES = st.builds(
    FirewallRuleState,
    name=st.sampled_from(["registry-lab-5000", "registry-lab-80", "other"]),
    enabled=st.booleans(),
    inbound=st.booleans(),
    allows=st.booleans(),
    protocol=st.sampled_from(["TCP", "UDP"]),
    ports=st.sampled_from([(), ("5000",), ("80", "81")]),
)
SERVICES = st.builds(
    ServiceState,
    name=st.just("docker"),
    exists=st.just(value=True),
    start_mode=st.sampled_from(["auto", "delayed-auto", "manual"]),
    depends_on=st.sampled_from([(), ("hns",), ("HNS", "vmcompute")]),
    recovery=st.none() | st.just(RecoveryState(0, ())),
    recovers_failed_stop=st.booleans(),
)


@pytest.fixture
def plans(meant: list[tuple[str, ...]]) -> Callable[[list[Step]], None]:
    """Judge a plan."""

    def judge(plan: list[Step]) -> None:
        meant.clear()
        assert_understood([*sent_commands.sent_for(plan)], meant)

    return judge


@QUICK
@given(
    found=st.lists(CONTAINERS, max_size=2, unique_by=lambda each: each.name),
    endpoints=st.lists(ENDPOINTS, max_size=2),
    value=TEXT,
)
def test_what_changes_a_container_is_understood(
    plans: Callable[[list[Step]], None],
    found: list[ContainerState],
    endpoints: list[HnsEndpointState],
    value: str,
) -> None:
    registry = {"environment": {"REGISTRY_HTTP_SECRET": value}}
    wanted = container_wanted(LabSettings.model_validate({"registry": registry}), "registry-lab/registry:1")

    plan = plan_container(wanted, found, endpoints)

    plans(plan)


@QUICK
@given(sddl=SECURITY, hashes=st.sampled_from([{}, {"a": "00"}]))
def test_what_changes_a_directory_is_understood(
    plans: Callable[[list[Step]], None], sddl: str | None, hashes: dict[str, str]
) -> None:
    path = r"C:\registry data"
    found = DirectoryState(path, sddl)

    plan = [*plan_directory(path, found), *plan_private_files(path, found, {"a": b"1"}, hashes)]

    plans(plan)


@QUICK
@given(rules=st.lists(RULES, max_size=3), service=SERVICES, tags=st.sets(st.just("x:1")))
def test_what_changes_firewall_service_and_image_is_understood(
    plans: Callable[[list[Step]], None],
    rules: list[FirewallRuleState],
    service: ServiceState,
    tags: set[str],
) -> None:
    wanted = ServiceSettings.model_validate(
        {"start_mode": "auto", "depends_on": ["hns"], "recovery": {"restart_after": [15, 60]}}
    )

    plan = [
        *plan_firewall(5000, rules),
        *plan_service(wanted, service),
        *plan_image(ImageSettings(), "0123456789abcdef", tags),
    ]

    plans(plan)


@pytest.mark.parametrize("containerd", [False, True])
@QUICK
@given(sddl=SECURITY)
def test_what_a_host_trusts_is_told_in_understood_commands(
    plans: Callable[[list[Step]], None], containerd: bool, sddl: str | None
) -> None:
    found = TrustFound({}, NOTHING.hosts, frozenset(), {CONFIG: (b"", DirectoryState(CONFIG, sddl))})

    plan = plan_trust(TRUST, found, containerd=containerd)

    plans(plan)


@pytest.mark.parametrize("name", ["EPILOGUE", "RESET_EXIT_CODE", "PUT", "GET"])
def test_a_script_of_the_connector_has_only_cmdlets_of_51(name: str) -> None:
    found = list(nodes(getattr(connector_scripts, name)))

    assert not [node for node in found if node.is_error or node.is_missing]
    for command in (node for node in found if node.type == "command"):
        given = {
            node.text.decode().removeprefix("-")
            for node in nodes(command.text.decode() if command.text else "")
            if node.type == "command_parameter" and node.text
        }
        cmdlet = (command.text or b"").decode().split()[0]
        assert given
        assert any(given <= set(names) for names in CMDLETS[cmdlet]["sets"])


# That nothing else is sent


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(DEPLOY.rglob("*.py")):
        yield path.relative_to(DEPLOY).as_posix(), ast.parse(path.read_text("utf-8"))


def callers(name: str) -> dict[str, list[str]]:
    """Who calls a function or method of that name, and with what as its first argument."""
    found: dict[str, list[str]] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                found.setdefault(path, []).append(ast.unparse(node.args[0]) if node.args else "")
    return found


def test_two_modules_alone_write_powershell() -> None:
    writers = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "deploy.powershell")
        or (isinstance(node, ast.Import) and "deploy.powershell" in {each.name for each in node.names})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "deploy"
            and "powershell" in {each.name for each in node.names}
        )
    }

    assert writers == {"commands.py", "trust/commands.py"}


def test_a_host_is_sent_what_facts_and_steps_say_and_nothing_else() -> None:
    assert callers("run_shell_command") == {
        "operations/acting.py": ["StringCommand(asked.command(**arguments))"],
        "operations/hands.py": ["StringCommand(command)"],
    }
    scripts = callers("add_script")
    assert {path: sorted(firsts) for path, firsts in scripts.items()} == {
        "connector_session.py": ["EPILOGUE", "RESET_EXIT_CODE", "script", "text"]
    }
    assert not {**callers("add_cmdlet"), **callers("add_command"), **callers("execute_ps")}


def test_hands_are_given_commands_that_are_tried_here() -> None:
    given = [
        first for path, firsts in callers("run").items() if path.startswith("operations/") for first in firsts
    ]

    tried = {f"commands.{name}" for name in QUESTIONS}
    assert given
    assert {first.partition("(")[0] for first in given} <= {*tried, "command"}


def test_facts_ask_questions_that_are_tried_here() -> None:
    tree = dict(sources())["facts.py"]
    asked = {
        ast.unparse(node.func)
        for method in ast.walk(tree)
        if isinstance(method, ast.FunctionDef) and method.name == "command"
        for statement in ast.walk(method)
        if isinstance(statement, ast.Return)
        for node in [statement.value]
        if isinstance(node, ast.Call)
    }

    assert asked <= {f"commands.{name}" for name in QUESTIONS} | set(QUESTIONS)
    assert len(sent_commands.FACTS) == sum(
        isinstance(node, ast.FunctionDef) and node.name == "command" for node in ast.walk(tree)
    )


def test_every_step_is_an_upload_or_made_of_commands() -> None:
    for kind in UPLOADS:
        assert trust_commands.commands.dispatch(kind) is trust_commands.commands.dispatch(Step)
    for step in sent_commands.STEPS:
        assert trust_commands.commands.dispatch(step) is not trust_commands.commands.dispatch(Step)


# That the judge can say no


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        pytest.param(
            "ConvertTo-Json -AsArray -InputObject @(Get-Date)", "no parameter -AsArray", id="only in 7"
        ),
        pytest.param("Get-Content -Path a -AsByteStream", "no parameter -AsByteStream", id="only in 7, too"),
        pytest.param("Get-Content -LP a", "no parameter -LP", id="alias of 7"),
        pytest.param("Get-Content -First 3 -Path a", "no parameter -First", id="alias of 5.1"),
        pytest.param("Get-Uptime", "not on the list of cmdlets", id="cmdlet of 7"),
        pytest.param("gci", "not on the list of programs", id="alias of a cmdlet"),
        pytest.param("get-content -Path a", "not on the list of cmdlets", id="case"),
        pytest.param("Get-Content -Path a -Raw:$true -Raw", "twice", id="twice"),
        pytest.param("Get-Content -Path a -LiteralPath b", "no parameter set", id="two sets"),
        pytest.param("Get-Content -Raw 5 -Path a", "takes switch", id="switch with a value"),
        pytest.param("Get-Content -Path", "takes String[]", id="no value"),
        pytest.param("Get-Content -Path a -Tail 'x'", "takes Int32", id="text for a number"),
        pytest.param("Get-Content -Path a -Encoding utf8NoBOM", "takes FileSystem", id="encoding of 7"),
        pytest.param("Expand-Archive -LiteralPath 'a','b'", "takes String, not", id="list for a text"),
        pytest.param("New-NetFirewallRule -DisplayName a -Enabled:$true", "takes Enabled", id="no boolean"),
        pytest.param("Get-Item -Path @(Get-Date)", "takes String[]", id="pipeline for a text"),
        pytest.param("sc.exe create docker 'binPath=' x", "no create", id="sc.exe: verb"),
        pytest.param("sc.exe config docker binPath x", "does not know binPath", id="sc.exe: no equals sign"),
        pytest.param(
            "sc.exe config docker 'start=' automatic", "does not take automatic", id="sc.exe: value"
        ),
        pytest.param("sc.exe config docker 'start='", "lacks a value", id="sc.exe: value missing"),
        pytest.param("icacls.exe a /grand b", "no /grand", id="icacls.exe"),
        pytest.param("icacls.exe /grant b", "wants a path", id="icacls.exe: no path"),
        pytest.param("docker container run --ipaddr 1 b", "no --ipaddr", id="docker: flag"),
        pytest.param("docker container eat b", "no container eat", id="docker: command"),
        pytest.param("docker image ls --format", "lacks its value", id="docker: value missing"),
        pytest.param("dockerd --live-restore", "no --live-restore", id="dockerd: a flag of Linux"),
        pytest.param("bcdedit.exe a", "not on the list of programs", id="program"),
    ],
)
def test_what_51_does_not_know_is_objected_to(text: str, objection: str) -> None:
    found = [each for call in read(text) for each in objections(call)]

    assert any(objection in each for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Get-Content a", id="by position"),
        pytest.param("Get-Date; Get-Date", id="two statements"),
        pytest.param("Get-Item -Path $x", id="variable"),
        pytest.param('Get-Item -Path "x"', id="double quotes"),
        pytest.param("Get-Item -Path (Get-Date)", id="subexpression"),
        pytest.param("Get-Item -Path 'it’s'", id="typographic quote"),
        pytest.param("docker -x.y", id="taken apart"),
        pytest.param("docker a=b,c", id="comma"),
        pytest.param("docker 2>$null", id="redirection"),
        pytest.param("Where-Object -FilterScript { $_ }", id="script block"),
    ],
)
def test_what_the_rollout_may_not_send_is_not_even_read(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_a_quote_that_51_would_lose_is_noticed() -> None:
    (call,) = read("docker 'say \"x\"'")

    assert through_51(call, needs_quotes_in_51) != ["docker", 'say "x"']


# The list itself


@pytest.mark.parametrize("name", [*CMDLETS, *PROGRAMS])
def test_an_entry_names_its_source_and_says_what_nobody_compared(name: str) -> None:
    entry = {**CMDLETS, **PROGRAMS}[name]

    assert entry["source"].startswith("https://")
    assert entry["since"]
    assert entry["reviewed"] in (True, False)
    assert entry["reviewed"] or entry["note"]
    assert not entry.get("unreviewed") or entry["note"]


@pytest.mark.parametrize("name", CMDLETS)
def test_an_entry_is_of_one_piece(name: str) -> None:
    entry = CMDLETS[name]
    names = set(entry["parameters"])

    assert {each for those in entry["sets"] for each in those} == names
    assert names.isdisjoint(COMMON["parameters"])
    for key in ("aliases", "choices", "parameters_since"):
        assert set(entry.get(key, {})) <= names
    assert set(entry["positional"]) | set(entry.get("unreviewed", ())) <= names
    assert entry["module"]


def test_the_list_says_what_its_words_mean() -> None:
    assert {"about", "reviewed_means", "since_means"} <= set(LIST)


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client is installed")
@pytest.mark.parametrize(
    ("form", "flags"),
    [pytest.param(form, flags, id=form) for form, flags in PROGRAMS["docker"]["forms"].items()],
)
def test_docker_itself_knows_the_flags_on_the_list(form: str, flags: dict[str, str]) -> None:
    asked = ["docker", *form.split(), "--help"]

    shown = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout

    for flag, kind in flags.items():
        found = re.search(rf"(?m)^ +(?:-\w, )?{flag}( \w+)? {{2,}}", shown)
        assert found, flag
        assert bool(found[1]) == (kind == "value"), flag


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is installed")
def test_curl_itself_knows_the_flags_on_the_list() -> None:
    shown = subprocess.run(
        ["curl", "--help", "all"], capture_output=True, text=True, check=True, timeout=30
    ).stdout

    for flag, kind in PROGRAMS["curl.exe"]["forms"][""].items():
        found = re.search(rf"(?m)^ *(?:-\w, )?{flag}( <[^>]+>)? ", shown)
        assert found, flag
        assert bool(found[1]) == (kind == "value"), flag
