"""Every command is one pipeline that Windows PowerShell 5.1 can read, and says what its step says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from deploy import commands, steps
from deploy.commands import commands as commands_of
from deploy.steps import Step

PARSER = Parser(Language(tree_sitter_powershell.language()))
TRICKY = r"C:\Program Files\it's a ‘test’ $x `y; z"

STEPS: list[Step] = [
    steps.Refuse("it's broken", "mend it"),
    steps.MakeDirectory(TRICKY),
    steps.GrantModify(r"C:\registry-data"),
    steps.CopyFile("a", TRICKY),
    steps.MoveFile(TRICKY, "b"),
    steps.RemovePath(TRICKY),
    steps.RemoveFile(TRICKY),
    steps.EmptyDirectory(TRICKY),
    steps.ExpandArchive("z.zip", TRICKY),
    steps.ValidateOptions(r"C:\x.json", ("-G", "docker", "--label", 'note=say "hello there"')),
    steps.RegisterService(("-H", "npipe://", "--tls=false")),
    steps.SetCommandLine("docker", r'"C:\Program Files\docker\dockerd.exe" --run-service', "x"),
    steps.SetStartMode("docker", "delayed-auto"),
    steps.SetRecovery("docker", 86400, (15, 15, 60)),
    steps.SetRecoveryOnFailedStop("docker", on=True),
    steps.SetDependencies("docker", ("hns", "vmcompute")),
    steps.SetDependencies("docker", ()),
    steps.StopService("docker"),
    steps.StartService("docker"),
    steps.ReloadOptions("docker"),
    steps.AwaitEngine(60),
    steps.ProveOptions({}, ()),
    steps.StartContainer("registry"),
    steps.StopContainer("registry"),
    steps.RemoveContainer("registry", "differs"),
    steps.RenameContainer("registry", "registry-lab-replaced", "differs"),
    steps.SetRestartPolicy("registry", "on-failure:3"),
    steps.RunContainer(
        "registry",
        "registry-lab/registry:0123456789ab",
        "nat",
        "172.24.194.96",
        "unless-stopped",
        {5000: 5000},
        {TRICKY: r"C:\data"},
        {"REGISTRY_HTTP_SECRET": 'it\'s "so" $x', "EMPTY": ""},
        {"registry-lab.environment": "1"},
    ),
    steps.AwaitContainer("registry"),
    steps.AwaitRegistry("registry", "https://172.24.194.96:5000/v2/"),
    steps.BuildImage("registry-lab/registry:0123456789ab", r"C:\ProgramData\registry-lab\build\0123456789ab"),
    steps.RemoveImage("registry-lab/registry:0123456789ab"),
    steps.RemoveHnsNetwork("nat"),
    steps.RemoveHnsEndpoint("172.24.194.96"),
    steps.AddFirewallRule("registry-lab-5000", "registry-lab 5000/tcp", 5000),
    steps.RemoveFirewallRule("registry-lab-5000"),
]
LOGIC = {
    "script_block",
    "assignment_expression",
    "redirection",
    "sub_expression",
    "if_statement",
    "foreach_statement",
}
NOT_COMMANDS = {steps.PutFile, steps.PutArchive, steps.RememberContainers}

QUESTIONS = {
    "windows_version": commands.windows_version(),
    "service": commands.service("docker"),
    "service_key": commands.service_key("docker"),
    "paths_exist": commands.paths_exist([TRICKY, "b"]),
    "file_text": commands.file_text(TRICKY),
    "file_hash": commands.file_hash(TRICKY),
    "directory_listing": commands.directory_listing(TRICKY),
    "permissions": commands.permissions(TRICKY),
    "firewall_rules": commands.firewall_rules(),
    "firewall_ports": commands.firewall_ports(),
    "routes": commands.routes(),
    "hns_networks": commands.hns_networks(),
    "hns_endpoints": commands.hns_endpoints(),
    "engine_events": commands.engine_events(),
    "engine_version": commands.engine_version(),
    "engine_info": commands.engine_info(),
    "container_list": commands.container_list(),
    "container_details": commands.container_details(["a", "b"]),
    "container_log": commands.container_log("registry"),
    "network_list": commands.network_list(),
    "network_details": commands.network_details("nat"),
    "image_list": commands.image_list(),
    "image_details": commands.image_details(["a:b"]),
    "pull": commands.pull("sixeyed/hello-world:nanoserver"),
    "push": commands.push("172.24.194.96:5000/labs/hello-world:nanoserver"),
    "tag": commands.tag("a:b", "172.24.194.96:5000/a:b"),
    "remove_image": commands.remove_image("a@sha256:" + 64 * "0"),
}
TEXTS = [pytest.param(text, id=name) for name, text in QUESTIONS.items()] + [
    pytest.param(text, id=type(step).__name__) for step in STEPS for text in commands_of(step)
]


def nodes(text: str) -> Iterator[Node]:
    # The grammar does not know that PowerShell takes typographic quotes for quotes: show it plain ones.
    waiting = [PARSER.parse(text.replace("‘", "'").replace("’", "'").encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


def test_every_step_is_tried_here() -> None:
    every = {
        each
        for _, each in inspect.getmembers(steps, inspect.isclass)
        if issubclass(each, Step) and each is not Step
    }

    assert every == {type(step) for step in STEPS} | NOT_COMMANDS


@pytest.mark.parametrize("text", TEXTS)
def test_a_command_is_powershell(text: str) -> None:
    wrong = [node for node in nodes(text) if node.is_error or node.is_missing]

    assert not wrong


@pytest.mark.parametrize("text", TEXTS)
def test_a_command_is_one_pipeline_without_logic(text: str) -> None:
    found = list(nodes(text))

    types = [node.type for node in found]
    variables = {node.text for node in found if node.type == "variable"} - {b"$true", b"$false"}
    assert not variables
    assert not set(types) & LOGIC
    assert types.count("pipeline") == 1 + types.count("array_expression")  # one of its own within @( … )


@pytest.mark.parametrize("text", TEXTS)
def test_a_command_is_one_line(text: str) -> None:
    assert "\n" not in text


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in QUESTIONS.items() if "ConvertTo-Json" in text]
)
def test_a_question_always_prints_something(text: str) -> None:
    """Piped into ConvertTo-Json, nothing would print nothing; as -InputObject it prints []."""
    assert text.startswith("ConvertTo-Json -Compress")
    assert "-InputObject @(" in text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        pytest.param(
            steps.SetCommandLine(
                "docker", r'"C:\Program Files\docker\dockerd.exe" --run-service -H npipe://', "x"
            ),
            r"""sc.exe config docker 'binPath=' '\"C:\Program Files\docker\dockerd.exe\" --run-service -H npipe://'""",
            id="the command line of a service",
        ),
        pytest.param(
            steps.GrantModify(r"C:\registry-data"),
            r"icacls.exe C:\registry-data /grant '*S-1-5-11:(OI)(CI)M'",
            id="permissions",
        ),
        pytest.param(
            steps.SetRecovery("docker", 86400, (15, 15, 60)),
            "sc.exe failure docker 'reset=' 86400 'actions=' restart/15000/restart/15000/restart/60000",
            id="recovery",
        ),
        pytest.param(
            steps.SetDependencies("docker", ()), "sc.exe config docker 'depend=' /", id="no dependencies"
        ),
        pytest.param(
            steps.RegisterService(("-G", "docker", "-H", "0.0.0.0:2375", "--tls=false")),
            "dockerd --register-service -G docker -H 0.0.0.0:2375 '--tls=false'",
            id="registration",
        ),
        pytest.param(
            steps.RemoveHnsNetwork("nat"),
            "Get-HnsNetwork -ErrorAction Stop | Where-Object -Property Name -EQ -Value nat"
            " | Remove-HnsNetwork",
            id="network",
        ),
        pytest.param(
            steps.Refuse("it's broken", "mend it"),
            "throw 'it''s broken; mend it'",
            id="refusal",
        ),
    ],
)
def test_a_step_is_done_by_this_command(step: Step, text: str) -> None:
    assert commands_of(step) == [text]


def test_containers_that_ran_are_written_down_as_json() -> None:
    put = commands.remembered(steps.RememberContainers(r"C:\x.json", ("db", "wëb")))

    assert put == steps.PutFile(r"C:\x.json", '["db", "wëb"]\n')


@pytest.mark.parametrize(
    "step", [steps.PutFile("p", "t"), steps.PutArchive("p", "f")], ids=["file", "archive"]
)
def test_an_upload_is_no_command(step: Step) -> None:
    with pytest.raises(TypeError, match="not done by commands"):
        commands_of(step)
