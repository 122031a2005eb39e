"""The lab's push and pull through the pinned address, against the real registry in a container."""

import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.engine_lab import EngineLab, eventually, wheel

REPOSITORY = Path(__file__).parents[2]
PINNED = "172.27.112.96"
REGISTRY = f"{PINNED}:5000"
LABS = f"{REGISTRY}/labs/hello-world:nanoserver"
HELLO = "sixeyed/hello-world:nanoserver"
CONTEXT = "C:\\build"
DOCKERFILE = """FROM python:3.13-windowsservercore-ltsc2022
COPY wheels C:\\wheels
RUN python -m pip install --no-index --find-links C:\\wheels registry-app
ENV REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="C:\\data"
EXPOSE 5000
ENTRYPOINT ["python", "-m", "registry_app"]
CMD ["serve"]
"""


def _registry_wheel() -> tuple[str, bytes]:
    """Return the registry of this repository as a wheel."""
    ((name, content),) = wheel("registry-app", "0.1.0", "py3-none-any").items()
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        for path in sorted((REPOSITORY / "registry_app").rglob("*.py")):
            archive.write(path, path.relative_to(REPOSITORY))
    return name, stream.getvalue()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[EngineLab]:
    """A host on which the lab's registry runs, with its address pinned and its data on the host."""
    lab = EngineLab(tmp_path).boot()
    name, content = _registry_wheel()
    lab.put(f"{CONTEXT}\\wheels\\{name}", content)
    lab.put(f"{CONTEXT}\\Dockerfile", DOCKERFILE.encode())
    lab.host.files.make_directory("C:\\registry-data")
    assert lab.docker(f"build --tag registry {CONTEXT}").code == 0
    run = f"run -d -p 5000:5000 --name registry -v C:\\registry-data:C:\\data --ip {PINNED} registry"
    assert lab.docker(run).code == 0
    eventually(lambda: _answers(lab))
    assert lab.docker(f"pull {HELLO}").code == 0
    assert lab.docker(f"tag {HELLO} {LABS}").code == 0
    yield lab
    lab.host.shut_down()


def _answers(lab: EngineLab) -> bool:
    try:
        urllib.request.urlopen(f"http://{lab.host.address}:5000/v2/", timeout=5).close()
    except OSError:
        return False
    return True


def trust(lab: EngineLab) -> None:
    """Add the registry to the insecure ones, by reload."""
    lab.configure(json.dumps({"insecure-registries": [REGISTRY]}))
    lab.host.services.paramchange("docker")


def test_a_registry_without_tls_is_refused_until_it_is_listed(lab: EngineLab) -> None:
    refused = lab.docker(f"push {LABS}")
    trust(lab)
    pushed = lab.docker(f"push {LABS}")

    assert refused.code == 1
    assert refused.err == f'Get "https://{REGISTRY}/v2/": http: server gave HTTP response to HTTPS client\n'
    assert pushed.code == 0


def test_the_layers_of_the_base_image_are_skipped_as_in_the_lab(lab: EngineLab) -> None:
    trust(lab)

    result = lab.docker(f"push {LABS}")

    lines = result.out.splitlines()
    assert lines[0] == f"The push refers to repository [{REGISTRY}/labs/hello-world]"
    assert [line.partition(": ")[2] for line in lines[1:7]] == [
        *["Preparing"] * 3,
        "Pushed",
        "Skipped foreign layer",
        "Skipped foreign layer",
    ]
    assert re.fullmatch(r"nanoserver: digest: sha256:[0-9a-f]{64} size: \d+", lines[7])
    kept = lab.host.files.list(
        "C:\\registry-data\\docker\\registry\\v2\\repositories\\labs\\hello-world\\_layers\\sha256"
    )
    assert len(kept) == 2  # the configuration and the one layer of our own


def test_a_second_push_sends_nothing_and_another_repository_mounts(lab: EngineLab) -> None:
    trust(lab)
    first = lab.docker(f"push {LABS}").out
    lab.docker(f"tag {LABS} {REGISTRY}/other/hello:1")

    again, mounted = lab.docker(f"push {LABS}").out, lab.docker(f"push {REGISTRY}/other/hello:1").out

    assert "Layer already exists" in again
    assert again.splitlines()[-1] == first.splitlines()[-1]
    assert "Mounted from labs/hello-world" in mounted


def test_what_was_pushed_is_pulled_again_with_the_same_digest(lab: EngineLab) -> None:
    trust(lab)
    digest = re.findall(r"sha256:[0-9a-f]{64}", lab.docker(f"push {LABS}").out)[0]
    lab.docker(f"rmi {LABS}")
    lab.docker(f"rmi {HELLO}")

    result = lab.docker(f"pull {LABS}")

    assert result.code == 0
    assert f"Digest: {digest}" in result.out
    assert result.out.endswith(f"Status: Downloaded newer image for {LABS}\n{LABS}\n")
    assert lab.docker(f"run --rm {LABS}").out.startswith("Hello from Docker!")


def test_pulling_what_is_there_says_so(lab: EngineLab) -> None:
    trust(lab)
    lab.docker(f"push {LABS}")

    result = lab.docker(f"pull {LABS}")

    assert f"Status: Image is up to date for {LABS}" in result.out


def test_the_data_outlives_the_container(lab: EngineLab) -> None:
    trust(lab)
    lab.docker(f"push {LABS}")
    lab.docker("kill registry")
    lab.docker("rm registry")
    lab.docker(f"run -d -p 5000:5000 --name registry -v C:\\registry-data:C:\\data --ip {PINNED} registry")
    eventually(lambda: _answers(lab))
    lab.docker(f"rmi {LABS} {HELLO}")

    assert lab.docker(f"pull {LABS}").code == 0


def test_an_address_that_nothing_listens_on_is_out_of_reach(lab: EngineLab) -> None:
    lab.docker(f"tag {HELLO} 172.27.112.99:5000/x:1")
    lab.docker(f"tag {HELLO} {lab.host.address}:5999/x:1")

    nobody, closed = (
        lab.docker("push 172.27.112.99:5000/x:1"),
        lab.docker(f"push {lab.host.address}:5999/x:1"),
    )

    assert "connectex: A connection attempt failed" in nobody.err
    assert "target machine actively refused it." in closed.err


def test_a_name_in_the_hosts_file_leads_to_the_registry(lab: EngineLab) -> None:
    lab.put("C:\\Windows\\System32\\drivers\\etc\\hosts", f"{PINNED} registry.lab # the lab\r\n".encode())
    lab.configure(json.dumps({"insecure-registries": ["registry.lab:5000"]}))
    lab.host.services.paramchange("docker")
    lab.docker(f"tag {HELLO} registry.lab:5000/labs/x:1")

    assert lab.docker("push registry.lab:5000/labs/x:1").code == 0


def test_a_network_makes_a_name_in_it_insecure(lab: EngineLab) -> None:
    lab.put("C:\\Windows\\System32\\drivers\\etc\\hosts", f"{PINNED} registry.lab\n".encode())
    lab.configure(json.dumps({"insecure-registries": ["172.27.0.0/16"]}))
    lab.host.services.paramchange("docker")
    lab.docker(f"tag {HELLO} registry.lab:5000/labs/x:1")

    assert lab.docker("push registry.lab:5000/labs/x:1").code == 0


def test_an_image_that_is_not_there_cannot_be_pushed(lab: EngineLab) -> None:
    result = lab.docker(f"push {REGISTRY}/labs/none")

    assert result.code == 1
    assert result.err == f"An image does not exist locally with the tag: {REGISTRY}/labs/none\n"
