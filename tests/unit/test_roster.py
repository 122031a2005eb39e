"""Hosts named by a range or a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.roster import from_csv, from_range


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("pc-01", ["@psrp/pc-01"], id="one host"),
        pytest.param(
            "10.20.0.[9-11]", ["@psrp/10.20.0.9", "@psrp/10.20.0.10", "@psrp/10.20.0.11"], id="addresses"
        ),
        pytest.param("pc-[08-10].lan", ["@psrp/pc-08.lan", "@psrp/pc-09.lan", "@psrp/pc-10.lan"], id="zeros"),
        pytest.param(
            "r[1-2]-[1-2]", ["@psrp/r1-1", "@psrp/r1-2", "@psrp/r2-1", "@psrp/r2-2"], id="two ranges"
        ),
    ],
)
def test_a_range_names_each_host(pattern: str, names: list[str]) -> None:
    assert [name for name, _ in from_range(pattern)] == names


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match=r"runs backwards; write \[1-3\]"):
        from_range("pc-[3-1]")


def test_a_list_may_say_more_of_a_host(tmp_path: Path) -> None:
    file = tmp_path / "class.csv"
    file.write_text(
        "\ufeffhost,user,port,windows_build\n"
        "# first row\n"
        "10.20.0.11,,,\n"
        "\n"
        "10.20.0.12, .\\teacher, 5986, 26100\n",
        encoding="utf-8",
    )

    hosts = from_csv(file)

    assert hosts == [
        ("@psrp/10.20.0.11", {}),
        (
            "@psrp/10.20.0.12",
            {"psrp_user": ".\\teacher", "psrp_port": 5986, "lab": {"windows_build": 26100}},
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("10.20.0.11\n", "first line names the columns", id="no heading"),
        pytest.param("host,owner\npc,me\n", "first line names the columns", id="unknown column"),
        pytest.param("host,port\n# room 2\npc-01,http\n", "line 3: invalid literal", id="no number"),
        pytest.param("host,user\n,me\n", "line 2: there is no host", id="no host"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "class.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=message):
        from_csv(file)
