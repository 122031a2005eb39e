"""Tokens: what is signed is read back, anything else is refused; scopes as clients write them."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.auth.scope import Scopes
from registry_app.auth.token import LIFETIME, TokenInvalid, TokenSigner, read_key

NOW = 1_800_000_000.0
SCOPES = Scopes.parse(["repository:labs/hello:pull,push", "registry:catalog:*"])


def signer(key: bytes = b"k" * 32, now: float = NOW) -> TokenSigner:
    return TokenSigner(key, lambda: now)


def test_a_token_says_who_and_for_what() -> None:
    token = signer().verify(signer().issue("anna", "mark", SCOPES, "registry"))

    assert (token.user, token.mark, token.scopes, token.expires) == ("anna", "mark", SCOPES, NOW + LIFETIME)


def test_a_token_for_nobody_is_anonymous() -> None:
    assert signer().verify(signer().issue(None, None, SCOPES, "registry")).user is None


def test_a_token_ends() -> None:
    text = signer().issue("anna", "mark", SCOPES, "registry")

    signer(now=NOW + LIFETIME - 1).verify(text)
    with pytest.raises(TokenInvalid, match="expired"):
        signer(now=NOW + LIFETIME).verify(text)


def test_another_key_does_not_fit() -> None:
    text = signer().issue("anna", "mark", SCOPES, "registry")

    with pytest.raises(TokenInvalid):
        signer(b"x" * 32).verify(text)


def test_each_process_has_a_key_of_its_own() -> None:
    text = TokenSigner().issue("anna", "mark", SCOPES, "registry")

    with pytest.raises(TokenInvalid):
        TokenSigner().verify(text)


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_no_other_algorithm_can_be_talked_into() -> None:
    payload = signer().issue("anna", "mark", SCOPES, "registry").split(".")[1]

    for header in ({"alg": "none"}, {"alg": "none", "typ": "JWT"}, {"alg": "HS256"}):
        for signature in ("", encode("x")):
            with pytest.raises(TokenInvalid):
                signer().verify(f"{encode(header)}.{payload}.{signature}")


@given(st.data())
def test_a_token_with_one_character_changed_is_refused(data: st.DataObject) -> None:
    text = signer().issue("anna", "mark", SCOPES, "registry")
    # The last character of the signature has two bits that carry nothing.
    index = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.characters().filter(lambda character: character != text[index]))

    with pytest.raises(TokenInvalid):
        signer().verify(text[:index] + other + text[index + 1 :])


@given(st.text())
def test_any_text_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(TokenInvalid):
        signer().verify(text)


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        pytest.param(["repository:a:pull"], "repository:a:pull", id="one"),
        pytest.param(["repository:a:push,pull"], "repository:a:pull,push", id="in order"),
        pytest.param(["repository:a:*"], "repository:a:pull,push,delete", id="all actions"),
        pytest.param(
            ["repository:a:pull repository:b:pull"], "repository:a:pull repository:b:pull", id="by blank"
        ),
        pytest.param(["repository:a:pull", "repository:a:push"], "repository:a:pull,push", id="merged"),
        pytest.param(["registry:catalog:*"], "registry:catalog:*", id="catalog"),
        pytest.param(["repository(plugin):a/b:pull"], "repository:a/b:pull", id="class of resource"),
        pytest.param(["repository:a:pull,fly"], "repository:a:pull", id="unknown action"),
        pytest.param(["volume:a:pull", "nonsense", ""], "", id="unknown resources"),
        pytest.param(["repository:host:5000/a:pull"], "repository:host:5000/a:pull", id="colons in the name"),
    ],
)
def test_scopes_are_read_as_clients_write_them(texts: list[str], written: str) -> None:
    assert str(Scopes.parse(texts)) == written


def test_a_request_for_very_many_repositories_is_cut_short() -> None:
    assert len(Scopes.parse(f"repository:r{number}:pull" for number in range(1000)).repositories) == 64


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "token.key")

    first, second = read_key(path), read_key(path)

    assert first == second
    assert len(first) == 32
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_key_that_is_short_or_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(b"short")
    path.chmod(0o600)

    with pytest.raises(ValueError, match="at least 32 bytes, this has 5"):
        read_key(str(path))
    path.write_bytes(b"x" * 32)
    path.chmod(0o644)
    with pytest.raises(ValueError, match="can be read by others"):
        read_key(str(path))
