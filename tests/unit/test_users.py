"""The file of users as the operator works it out, and as the registry reads it."""

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import users
from deploy.users import password_problems, render_htpasswd, user_problems
from registry_app.auth.htpasswd import Htpasswd

HASH = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
PASSWORDS = {"tess": "correct horse", "anna": "pä55wörd"}


def test_the_registry_knows_every_user_by_their_password() -> None:
    read = Htpasswd.parse(render_htpasswd(PASSWORDS).encode())

    assert list(read.hashes) == ["anna", "tess"]
    assert all(read.verify(user, password) for user, password in PASSWORDS.items())


def test_a_second_run_changes_nothing() -> None:
    first = render_htpasswd(PASSWORDS)

    assert render_htpasswd(PASSWORDS, first) == first
    assert render_htpasswd(PASSWORDS, first.replace("\n", "\r\n")) == first


def test_only_who_changed_gets_a_new_hash() -> None:
    first = render_htpasswd(PASSWORDS)

    second = render_htpasswd(PASSWORDS | {"tess": "battery staple"}, first)

    assert first.splitlines()[0] == second.splitlines()[0]
    assert Htpasswd.parse(second.encode()).verify("tess", "battery staple")
    assert not Htpasswd.parse(second.encode()).verify("tess", "correct horse")


def test_equal_users_of_several_registries_have_one_hash_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bytes] = []
    hashpw = bcrypt.hashpw

    def counting(password: bytes, salt: bytes) -> bytes:
        made.append(password)
        return hashpw(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", counting)
    hashes = users.Hashes()

    files = [render_htpasswd(PASSWORDS, "", hashes) for _ in range(10)]

    assert len(made) == 2
    assert len(set(files)) == 1


def test_a_registry_keeps_its_own_hash_beside_those_of_others() -> None:
    hashes = users.Hashes()
    own = render_htpasswd(PASSWORDS)

    assert render_htpasswd(PASSWORDS, "", hashes) != own
    assert render_htpasswd(PASSWORDS, own, hashes) == own


def test_who_is_no_longer_declared_goes() -> None:
    assert render_htpasswd({}, render_htpasswd(PASSWORDS)) == ""


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode(), id="too cheap"),
        pytest.param("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", id="not bcrypt"),
        pytest.param("$2b$10$short", id="cut off"),
        pytest.param("", id="empty"),
    ],
)
def test_a_hash_that_does_not_do_is_replaced(kept: str) -> None:
    text = render_htpasswd({"anna": "secret"}, f"anna:{kept}\nno colon here\n")

    assert f"$2b${users.COST}$" in text
    assert Htpasswd.parse(text.encode()).verify("anna", "secret")


@pytest.mark.parametrize("name", ["anna", "Anna", "an na", "an.na@class", "änna", "a"])
def test_names_that_do(name: str) -> None:
    assert user_problems(name) is None


@pytest.mark.parametrize("name", ["", " anna", "an:na", "an\nna", "#anna", "@teachers", "an\0na"])
def test_names_that_would_break_the_file_or_the_log_in(name: str) -> None:
    assert user_problems(name)


@given(st.text(min_size=1, max_size=12))
def test_whatever_name_is_taken_can_be_read_back(name: str) -> None:
    if user_problems(name) is None:
        assert list(Htpasswd.parse(f"{name}:{HASH}\n".encode()).hashes) == [name]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("x" * 73, "longer than 72 bytes", id="long"),
        pytest.param("ü" * 37, "longer than 72 bytes", id="long in UTF-8"),
        pytest.param("se\ncret", "control character", id="line end"),
    ],
)
def test_passwords_that_would_not_work_are_named_and_not_shown(password: str, reason: str) -> None:
    problem = password_problems(password) or ""

    assert reason in problem
    assert not password or password not in problem


def test_a_good_password_is_no_problem() -> None:
    assert password_problems("correct horse ✓") is None
