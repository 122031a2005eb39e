"""``python -m registry_app``: verbs, exit codes, health, a graceful end; and the wheel that goes into the
image.
"""

import os
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

import registry_app

from .content import digest_of, push_blob, push_image
from .servers import RunningRegistry, free_port

ROOT = Path(__file__).parents[2]


def registry_app_cli(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    names = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    return subprocess.run(
        [sys.executable, "-m", "registry_app", *arguments],
        env=names | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        pytest.param([], {}, 2, "usage:", id="no-verb"),
        pytest.param(["dance"], {}, 2, "usage:", id="unknown-verb"),
        pytest.param(["serve", "--port"], {}, 2, "unexpected argument: --port", id="unknown-argument"),
        pytest.param(["--help"], {}, 0, "usage:", id="help"),
        pytest.param(["--version"], {}, 0, registry_app.__version__, id="version"),
        pytest.param(
            ["serve"],
            {"REGISTRY_STORAGE_DELETE_ENABLE": "true", "REGISTRY_HTTP_ADDR": "x"},
            2,
            "did you mean REGISTRY_STORAGE_DELETE_ENABLED?",
            id="misspelt-setting",
        ),
        pytest.param(
            ["serve"],
            {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/proc/nowhere"},
            1,
            "cannot start",
            id="root-that-cannot-be",
        ),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    finished = registry_app_cli(*arguments, **environment)

    assert finished.returncode == code
    assert said in finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finished = registry_app_cli(
            "serve",
            REGISTRY_HTTP_ADDR=f"127.0.0.1:{taken.getsockname()[1]}",
            REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=str(tmp_path),
        )

    assert finished.returncode == 1
    assert "cannot start" in finished.stderr
    assert "in use" in finished.stderr


def test_health_follows_the_registry(start: Callable[..., RunningRegistry]) -> None:
    running = start()

    well = registry_app_cli("health", REGISTRY_HTTP_ADDR=running.address)
    ill = registry_app_cli("health", REGISTRY_HTTP_ADDR=f"127.0.0.1:{free_port()}")

    assert (well.returncode, well.stderr) == (0, "")
    assert ill.returncode == 1
    assert "no answer from 127.0.0.1" in ill.stderr


def test_a_stop_waits_for_what_is_under_way_and_leaves_nothing_in_the_log(
    start: Callable[..., RunningRegistry],
) -> None:
    running = start()
    push_image(running.http, "tests/stopped", "v1", b"layer")

    assert running.stop() == 0

    lines = running.log.read_text().splitlines()
    assert len(lines) == 1
    assert "listening on 127.0.0.1" in lines[0]


def test_a_pull_that_is_under_way_ends_well_though_the_registry_stops(
    start: Callable[..., RunningRegistry],
) -> None:
    running = start()
    content = os.urandom(30_000_000)
    digest = push_blob(running.http, "tests/drained", content)

    with running.http.stream("GET", f"/v2/tests/drained/blobs/{digest}") as answer:
        pieces = answer.iter_raw(65536)
        received = [next(pieces)]
        running.process.terminate()
        received += pieces

    assert b"".join(received) == content
    assert running.stop() == 0


def test_what_was_acknowledged_survives_being_killed(start: Callable[..., RunningRegistry]) -> None:
    first = start()
    content = push_image(first.http, "tests/killed", "v1", b"layer")
    first.kill()

    second = start()

    assert second.http.get(f"/v2/tests/killed/manifests/{digest_of(content)}").content == content
    assert second.http.get(f"/v2/tests/killed/blobs/{digest_of(b'layer')}").content == b"layer"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the registry alone, made from a copy of its directory."""
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"
    shutil.copytree(
        ROOT / "registry_app", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(directory), str(source)], check=True, timeout=120)
    (made,) = directory.glob("*.whl")
    return made


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if name.startswith("registry_app/")}

    paths = {path.relative_to(ROOT) for path in (ROOT / "registry_app").rglob("*.py")}
    assert found == {str(path) for path in paths if "build" not in path.parts}


def test_the_wheel_asks_for_what_the_project_asks_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = Metadata.from_email(archive.read(name), validate=True)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {requirement.name: requirement for requirement in map(Requirement, project["dependencies"])}
    assert str(metadata.version) == registry_app.__version__
    assert metadata.requires_dist
    for requirement in metadata.requires_dist:
        assert requirement.specifier == wanted[requirement.name].specifier


def test_a_registry_behind_a_proxy_says_where_it_is(start: Callable[..., RunningRegistry]) -> None:
    running = start(HTTP_HOST="https://lab.example.com", HTTP_PREFIX="/registry/")

    answer = running.http.post("/registry/v2/labs/x/blobs/uploads/")

    assert answer.status_code == 202
    assert answer.headers["location"].startswith("https://lab.example.com/registry/v2/labs/x/blobs/uploads/")
    assert running.http.get("/v2/").status_code == 404
