"""What of a store from Linux a Windows disk would lose."""

import json
from pathlib import Path

import pytest

from registry_app.__main__ import main
from registry_app.check_names import check_names
from registry_app.reference import Repository, Tag
from registry_app.storage.posix import PosixFileSystem
from registry_app.storage.windows import WindowsFileSystem
from tests.registry.pushes import push_image, registry_on
from tests.registry.win32.simulated import SimulatedWin32

TAGS = "docker/registry/v2/repositories/labs/hello/_manifests/tags"
ODD = ["Latest", "latest", "v1", "v1.", "aux", "NUL.1", "com1"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with tags that only Linux can tell apart, and a repository that only Linux can hold."""
    registry = registry_on(PosixFileSystem(str(tmp_path / "data")))
    for tag in ODD:
        push_image(registry, tag, b"layer")
    push_image(registry, "v1", b"layer", repository=Repository("labs/con/x"))
    return tmp_path / "data"


def test_every_name_that_windows_would_lose_is_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check-names", "--json", str(root)])

    found = {(one["kind"], one["path"]) for one in json.loads(capsys.readouterr().out)}
    assert code == 1
    assert found == {
        ("case", f"{TAGS}/latest"),
        ("name", f"{TAGS}/v1."),
        ("name", f"{TAGS}/aux"),
        ("name", f"{TAGS}/NUL.1"),
        ("name", f"{TAGS}/com1"),
        ("name", "docker/registry/v2/repositories/labs/con"),
    }


def test_the_report_says_why(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check-names", str(root)])

    out = capsys.readouterr().out
    assert f"case: {TAGS}/latest\n    Windows takes it for 'Latest', which is in the same directory\n" in out
    assert f"name: {TAGS}/aux\n    Windows reserves it for a device\n" in out


def test_ordinary_names_survive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    push_image(registry_on(PosixFileSystem(str(tmp_path))), "v1.0", b"layer")

    assert main(["check-names", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_long_paths_are_told_but_survive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = Repository("x" * 120)
    push_image(registry_on(PosixFileSystem(str(tmp_path))), "v1", b"layer", repository=repository)

    assert main(["check-names", str(tmp_path)]) == 0
    assert "long-path: docker/registry/v2/repositories/xxx" in capsys.readouterr().out
    assert main(["check-names", "--destination", "C:\\" + "y" * 32700, str(tmp_path)]) == 1


def test_a_missing_directory_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-names", str(tmp_path / "nothing")]) == 2

    assert "no such directory" in capsys.readouterr().err


def test_what_is_listed_is_what_our_own_windows_rules_refuse(root: Path, tmp_path: Path) -> None:
    """Two ways to the same answer: copy tag by tag with the Windows rules, and compare with the list."""
    (tmp_path / "C").mkdir()
    windows = WindowsFileSystem("C:\\registry-data", SimulatedWin32(str(tmp_path / "C")))
    windows.make_directory(f"{windows.root}/tags")
    refused = set()
    for tag in sorted(ODD):
        try:
            windows.check_entry(f"{windows.root}/tags", Tag.parse(tag).name, "tag")
            windows.write_whole(f"{windows.root}/tags/{tag}/current/link", b"x")
        except OSError:
            refused.add(f"{TAGS}/{tag}")

    assert refused == {one.path for one in check_names(PosixFileSystem(str(root))) if TAGS in one.path}
