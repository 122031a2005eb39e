"""The file of users: what is read, what is refused, and which passwords fit."""

import bcrypt
import pytest

from registry_app.auth.htpasswd import Htpasswd, HtpasswdInvalid

ANNA = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


def test_a_user_is_known_by_the_right_password_only() -> None:
    users = Htpasswd.parse(f"anna:{ANNA}\n".encode())

    assert users.verify("anna", "correct horse")
    assert not users.verify("anna", "correct hors")
    assert not users.verify("anna", "")
    assert not users.verify("ben", "correct horse")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_spelling_of_bcrypt_is_verified(prefix: str) -> None:
    users = Htpasswd.parse(f"anna:{prefix}{ANNA[4:]}".encode())

    assert users.verify("anna", "correct horse")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(f"# people\n\n anna:{ANNA} \n\n".encode(), id="comments and empty lines"),
        pytest.param(f"anna:{ANNA}\r\n".encode(), id="CRLF"),
        pytest.param(f"anna:{ANNA}\r\n".encode("utf-8-sig"), id="UTF-8 with a mark"),
        pytest.param(f"anna:{ANNA}\r\n".encode("utf-16"), id="UTF-16, as PowerShell 5.1 redirects"),
    ],
)
def test_the_file_may_look_as_windows_writes_it(raw: bytes) -> None:
    assert Htpasswd.parse(raw).verify("anna", "correct horse")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(
            "ben:$apr1$x$yyyyyyyyyyyyyyyyyyyyyy", "line 2: user 'ben' has an Apache MD5 hash", id="apr1"
        ),
        pytest.param(
            "ben:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=", "line 2: user 'ben' has a SHA-1 hash", id="sha1"
        ),
        pytest.param("ben:$5$salt$hash", "user 'ben' has a SHA-256 crypt hash", id="sha256"),
        pytest.param("ben:$6$salt$hash", "user 'ben' has a SHA-512 crypt hash", id="sha512"),
        pytest.param("ben:rqXexS6ZhobKA", "user 'ben' has a DES crypt hash", id="crypt"),
        pytest.param("ben:secret", "user 'ben' has no hash that is known here", id="clear text"),
        pytest.param(f"ben:{ANNA[:-1]}", "user 'ben' has a damaged bcrypt hash", id="cut off"),
        pytest.param(f"ben:$2b$31${ANNA[7:]}", "user 'ben' has bcrypt cost 31, not 4 to 16", id="cost"),
        pytest.param("ben", "line 2: not of the form user:hash", id="no colon"),
        pytest.param(f":{ANNA}", "line 2: not of the form user:hash", id="no user"),
        pytest.param(f"anna:{ANNA}", "line 2: user 'anna' is there already", id="twice"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_line_and_user_without_the_hash(line: str, reason: str) -> None:
    with pytest.raises(HtpasswdInvalid) as caught:
        Htpasswd.parse(f"anna:{ANNA}\n{line}\n".encode())

    assert reason in str(caught.value)
    assert line.partition(":")[2] not in str(caught.value) or line == "ben"


def test_a_password_ends_where_bcrypt_ends_it() -> None:
    """Apache's htpasswd -B hashes 72 bytes of a longer password; a NUL ends one in C, so it is refused."""
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    empty = bcrypt.hashpw(b"", bcrypt.gensalt(4)).decode()
    users = Htpasswd.parse(f"anna:{long}\nben:{empty}\n".encode())

    assert users.verify("anna", "x" * 100)
    assert users.verify("ben", "")
    assert not users.verify("ben", "\0anything")


def test_an_unknown_user_takes_as_much_work_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: one bcrypt of a cost that a user here has, and the same one for the same name."""
    worked: list[bytes] = []
    check = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        worked.append(hashed)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    cheap, dear = (bcrypt.hashpw(b"p", bcrypt.gensalt(cost)).decode() for cost in (4, 5))
    users = Htpasswd.parse(f"anna:{cheap}\nben:{dear}\n".encode())

    for user in ("nobody", "nobody", "noone", "whoever", "mallory", "eve", "trudy", "oscar", "anna"):
        users.verify(user, "wrong")

    costs = [hashed[4:6] for hashed in worked]
    assert len(worked) == 9
    assert set(costs) == {b"04", b"05"}
    assert costs[0] == costs[1]


def test_a_file_without_users_lets_nobody_in() -> None:
    assert not Htpasswd.parse(b"").verify("anna", "")


def test_the_mark_changes_with_the_password_and_does_not_show_the_hash() -> None:
    other = bcrypt.hashpw(b"battery staple", bcrypt.gensalt(4)).decode()
    before = Htpasswd.parse(f"anna:{ANNA}".encode())
    after = Htpasswd.parse(f"anna:{other}".encode())

    assert before.mark("anna") == Htpasswd.parse(f"anna:{ANNA}".encode()).mark("anna")
    assert before.mark("anna") != after.mark("anna")
    assert before.mark("ben") is None
    assert ANNA[7:] not in repr(before.mark("anna"))
