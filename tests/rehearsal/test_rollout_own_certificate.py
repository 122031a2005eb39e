"""A registry with certificate files of the user's own, and rules that change while it runs."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.rehearsal.stage import Result, Stage, own_prefix

NAME, PINNED = "registry.class.lan", "172.24.194.96"
PASSWORDS = {"LAB_TESS": "Tess-s3cret!", "LAB_SAM": "Sam-s3cret!"}
AUTHORITY = trustme.CA(organization_name="The class's own")


def write_certificate(directory: Path, *names: str) -> dict[str, str]:
    """Write files as a user has them, and return the settings that name them."""
    issued = AUTHORITY.issue_cert(*names)
    AUTHORITY.cert_pem.write_to_path(str(directory / "own-ca.pem"))
    issued.private_key_pem.write_to_path(str(directory / "own.key"))
    (directory / "own.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    return {
        "certificate_file": str(directory / "own.pem"),
        "key_file": str(directory / "own.key"),
        "authority_file": str(directory / "own-ca.pem"),
    }


def secure(stage: Stage, *rules: dict[str, Any]) -> dict[str, Any]:
    everything = {"who": ["tess"], "may": ["pull", "push", "delete"], "repositories": ["**"]}
    return {
        "registry": {
            "tls": write_certificate(stage.directory, NAME, PINNED, stage.address(1)),
            "dns_name": NAME,
            "users": {"tess": {"env": "LAB_TESS"}, "sam": {"env": "LAB_SAM"}},
            "rules": {"rules": [everything, *rules]},
        },
        "trust": {"logins": [{"user": "tess"}]},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("own")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up()
    yield stage
    stage.down()


@pytest.fixture(scope="module")
def first(stage: Stage) -> Result:
    return stage.roll_out(stage.inventory("own", lab=secure(stage)), environment=PASSWORDS)


def status(stage: Stage, user: str) -> int:
    """What the registry answers a user who wants to pull, outside of the host."""
    trusting = ssl.create_default_context(cafile=str(stage.directory / "own-ca.pem"))
    auth = (user, PASSWORDS[f"LAB_{user.upper()}"])
    address = f"https://{stage.address(1)}:5000/v2/labs/hello-world/manifests/nanoserver"
    with httpx.Client(verify=trusting, auth=auth, timeout=30) as client:
        return client.get(address, headers={"Accept": "*/*"}).status_code


def test_the_users_own_certificate_serves_and_the_engine_trusts_its_authority(proven: Stage) -> None:
    assert status(proven, "tess") == 200
    for place in (PINNED, NAME):
        assert "Digest: sha256:" in proven.do(1, f"docker pull {place}:5000/labs/hello-world:nanoserver")


def test_rules_are_changed_by_editing_the_inventory_and_nothing_restarts(proven: Stage) -> None:
    before = proven.do(1, "docker container inspect --format '{{.Id}} {{.State.StartedAt}}' registry")
    assert status(proven, "sam") in {403, 404}
    may = {"who": ["sam"], "may": ["pull"], "repositories": ["labs/**"]}

    result = proven.roll_out(proven.inventory("own", lab=secure(proven, may)), environment=PASSWORDS)

    deadline = time.monotonic() + 30
    while status(proven, "sam") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert result.code == 0, result.text
    assert proven.do(1, "docker container inspect --format '{{.Id}} {{.State.StartedAt}}' registry") == before


def test_a_certificate_for_other_names_touches_no_host(proven: Stage) -> None:
    lab = secure(proven)
    lab["registry"]["tls"] = write_certificate(proven.directory, "else.class.lan")

    with proven.watched() as changes:
        result = proven.roll_out(proven.inventory("else", lab=lab), environment=PASSWORDS)

    assert result.code != 0
    assert f"{proven.address(1)}: registry.tls: {proven.directory / 'own.pem'}: " in result.text
    assert NAME in result.text
    assert changes == {1: []}
