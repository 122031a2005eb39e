"""Settings of TLS, users, rules and trust: what they may say, and what is wrong with the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyinfra.api.inventory import Inventory

from deploy import rendering
from deploy.certificates.files import own_certificate_problems
from deploy.inventory_data import fleet_settings
from deploy.secrets import SecretMissing, Secrets
from deploy.settings import RegistrySettings, RulesSettings, SettingsErrors, validate_all
from deploy.settings.access import SecretSource
from registry_app.auth.rules import ACTIONS, Rules

USERS = {"tess": {"env": "TESS"}, "sam": {"prompt": True}}
RULES = {
    "groups": {"teachers": ["tess"], 'odd "name\x7f': ["sam"]},
    "rules": [
        {"who": ["@anonymous"], "may": ["pull"], "repositories": ["labs/**"]},
        {"who": ["@teachers", "sam"], "may": ["pull", "push"], "repositories": ["students/{user}/*", "x"]},
    ],
}


def problems(**registry: object) -> list[str]:
    """Everything that is wrong with a host whose registry is set like this."""
    try:
        logins = [{"user": "tess"}] if "users" in registry else []
        validate_all({"pc": {"registry": registry, "trust": {"logins": logins}}})
    except SettingsErrors as errors:
        return [line.removeprefix("pc: registry.") for line in errors.lines]
    return []


def secure(**more: object) -> dict[str, Any]:
    return {"tls": "lab-ca", "users": USERS, **more}


@pytest.mark.parametrize(
    "registry",
    [
        pytest.param({"tls": "lab-ca"}, id="the lab's authority"),
        pytest.param(
            {"tls": {"certificate_file": "a", "key_file": "b", "authority_file": "c"}}, id="own files"
        ),
        pytest.param({"tls": {"directory": r"C:\tls"}}, id="files on the host"),
        pytest.param(secure(), id="users"),
        pytest.param(secure(rules=RULES, audit_directory=r"D:\audit"), id="rules and audit log"),
    ],
)
def test_settings_that_make_a_secure_registry(registry: dict[str, Any]) -> None:
    assert problems(**registry) == []
    assert not RegistrySettings.model_validate(registry).is_insecure


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        pytest.param({"tls": "letsencrypt"}, "tls: 'letsencrypt' is no source of certificates", id="source"),
        pytest.param({"tls": {}}, "tls: says not where the certificate comes from", id="no source"),
        pytest.param(
            {"tls": {"certificate_file": "a"}}, "tls: certificate_file and key_file go together", id="key"
        ),
        pytest.param(
            {"tls": {"lab_ca": True, "certificate_file": "a", "key_file": "b"}},
            "tls: the lab's authority",
            id="both",
        ),
        pytest.param({"users": USERS}, "users: passwords would travel in the clear: add tls", id="no TLS"),
        pytest.param({"rules": RULES}, "rules: need users", id="rules for nobody"),
        pytest.param(secure(users={"a:b": {"env": "A"}}), "users.a:b: no colon", id="name"),
        pytest.param(secure(users={"tess": "geheim"}), "users.tess: no passwords here", id="a password"),
        pytest.param(
            secure(users={"tess": {"env": "A", "prompt": True}}),
            "users.tess: needs exactly one of",
            id="two sources",
        ),
        pytest.param(
            secure(rules={"groups": {"users": ["tess"]}}),
            "rules.groups.users: @users has a meaning",
            id="reserved",
        ),
        pytest.param(
            secure(rules={"groups": {"t": ["tom"]}}), "rules.groups.t: there is no user 'tom'", id="member"
        ),
        pytest.param(
            secure(rules={"rules": [{"who": ["@x"], "may": ["pull"], "repositories": ["**"]}]}),
            "rules.rules.1.who: there is no group 'x'",
            id="group",
        ),
        pytest.param(
            secure(rules={"rules": [{"who": ["tess"], "may": ["pull"], "repositories": ["Labs/*", "a**"]}]}),
            "rules.rules.1.repositories: 'Labs/*' is no pattern",
            id="pattern",
        ),
    ],
)
def test_settings_that_cannot_work_are_named(registry: dict[str, Any], expected: str) -> None:
    found = problems(**registry)

    assert any(expected in line for line in found), found
    assert "geheim" not in str(found)


def test_a_login_is_of_a_user_that_is_there() -> None:
    with pytest.raises(SettingsErrors) as caught:
        validate_all({"pc": {"registry": secure(), "trust": {"logins": [{"user": "tom"}]}}})

    assert caught.value.lines == ["pc: trust.logins.0.user: 'tom' is none of registry.users"]


def test_users_without_a_login_on_the_host_cannot_be_proven() -> None:
    with pytest.raises(SettingsErrors) as caught:
        validate_all({"pc": {"registry": secure()}})

    assert "trust.logins: nobody on this host is logged in" in caught.value.lines[0]


def test_the_users_own_files_are_checked_before_any_host_is_touched(tmp_path: Path) -> None:
    authority = trustme.CA()
    own = authority.issue_cert("registry.class.lan", "10.20.0.7")
    own.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    tls = {"certificate_file": str(tmp_path / "own.pem"), "key_file": str(tmp_path / "own.pem")}
    registry = RegistrySettings.model_validate({"tls": tls, "dns_name": "registry.class.lan"})
    lost = RegistrySettings.model_validate({"tls": tls | {"key_file": str(tmp_path / "none")}})

    (problem,) = own_certificate_problems(registry, "10.20.0.7")
    assert str(problem) == (
        f"registry.tls: {tmp_path}/own.pem: certificate: it is not good for 172.24.194.96 "
        "(it names registry.class.lan, 10.20.0.7)"
    )
    assert "none: No such file or directory" in str(own_certificate_problems(lost, "10.20.0.7")[0])
    assert own_certificate_problems(RegistrySettings(), "10.20.0.7") == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("der", "no PEM certificate in the file", id="DER"),
        pytest.param("empty", "no PEM certificate in the file", id="empty"),
        pytest.param("none", "No such file or directory", id="missing"),
    ],
)
@pytest.mark.parametrize(
    ("setting", "lab"),
    [
        pytest.param(
            "trust.registries.0.authority_file",
            {"trust": {"registries": [{"name": "other.class.lan:5000"}]}},
            id="of another registry",
        ),
        pytest.param(
            "registry.tls.authority_file", {"registry": {"tls": {"directory": r"C:\lab"}}}, id="of its own"
        ),
    ],
)
def test_an_authority_that_is_none_is_told_before_any_host_is_touched(
    tmp_path: Path, name: str, problem: str, setting: str, lab: dict[str, Any]
) -> None:
    pem = trustme.CA().cert_pem.bytes()
    (tmp_path / "pem").write_bytes(pem)
    (tmp_path / "der").write_bytes(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
    (tmp_path / "empty").touch()

    (line,) = authority_problems(lab, tmp_path / name)

    assert line.startswith(f"pc-01: {setting}: {tmp_path / name}: {problem}")
    assert authority_problems(lab, tmp_path / "pem") == []


def authority_problems(lab: dict[str, Any], file: Path) -> list[str]:
    """What is wrong with a fleet whose only authority is in this file."""
    lab = copy.deepcopy(lab)
    place = lab["trust"]["registries"][0] if "trust" in lab else lab["registry"]["tls"]
    place["authority_file"] = str(file)
    try:
        fleet_settings(Inventory(([("@psrp/pc-01", {})], {"lab": lab})))
    except SettingsErrors as errors:
        return errors.lines
    return []


def test_rules_are_rendered_as_the_registry_reads_them() -> None:
    rendered = rendering.rules(RulesSettings.model_validate(RULES))

    read = Rules.parse(rendered.encode())
    assert read.groups == {name: frozenset(members) for name, members in RULES["groups"].items()}  # type: ignore[attr-defined]
    assert read.allows(None, "pull", "labs/a")
    assert read.allows("tess", "push", "x")
    assert not any(read.allows("sam", action, "students/sue/a") for action in ACTIONS)


def test_no_rules_are_a_file_that_allows_nothing() -> None:
    assert Rules.parse(rendering.rules(RulesSettings()).encode()).rules == ()


def private_file(folder: Path) -> dict[str, str]:
    (folder / "secret").write_text("from a file\n")
    (folder / "secret").chmod(0o600)
    return {"file": str(folder / "secret")}


@pytest.mark.parametrize(
    ("source", "password"),
    [
        pytest.param(lambda _: {"env": "TESS"}, "from the environment", id="environment"),
        pytest.param(private_file, "from a file", id="file"),
        pytest.param(lambda _: {"prompt": True}, "from a person", id="prompt"),
    ],
)
def test_a_password_is_looked_up(
    source: Callable[[Path], dict[str, Any]], password: str, tmp_path: Path
) -> None:
    secrets = Secrets({"TESS": "from the environment"}, lambda _: "from a person")

    assert secrets.password("tess", SecretSource.model_validate(source(tmp_path))) == password


def test_a_person_is_asked_once() -> None:
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return "secret"

    secrets = Secrets({}, ask)
    for user in ("tess", "tess", "sam"):
        secrets.password(user, SecretSource(prompt=True))

    assert asked == ["Password of the registry's user tess: ", "Password of the registry's user sam: "]


def open_file(folder: Path) -> dict[str, str]:
    (folder / "secret").write_text("geheim")
    (folder / "secret").chmod(0o644)
    return {"file": str(folder / "secret")}


def nobody_there(_question: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(lambda _: {"env": "NONE"}, "the environment variable NONE is not set", id="no variable"),
        pytest.param(lambda _: {"env": "EMPTY"}, "the password is empty", id="empty"),
        pytest.param(
            lambda folder: {"file": f"{folder}/none"}, "none: No such file or directory", id="no file"
        ),
        pytest.param(open_file, "can be read by others (mode 644); run: chmod 600", id="open file"),
        pytest.param(lambda _: {"prompt": True}, "there is no terminal to ask at", id="no terminal"),
    ],
)
def test_a_password_that_is_not_to_be_had_is_named_and_not_shown(
    source: Callable[[Path], dict[str, Any]], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SecretMissing) as caught:
        Secrets({"EMPTY": ""}, nobody_there).password("tess", SecretSource.model_validate(source(tmp_path)))

    assert reason in str(caught.value)
    assert "geheim" not in str(caught.value)
