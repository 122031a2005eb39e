"""A real dockerd reads what our templates render, and refuses what the recorded dockerd.exe refused.

Releases before 23.0 have no ``--validate``, so each case is a start. It cannot get far: the file of the
process's number names one that runs, and dockerd looks at that right after it has taken its configuration.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.rendering import daemon_json, daemon_json_content, our_labels
from deploy.settings import EngineOptions

from . import refusals
from .conftest import Engine, running_engine

STOPPED = "ensure docker is not running or delete"
"""What dockerd says of its process file: the configuration is accepted."""

unable = next(
    (f"{program} is not installed" for program in ("docker", "dockerd") if shutil.which(program) is None),
    None if os.geteuid() == 0 else "dockerd needs root",
)
pytestmark = pytest.mark.skipif(unable is not None, reason=str(unable))


def engine_is_older() -> bool:
    """Say whether this machine's dockerd is from before 23.0, or there is none to ask."""
    if shutil.which("dockerd") is None:
        return True
    version = subprocess.run(["dockerd", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"version (\d+)", version)[0]) < 23


OLDER = engine_is_older()
CASES = [pytest.param(case, id=case["id"]) for case in refusals.expected(OLDER)]

OPTIONS: dict[str, Any] = {
    "insecure-registries": ["172.24.194.96:5000", "10.20.0.0/16"],
    "registry-mirrors": ["http://172.24.194.96:5000"],
    "labels": ["room=lab", "ort=Zürich"],
    "debug": True,
    "dns": ["10.0.0.1"],
    "dns-search": ["class.lan"],
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    "log-level": "debug",
    "max-concurrent-downloads": 2,
    "max-concurrent-uploads": 1,
    "max-download-attempts": 4,
    "shutdown-timeout": 20,
    "features": {"buildkit": False},
}
"""Options that dockerd knows on Windows, on Linux and in release 20.10."""


def rendered(existing: dict[str, Any] | None = None, **changed: object) -> str:
    """Return the file as the provisioner would write it for `OPTIONS`, with changes by option."""
    return daemon_json(daemon_json_content(chosen(**changed), existing or {}, labelled=True))


def chosen(**changed: object) -> dict[str, Any]:
    options = OPTIONS | {name.replace("_", "-"): value for name, value in changed.items()}
    model = EngineOptions.model_validate(options)
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path: an engine puts sockets below it."""
    with tempfile.TemporaryDirectory(prefix="dockerd-") as directory:
        yield Path(directory)


def answer(place: Path, flags: list[str], file: bytes | None, *, far: bool = False) -> str:
    """Return what dockerd says of ``file`` and ``flags`` before it ends; go ``far`` past its process file."""
    config = place / "daemon.json"
    if file is not None:
        config.write_bytes(file)
    if not far:
        (place / "docker.pid").write_text(str(os.getpid()))
    flags = [str(config) if flag == "<config>" else flag for flag in flags if flag != "--validate"]
    own = [f"--pidfile={place / 'docker.pid'}", f"--exec-root={place / 'exec'}"]
    if "--data-root" not in flags and (file is None or b'"data-root"' not in file):
        own.append(f"--data-root={place / 'data'}")
    finished = subprocess.run(
        # Whatever a case may start ends with the namespace of its processes.
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "dockerd", *own, *flags],
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30,
        check=False,
    )
    assert finished.returncode != 0
    return (finished.stdout + finished.stderr).replace(str(config), "<config>")


@pytest.mark.parametrize("case", CASES)
def test_dockerd_refuses_what_was_refused_on_windows_in_the_same_words(
    case: refusals.Case, place: Path
) -> None:
    file = base64.b64decode(case["daemon_json_base64"]) if "daemon_json_base64" in case else None
    if case.get("daemon_json") is not None:
        file = case["daemon_json"].encode()
    wanted = refusals.words(case, OLDER)

    said = answer(place, list(case["flags"]), file, far=any("invalid mirror" in text for text in wanted))

    assert STOPPED not in said
    assert any(text in said for text in wanted), (said, wanted)


def test_every_case_that_is_passed_over_was_recorded() -> None:
    assert refusals.unknown() == set()


def test_dockerd_accepts_the_file_that_is_rendered(place: Path) -> None:
    said = answer(place, ["--config-file", "<config>"], rendered().encode())

    assert STOPPED in said


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """An engine that was started with the rendered file, and that file."""
    config = tmp_path_factory.mktemp("configuration") / "daemon.json"
    config.write_text(rendered(), encoding="utf-8")
    with running_engine("--config-file", str(config)) as engine:
        yield engine, config


def info(engine: Engine) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(engine.docker("info", "--format={{json .}}"))
    return shown


def insecure(shown: dict[str, Any]) -> set[str]:
    """Return the insecure registries that docker info shows, without the loopback network."""
    registries = shown["RegistryConfig"]
    hosts = {name for name, entry in registries["IndexConfigs"].items() if not entry["Secure"]}
    return hosts | {network for network in registries["InsecureRegistryCIDRs"] if network != "127.0.0.0/8"}


def reload(engine: Engine, config: Path, text: str) -> dict[str, Any]:
    """Put ``text`` into the file, let the engine read it, and return what it then holds for its options."""
    config.write_text(text, encoding="utf-8")
    before = engine.log.read_text().count("Reloaded configuration: ")
    os.kill(int((engine.socket.parent / "docker.pid").read_text()), signal.SIGHUP)
    deadline = time.monotonic() + 30
    while engine.log.read_text().count("Reloaded configuration: ") == before:
        assert time.monotonic() < deadline, engine.log.read_text()
        time.sleep(0.05)
    (*_, line) = re.findall(r'Reloaded configuration: (.*)"$', engine.log.read_text(), re.MULTILINE)
    held: dict[str, Any] = json.loads(line.replace('\\"', '"').replace("\\\\", "\\"))
    return held


def test_docker_info_shows_what_the_file_says(configured: tuple[Engine, Path]) -> None:
    engine, _ = configured

    shown = info(engine)

    assert insecure(shown) == {"172.24.194.96:5000", "10.20.0.0/16"}
    assert shown["RegistryConfig"]["Mirrors"] == ["http://172.24.194.96:5000/"]
    assert normal(shown["Labels"]) == normal(["room=lab", "ort=Zürich", *our_labels(chosen())])
    assert (shown["Debug"], shown["LoggingDriver"]) == (True, "json-file")


def test_the_engine_holds_every_option_that_the_file_gives(configured: tuple[Engine, Path]) -> None:
    engine, config = configured

    held = reload(engine, config, rendered())

    wanted = chosen()
    wanted["labels"] = [*wanted["labels"], *our_labels(chosen())]
    unseen = {"log-driver", "log-level", "features"}  # not in what the engine writes down
    assert {name: normal(held.get(name)) for name in wanted.keys() - unseen} == {
        name: normal(value) for name, value in wanted.items() if name not in unseen
    }


def normal(value: object) -> object:
    """Leave out what a reload does to lists: 20.10 mixes labels, and may end a mirror with a slash."""
    return sorted(text.rstrip("/") for text in value) if isinstance(value, list) else value


def test_a_reload_takes_up_what_may_be_reloaded(configured: tuple[Engine, Path]) -> None:
    engine, config = configured
    reload(engine, config, rendered())

    reload(
        engine, config, rendered(json.loads(rendered()), insecure_registries=["10.9.8.7:5000"], debug=False)
    )

    shown = info(engine)
    assert insecure(shown) == {"10.9.8.7:5000"}
    assert shown["Debug"] is False
    assert our_labels(chosen(insecure_registries=["10.9.8.7:5000"], debug=False))[0] in shown["Labels"]


def test_a_key_that_is_no_longer_ours_is_reset_by_a_reload(configured: tuple[Engine, Path]) -> None:
    engine, config = configured
    reload(engine, config, rendered())
    without = {key: value for key, value in chosen().items() if key != "insecure-registries"}

    content = daemon_json_content(without, json.loads(rendered()), labelled=True)
    reload(engine, config, daemon_json(content))

    assert content["insecure-registries"] == []
    assert insecure(info(engine)) == set()
