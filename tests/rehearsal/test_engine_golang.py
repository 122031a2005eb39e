"""What the engine model takes from Go: it reads and words things as Go does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.daemon.keys import CONFIG
from rehearsal.engine.golang import jsontext, netip, strconv, urls
from rehearsal.engine.golang.jsontypes import Misfits, check_floats, decode_struct
from rehearsal.engine.golang.pflag import (
    Flag,
    FlagError,
    FlagSet,
    ListValue,
    SwitchValue,
    TextValue,
    WholeValue,
)
from rehearsal.engine.golang.quoting import format_float, format_value, quote
from rehearsal.engine.golang.template import Template, TemplateError

ANSWERS = json.loads((Path(__file__).parents[1] / "recorded" / "go.json").read_text(encoding="utf-8"))


def _map(text: str) -> str:
    value = jsontext.parse(text)
    misfits = Misfits("")
    if isinstance(value, jsontext.JsonObject):
        check_floats(value, misfits)
    elif value is not None:
        misfits.add(value, "map[string]interface {}")
    return misfits.messages[0] if misfits.messages else f"OK {format_value(jsontext.plain(value) or {})}"


def _config(text: str) -> str:
    decode_struct(jsontext.parse(text), CONFIG, "Config")
    return "OK"


def _url(text: str) -> str:
    url = urls.parse(text)
    parts = (url.scheme, url.host, url.path, url.raw_query, url.fragment, url.hostname, url.port, str(url))
    return "OK " + " ".join(map(quote, parts))


READERS: dict[str, Callable[[str], str]] = {
    "map": _map,
    "config": _config,
    "addr": lambda text: f"OK {netip.parse_address(text)}",
    "prefix": lambda text: f"OK {netip.parse_prefix(text)}",
    "url": _url,
    "int0": lambda text: str(strconv.parse_int(text)),
    "atoi": lambda text: str(strconv.atoi(text)),
    "float": lambda text: format_float(strconv.parse_float(text)),
    "quote": quote,
}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=f"{row['kind']} {row['text']!r}") for row in ANSWERS if row["kind"] in READERS],
)
def test_go_answers_the_same(row: dict[str, str]) -> None:
    try:
        answer = READERS[row["kind"]](row["text"])
    except ValueError as error:
        answer = str(error)

    assert answer == row["answer"]


DURATIONS = [row for row in ANSWERS if row["kind"] == "duration" and row["answer"].startswith("time:")]


@pytest.mark.parametrize("row", [pytest.param(row, id=repr(row["text"])) for row in DURATIONS])
def test_go_refuses_the_same_durations_in_the_same_words(row: dict[str, str]) -> None:
    with pytest.raises(strconv.ParseError) as refused:
        strconv.parse_duration(row["text"])

    assert str(refused.value) == row["answer"]


def test_durations_are_seconds() -> None:
    assert [strconv.parse_duration(text) for text in ("1h", "1m30s", "100ms", "-1s")] == [3600, 90, 0.1, -1]


@pytest.mark.parametrize(
    ("text", "count"),
    [("40GB", 40 << 30), ("1.5k", 1536), ("7", 7), ("5 MiB", 5 << 20), ("0.5b", 0)],
)
def test_sizes_are_powers_of_1024(text: str, count: int) -> None:
    assert strconv.ram_in_bytes(text) == count


@pytest.mark.parametrize("text", ["big", "10XB", "10GiBs", "-1k", ""])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(strconv.ParseError):
        strconv.ram_in_bytes(text)


def flags() -> FlagSet:
    return FlagSet(
        [
            Flag("debug", SwitchValue(), "D"),
            Flag("group", TextValue(), "G"),
            Flag("host", ListValue(), "H"),
            Flag("mtu", WholeValue()),
        ]
    )


@pytest.mark.parametrize(
    ("words", "group", "hosts", "rest"),
    [
        pytest.param(["-G", "docker", "x"], "docker", [], ["x"], id="short with a blank"),
        pytest.param(["-Gdocker"], "docker", [], [], id="short, joined"),
        pytest.param(["-G=docker"], "docker", [], [], id="short with ="),
        pytest.param(["-DG", "docker"], "docker", [], [], id="a row of shorts"),
        pytest.param(["--group", "a", "--group=b"], "b", [], [], id="the last one wins"),
        pytest.param(["-H", "a", "--host=b", "-Hc"], "", ["a", "b", "c"], [], id="lists add up"),
        pytest.param(["--", "-G", "x"], "", [], ["-G", "x"], id="two dashes end the flags"),
        pytest.param(["-", "--group", ""], "", [], ["-"], id="one dash is a word"),
    ],
)
def test_flags_are_read_as_pflag_reads_them(
    words: list[str], group: str, hosts: list[str], rest: list[str]
) -> None:
    given = flags()

    given.parse(words)

    assert given.flags["group"].value.value == group
    assert given.flags["host"].value.value == hosts
    assert given.arguments == rest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nonsense"], "unknown flag: --nonsense"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-Dx"], "unknown shorthand flag: 'x' in -x"),
        (["--group"], "flag needs an argument: --group"),
        (["-DG"], "flag needs an argument: 'G' in -G"),
        (["--=x"], "bad flag syntax: --=x"),
        (["---group"], "bad flag syntax: ---group"),
        (
            ["--mtu", "x"],
            'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            ["-D=x"],
            'invalid argument "x" for "-D, --debug" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
    ],
)
def test_flags_are_refused_in_pflags_words(words: list[str], message: str) -> None:
    with pytest.raises(FlagError) as refused:
        flags().parse(words)

    assert str(refused.value) == message


DATA: dict[str, Any] = {
    "Id": "abc",
    "Name": "/registry",
    "State": {"Running": True, "ExitCode": 0},
    "Mounts": [{"Source": "C:\\a"}, {"Source": "C:\\b"}],
    "Labels": {"k": "v", "a.b": "c"},
    "None": None,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}}", "/registry"),
        ("{{ .State.Running }}/{{.State.ExitCode}}", "true/0"),
        ("{{.ID}}", "abc"),
        ("{{json .State}}", '{"Running":true,"ExitCode":0}'),
        ("{{range .Mounts}}{{.Source}};{{end}}", "C:\\a;C:\\b;"),
        ("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}} {{end}}", "0=C:\\a 1=C:\\b "),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "a.b=c,k=v,"),
        ('{{index .Labels "a.b"}}', "c"),
        ("{{(index .Mounts 1).Source}}", "C:\\b"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if not .State.Running}}down{{else if eq .State.ExitCode 0}}fine{{end}}", "fine"),
        ("{{with .State}}{{.ExitCode}}{{end}}", "0"),
        ("{{len .Mounts}}", "2"),
        ("{{.Name | upper | json}}", '"/REGISTRY"'),
        ('{{join (split .Name "/") "-"}}', "-registry"),
        ('{{printf "%s is %d" .Name .State.ExitCode}}', "/registry is 0"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("{{.None}}", "<no value>"),
        ("{{.Labels}}", "map[a.b:c k:v]"),
        ("{{$x := .Name}}{{$x}}", "/registry"),
        ("{{and .State.Running (eq .State.ExitCode 0)}}", "true"),
    ],
)
def test_templates_print_what_go_prints(template: str, text: str) -> None:
    assert Template(template).execute(DATA) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{.Nmae}}", 'executing "" at <.Nmae>: map has no entry for key "Nmae"'),
        ("{{.Name.First}}", "can't evaluate field First in type string"),
        ("{{nonsense .}}", 'function "nonsense" not defined'),
        ("{{.Name", "unclosed action"),
        ("{{if .Name}}x", "unexpected EOF"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{$y}}", 'undefined variable "$y"'),
        ("{{range .Name}}{{end}}", "range can't iterate over /registry"),
    ],
)
def test_templates_fail_in_gos_words(template: str, words: str) -> None:
    with pytest.raises(TemplateError) as failed:
        Template(template).execute(DATA)

    assert words in str(failed.value)
