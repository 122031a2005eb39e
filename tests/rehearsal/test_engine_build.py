"""docker build of the registry's image, and the registry that runs from it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rehearsal.engine import hns
from tests.rehearsal.engine_lab import EngineLab, Result, eventually, wheel

REPOSITORY = Path(__file__).parents[2]
CONTEXT = "C:\\ProgramData\\registry-lab\\build\\abc"
IMAGE = "registry-lab/registry:abc"
PINNED = "172.27.112.96"
REGISTRY = f"{PINNED}:5000"
HELLO = "sixeyed/hello-world:nanoserver"
DOCKERFILE = """# escape=`
# A comment, and an instruction on two lines.
FROM python:3.13-windowsservercore-ltsc2022
LABEL org.opencontainers.image.version="0.1.0" `
      registry-lab.fingerprint="abc123"
COPY wheels C:\\wheels
RUN python -m pip install --no-cache-dir --no-index --find-links C:\\wheels registry-app==0.1.0
ENV REGISTRY_HTTP_ADDR=":5000"
ENV REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="C:\\data"
EXPOSE 5000
HEALTHCHECK --interval=30s --start-period=30s --retries=3 CMD ["python", "-m", "registry_app", "health"]
ENTRYPOINT ["python", "-m", "registry_app"]
CMD ["serve"]
"""
SERVER = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
root = os.environ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"]
host, port = os.environ["REGISTRY_HTTP_ADDR"].rsplit(":", 1)
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        os.makedirs(root, exist_ok=True)
        open(os.path.join(root, "visited"), "w").close()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
if sys.argv[1:] == ["serve"]:
    print("listening", flush=True)
    HTTPServer((host, int(port)), Handler).serve_forever()
"""
PURE, WINDOWS = "py3-none-any", "cp313-cp313-win_amd64"


def wheels(**changed: Mapping[str, bytes] | None) -> dict[str, bytes]:
    """Return a set of wheels like the real one; a name set to None is left out."""
    needs = ("sanic>=25.12", "uvloop>=0.22; sys_platform != 'win32'")
    modules = {"__init__": "", "__main__": SERVER}
    parts: dict[str, Mapping[str, bytes] | None] = {
        "app": wheel("registry-app", "0.1.0", PURE, needs, **modules),
        "sanic": wheel("sanic", "25.12.0", PURE, ("httptools>=0.6",)),
        "httptools": wheel("httptools", "0.6.4", WINDOWS),
    }
    files: dict[str, bytes] = {}
    for part in (parts | changed).values():
        files.update(part or {})
    return files


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[EngineLab]:
    lab = EngineLab(tmp_path).boot()
    yield lab
    lab.host.shut_down()


def build(lab: EngineLab, files: Mapping[str, bytes], dockerfile: str = DOCKERFILE) -> Result:
    lab.put(f"{CONTEXT}\\Dockerfile", dockerfile.encode())
    for name, content in files.items():
        lab.put(f"{CONTEXT}\\wheels\\{name}", content)
    return lab.docker(f"build --tag {IMAGE} {CONTEXT}")


def test_the_image_has_what_the_dockerfile_says(lab: EngineLab) -> None:
    result = build(lab, wheels())

    config = json.loads(lab.docker(f"image inspect {IMAGE}").out)[0]["Config"]
    assert result.code == 0
    assert "Successfully installed httptools-0.6.4 registry-app-0.1.0 sanic-25.12.0" in result.out
    assert result.out.endswith(f"Successfully tagged {IMAGE}\n")
    assert config["Labels"] == {
        "org.opencontainers.image.version": "0.1.0",
        "registry-lab.fingerprint": "abc123",
    }
    assert config["Entrypoint"] == ["python", "-m", "registry_app"]
    assert config["Cmd"] == ["serve"]
    assert config["ExposedPorts"] == {"5000/tcp": {}}
    assert config["Healthcheck"]["Interval"] == 30_000_000_000
    assert "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=C:\\data" in config["Env"]


def test_the_same_context_is_taken_from_the_cache_and_makes_the_same_image_elsewhere(
    lab: EngineLab, tmp_path: Path
) -> None:
    build(lab, wheels())
    other = EngineLab(tmp_path / "other", number=8).boot()

    again, elsewhere = build(lab, wheels()), build(other, wheels())

    assert again.out.count("Using cache") == 9
    assert "Using cache" not in elsewhere.out
    assert lab.docker("images --quiet").out == other.docker("images --quiet").out
    other.host.shut_down()


def test_another_wheel_is_another_image(lab: EngineLab) -> None:
    build(lab, wheels())
    first = lab.docker(f"images --quiet {IMAGE}").out

    build(
        lab,
        wheels(app=wheel("registry-app", "0.1.0", PURE, ("sanic",), __init__="", __main__="changed = 1")),
    )

    assert lab.docker(f"images --quiet {IMAGE}").out != first


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param(
            {"httptools": None},
            "No matching distribution found for httptools>=0.6",
            id="a dependency is not there",
        ),
        pytest.param(
            {"httptools": wheel("httptools", "0.6.4", "cp313-cp313-manylinux_2_17_x86_64")},
            "Could not find a version that satisfies the requirement httptools>=0.6 (from sanic==25.12.0) "
            "(from versions: none)",
            id="a wheel for Linux",
        ),
        pytest.param(
            {"httptools": wheel("httptools", "0.6.4", "cp312-cp312-win_amd64")},
            "(from versions: none)",
            id="a wheel for another Python",
        ),
        pytest.param(
            {"sanic": wheel("sanic", "23.12.0", PURE)},
            "requirement sanic>=25.12 (from registry-app==0.1.0) (from versions: 23.12.0)",
            id="too old",
        ),
        pytest.param({"app": None}, "No matching distribution found for registry-app==0.1.0", id="no app"),
    ],
)
def test_wheels_that_pip_would_refuse_fail_the_build(
    lab: EngineLab, changed: Mapping[str, Mapping[str, bytes] | None], words: str
) -> None:
    result = build(lab, wheels(**changed))

    assert result.code == 1
    assert words in result.err
    assert "returned a non-zero code: 1" in result.err
    assert lab.docker(f"images --quiet {IMAGE}").out == ""


@pytest.mark.parametrize(
    ("dockerfile", "words"),
    [
        pytest.param("FORM python", "unknown instruction: FORM", id="unknown instruction"),
        pytest.param(
            "FROM python:3.13-windowsservercore-ltsc2022\nADD a b", "does not know ADD", id="not modelled"
        ),
        pytest.param(
            "FROM python:3.13-windowsservercore-ltsc2025",
            "incompatible with a 10.0.20348",
            id="newer Windows",
        ),
        pytest.param(
            "FROM python:3.13-windowsservercore-ltsc2022\nCOPY none C:\\x",
            "file not found in build context",
            id="no file",
        ),
        pytest.param(
            "FROM python:3.13-windowsservercore-ltsc2022\nRUN curl http://x",
            "carries out pip install",
            id="unknown command",
        ),
        pytest.param("# nothing", "cannot be empty", id="empty"),
    ],
)
def test_a_dockerfile_that_cannot_be_carried_out_is_refused(
    lab: EngineLab, dockerfile: str, words: str
) -> None:
    result = build(lab, wheels(), dockerfile)

    assert result.code == 1
    assert words in result.err


def run_registry(lab: EngineLab, *more: str) -> Result:
    lab.host.files.make_directory("C:\\registry-data")
    return lab.docker(
        f"run --detach --name registry --restart unless-stopped --ip {PINNED} --publish 5000:5000 "
        f"--volume C:\\registry-data:C:\\data {' '.join(more)} {IMAGE}"
    )


def answers(lab: EngineLab) -> bool:
    try:
        with urllib.request.urlopen(f"http://{lab.host.address}:5000/v2/", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_container_runs_the_wheels_own_program_on_the_hosts_address(lab: EngineLab) -> None:
    build(lab, wheels())

    result = run_registry(lab)

    eventually(lambda: answers(lab))
    assert result.code == 0
    assert lab.host.files.exists("C:\\registry-data\\visited")
    assert lab.docker("logs registry").out == "listening\n"


def test_the_program_ends_with_its_container_and_comes_back_with_the_engine(lab: EngineLab) -> None:
    build(lab, wheels())
    run_registry(lab)
    eventually(lambda: answers(lab))

    lab.host.services.stop("docker")
    stopped = answers(lab)
    lab.host.services.start("docker")

    eventually(lambda: answers(lab))
    assert not stopped
    lab.docker("stop registry")
    assert not answers(lab)


def test_a_crashed_program_is_started_again(lab: EngineLab) -> None:
    build(lab, wheels())
    run_registry(lab)
    eventually(lambda: answers(lab))
    container = lab.engine.containers.find("registry")

    lab.engine.runtime._running[container.id].process.kill()

    eventually(lambda: container.state.restarts == 1 and answers(lab))
    assert lab.docker("inspect --format {{.RestartCount}} registry").out == "1\n"


KILLED = """
import os, sys
from pathlib import Path
from tests.rehearsal.engine_lab import EngineLab, eventually
from tests.rehearsal.test_engine_build import answers, build, run_registry, wheels
lab = EngineLab(Path(sys.argv[1]), address=sys.argv[2]).boot()
build(lab, wheels())
run_registry(lab)
eventually(lambda: answers(lab))
print(lab.engine.containers.find("registry").state.pid, flush=True)
os._exit(9)
"""


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody waits for has no environment any more."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_rehearsal_that_was_killed_leaves_neither_process_nor_endpoint(tmp_path: Path) -> None:
    address = EngineLab(tmp_path / "unused").host.address
    command = [sys.executable, "-c", KILLED, str(tmp_path / "host"), address]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == 9, killed.stderr

    lab = EngineLab(tmp_path / "host", address=address).boot()

    eventually(lambda: answers(lab))
    assert lab.engine.containers.find("registry").state.pid != int(killed.stdout)
    assert not _runs(int(killed.stdout))
    assert len(hns.endpoints(lab.host)) == 1
    lab.host.shut_down()
