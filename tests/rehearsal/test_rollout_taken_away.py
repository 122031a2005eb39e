"""Settings that are taken away leave nothing behind on a host, and nothing of others goes with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.rehearsal.stage import Result, Stage, own_prefix

NAME, REMOTE = "registry.class.lan", "other.class.lan:5000"
PASSWORD = "Tess-s3cret!"
ENVIRONMENT = {"LAB_TESS": PASSWORD}
CERTS = "ProgramData/docker/certs.d"
OURS = "ProgramData/registry-lab"
CONFIG = "Users/Administrator/.docker/config.json"
FOREIGN = {"ghcr.io": {"auth": base64.b64encode(b"me:mine").decode()}}
ROOTS = r"Get-ChildItem -Path 'Cert:\LocalMachine\Root' | Select-Object -ExpandProperty 'Subject'"


def secure(stage: Stage, **trust: object) -> dict[str, Any]:
    return {
        "authority": {"directory": str(stage.directory / "operator")},
        "registry": {
            "tls": "lab-ca",
            "dns_name": NAME,
            "users": {"tess": {"env": "LAB_TESS"}},
            "rules": {
                "rules": [{"who": ["tess"], "may": ["pull", "push", "delete"], "repositories": ["**"]}]
            },
        },
        "trust": {
            "root_store": True,
            "logins": [{"user": "tess"}],
            "registries": [{"name": REMOTE, "address": "10.20.0.12"}],
            **trust,
        },
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A host on which somebody is logged in and trusts an authority already."""
    directory = tmp_path_factory.mktemp("taken")
    stage = Stage(directory, own_prefix(directory), hosts=1)
    stage.up()
    drive = stage.drive(1)
    config, theirs = drive / CONFIG, drive / CERTS / "theirs5000" / "ca.crt"
    for path in (config, theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"auths": FOREIGN, "credsStore": "wincred"}))
    authority = trustme.CA(organization_name="Theirs").cert_pem.bytes()
    theirs.write_bytes(authority)
    stage.do(
        1,
        r"Import-Certificate -FilePath 'C:\ProgramData\docker\certs.d\theirs5000\ca.crt'"
        r" -CertStoreLocation 'Cert:\LocalMachine\Root'",
    )
    yield stage
    stage.down()


@pytest.fixture(scope="module")
def first(stage: Stage) -> Result:
    return stage.roll_out(stage.inventory("secure", lab=secure(stage)), environment=ENVIRONMENT)


@pytest.fixture
def placed(stage: Stage, first: Result) -> Stage:
    """The stage after everything was placed."""
    assert first.code == 0, first.text
    return stage


def config(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stage.drive(1) / CONFIG).read_text())
    return found


def files_of_ours(stage: Stage) -> set[str]:
    drive = stage.drive(1)
    places = [drive / CERTS, drive / OURS]
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(drive)) for path in found} - {f"{CERTS}/theirs5000/ca.crt"}


def roll_out_twice(stage: Stage, inventory: Path) -> None:
    """Roll out; the second run has nothing to do."""
    result = stage.roll_out(inventory, environment=ENVIRONMENT)
    with stage.watched() as changes:
        again = stage.roll_out(inventory, environment=ENVIRONMENT)

    assert result.code == 0, result.text
    assert again.code == 0, again.text
    assert changes == {1: []}


def test_what_is_placed_is_noted_without_a_secret_for_administrators_alone(placed: Stage) -> None:
    note = (placed.drive(1) / OURS / "placed" / "placed.json").read_text()
    readers = placed.do(1, r"icacls.exe C:\ProgramData\registry-lab\placed")

    assert set(json.loads(note)["files"]) >= {
        r"C:\ProgramData\registry-lab\auth\htpasswd",
        r"C:\ProgramData\registry-lab\certs\registry.key",
        r"C:\ProgramData\docker\certs.d\172.24.194.965000\ca.crt",
    }
    assert PASSWORD not in note
    assert base64.b64encode(f"tess:{PASSWORD}".encode()).decode() not in note
    assert "Users" not in readers


@pytest.mark.parametrize(
    ("login", "cause"),
    [
        pytest.param({"account": "Nobody"}, r"no profile C:\Users\Nobody", id="no profile"),
        pytest.param(
            {"account": "Nobody", "profile": r"C:\Users\Student"},
            "No mapping between account",
            id="no account",
        ),
    ],
)
def test_an_account_that_is_not_there_is_told_and_no_password_is_left(
    placed: Stage, login: dict[str, str], cause: str
) -> None:
    before = files_of_ours(placed)
    lab = secure(placed, logins=[{"user": "tess"}, {"user": "tess", **login}])

    result = placed.roll_out(placed.inventory("nobody", lab=lab), environment=ENVIRONMENT)

    failure = placed.outcome()[placed.address(1)]["failure"]
    assert result.code != 0
    assert cause in failure["cause"]
    assert failure["remedy"]
    assert files_of_ours(placed) == before
    theirs = placed.drive(1) / "Users/Student/.docker/config.json"
    assert not theirs.exists() or "auths" not in json.loads(theirs.read_text())


def test_another_account_takes_the_log_in_over(placed: Stage) -> None:
    login = {"user": "tess", "account": r".\Student"}
    both = secure(placed, logins=[{"user": "tess"}, login])
    roll_out_twice(placed, placed.inventory("both", lab=both))
    theirs = placed.drive(1) / "Users/Student/.docker/config.json"
    assert len(json.loads(theirs.read_text())["auths"]) == 3

    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))

    assert "auths" not in json.loads(theirs.read_text())
    assert len(config(placed)["auths"]) == 4, "ours for three names of registries, and theirs"


def test_a_registry_that_is_no_longer_used_is_no_longer_trusted(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("fewer", lab=secure(placed, registries=[], root_store=False)))

    assert not [path for path in files_of_ours(placed) if "other.class.lan" in path]
    assert REMOTE not in config(placed)["auths"]
    assert "other.class.lan" not in (placed.drive(1) / "Windows/System32/drivers/etc/hosts").read_text()
    assert placed.do(1, ROOTS).count("registry-lab CA") == 0
    assert placed.do(1, ROOTS).count("Theirs") == 1


def test_somebody_elses_log_in_in_the_place_of_ours_stays(placed: Stage) -> None:
    path = placed.drive(1) / "Users/Student/.docker/config.json"
    login = {"user": "tess", "account": r".\Student"}
    both = secure(placed, logins=[{"user": "tess"}, login])
    roll_out_twice(placed, placed.inventory("both", lab=both))
    theirs = {"auth": base64.b64encode(b"somebody:else").decode()}
    found = json.loads(path.read_text())
    found["auths"][f"{NAME}:5000"] = theirs
    path.write_text(json.dumps(found))

    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))

    assert json.loads(path.read_text())["auths"] == {f"{NAME}:5000": theirs}


def test_a_run_that_fails_its_proof_takes_nothing_away(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    before = files_of_ours(placed)
    broken = {"environment": {"REGISTRY_NO_SUCH_SETTING": "1"}}

    result = placed.roll_out(placed.inventory("broken", lab={"registry": broken}))

    assert result.code != 0
    assert files_of_ours(placed) == before
    assert len(config(placed)["auths"]) == 4


def test_without_tls_and_users_nothing_of_them_is_left(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("plain"))

    assert files_of_ours(placed) == set()
    assert config(placed) == {"auths": FOREIGN, "credsStore": "wincred"}
    assert NAME not in (placed.drive(1) / "Windows/System32/drivers/etc/hosts").read_text()
    assert placed.do(1, ROOTS).splitlines() == [
        line for line in placed.do(1, ROOTS).splitlines() if "Theirs" in line
    ]
    assert (placed.drive(1) / CERTS / "theirs5000" / "ca.crt").exists()


def test_without_the_hosts_file_our_names_leave_it(placed: Stage) -> None:
    path = placed.drive(1) / "Windows/System32/drivers/etc/hosts"
    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    assert NAME in path.read_text()

    roll_out_twice(placed, placed.inventory("unnamed", lab=secure(placed, hosts_file=False)))

    assert "registry-lab" not in path.read_text()


def test_an_authority_that_others_trusted_before_stays_trusted(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("plain"))
    authority = (placed.directory / "operator" / "ca.crt").read_bytes()
    (placed.drive(1) / "by-hand.crt").write_bytes(authority)
    by_hand = r"Import-Certificate -FilePath 'C:\by-hand.crt' -CertStoreLocation 'Cert:\LocalMachine\Root'"
    placed.do(1, by_hand)

    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    roll_out_twice(placed, placed.inventory("plain"))

    assert placed.do(1, ROOTS).count("registry-lab CA") == 1


def test_a_key_that_the_registry_goes_on_to_use_as_the_hosts_own_stays(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    lab = secure(placed)
    lab["registry"]["tls"] = {
        "directory": r"c:\PROGRAMDATA/registry-lab\Certs",
        "authority_file": str(placed.directory / "operator" / "ca.crt"),
    }
    lab["registry"]["users_directory"] = "c:/ProgramData/Registry-Lab/auth\\"

    roll_out_twice(placed, placed.inventory("own", lab=lab))

    note = json.loads((placed.drive(1) / OURS / "placed" / "placed.json").read_text())
    assert {f"{OURS}/certs/registry.key", f"{OURS}/auth/htpasswd"} <= files_of_ours(placed)
    assert not [path for path in note["files"] if "registry.key" in path]


def test_what_others_placed_before_us_stays_when_we_go(placed: Stage) -> None:
    roll_out_twice(placed, placed.inventory("plain"))
    authority, login = files_of_ours_by_hand(placed)

    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    roll_out_twice(placed, placed.inventory("plain"))

    assert f"{CERTS}/{authority.parent.name}/ca.crt" in files_of_ours(placed)
    assert config(placed)["auths"] == FOREIGN | login


def files_of_ours_by_hand(stage: Stage) -> tuple[Path, dict[str, Any]]:
    """Put an authority and a log-in where we would put the same, and say where and which."""
    authority = stage.drive(1) / CERTS / "172.24.194.965000" / "ca.crt"
    authority.parent.mkdir(exist_ok=True)
    authority.write_bytes((stage.directory / "operator" / "ca.crt").read_bytes())
    found = config(stage)
    login = {f"{NAME}:5000": {"auth": base64.b64encode(f"tess:{PASSWORD}".encode()).decode()}}
    path = stage.drive(1) / CONFIG
    path.write_text(json.dumps({**found, "auths": {**found["auths"], **login}}))
    return authority, login


PLACED = r"C:\ProgramData\registry-lab\placed"


def test_a_note_that_a_user_wrote_is_not_believed(placed: Stage) -> None:
    """Every user may make directories in C:\\ProgramData, and tidying removes as administrator."""
    roll_out_twice(placed, placed.inventory("secure", lab=secure(placed)))
    victim = placed.drive(1) / "victim"
    victim.write_text("somebody's")
    note = placed.drive(1) / OURS / "placed" / "placed.json"
    note.write_text(json.dumps({"files": [r"C:\victim"], "logins": {}, "names": [], "roots": []}))
    placed.do(1, f"icacls.exe {PLACED} /setowner Student")

    result = placed.roll_out(placed.inventory("plain"))

    failure = placed.outcome()[placed.address(1)]["failure"]
    assert result.code != 0
    assert "was not left to administrators" in failure["cause"]
    assert "Get-Acl" in failure["remedy"]
    assert victim.exists()
    placed.do(1, f"Remove-Item -LiteralPath {PLACED} -Recurse -Force")
    roll_out_twice(placed, placed.inventory("plain"))
    assert victim.exists()


def test_our_directory_is_closed_and_what_a_user_put_there_is_not_used(placed: Stage) -> None:
    ours = r"C:\ProgramData\registry-lab"
    planted = placed.drive(1) / OURS / "build"
    planted.mkdir(exist_ok=True)
    (planted / "Dockerfile").write_text("FROM somebody's")
    placed.do(1, f"icacls.exe {ours} /setowner Student")
    placed.do(1, f"icacls.exe {ours} /reset")

    roll_out_twice(placed, placed.inventory("plain"))

    sddl = placed.do(1, f"Get-Acl -LiteralPath {ours} | Select-Object -ExpandProperty Sddl").strip()
    assert sddl == "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    assert not planted.exists()
