r"""The Docker client's ``config.json`` with a log-in that works without an interactive session. Pure.

``docker login`` over PowerShell remoting fails: the Windows credential store needs an interactive log-on
(docker/cli issues 4353 and 1263). The client also reads credentials from the file itself, if no store is
named for that registry; an empty helper for one registry says just that, and leaves the account's own store
alone.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.json_text import read_json


class ConfigUnreadable(Exception):
    """The ``config.json`` that is there cannot be added to; the message never shows its content."""


@dataclass(frozen=True)
class Login:
    """A log-in at one registry (``host:port``, as in image names)."""

    registry: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.registry!r}, {self.user!r}, …)"


def edit(content: bytes, logins: list[Login]) -> bytes:
    """Return ``config.json`` with these logins; the rest stays as it is."""
    config = _read(content)
    auths = _table(config, "auths")
    helpers = _table(config, "credHelpers")
    for login in logins:
        auths[login.registry] = _auth(login)
        if config.get("credsStore") or login.registry in helpers:
            helpers[login.registry] = ""
    return _written(content, config, auths, helpers)


def held(content: bytes, logins: Iterable[Login]) -> list[Login]:
    """Return those of the ``logins`` that ``config.json`` has already, password included."""
    auths = _table(_read(content), "auths")
    return [each for each in logins if auths.get(each.registry) == _auth(each)]


def without(content: bytes, users: Mapping[str, Collection[str]]) -> bytes:
    """Return ``config.json`` without the log-ins of these ``users`` (by registry); the rest stays as it is.

    Where somebody else has logged in since, that log-in is not ours and stays.
    """
    config = _read(content)
    auths = _table(config, "auths")
    helpers = _table(config, "credHelpers")
    for registry, names in users.items():
        if _user_of(auths.get(registry)) not in names:
            continue
        del auths[registry]
        if helpers.get(registry) == "":
            del helpers[registry]
    return _written(content, config, auths, helpers)


def _auth(login: Login) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{login.user}:{login.password}".encode()).decode()}


def _user_of(auth: object) -> str | None:
    encoded = auth.get("auth") if isinstance(auth, dict) else None
    try:
        return base64.b64decode(str(encoded), validate=True).decode().partition(":")[0]
    except ValueError:
        return None


def _written(content: bytes, config: dict[str, Any], auths: dict[str, Any], helpers: dict[str, Any]) -> bytes:
    changed = {**config, "auths": auths, "credHelpers": helpers}
    kept = {key: value for key, value in changed.items() if value != {} or config.get(key) == {}}
    if kept == config:
        return content
    return (json.dumps(kept, indent="\t") + "\n").encode()


def _read(content: bytes) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        config = read_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ConfigUnreadable("config.json is no JSON; correct it or remove it") from error
    if not isinstance(config, dict):
        raise ConfigUnreadable("config.json is no JSON object; correct it or remove it")
    return config


def _table(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key) or {}
    if not isinstance(value, dict):
        raise ConfigUnreadable(f"config.json: {key} is no object; correct it or remove it")
    return dict(value)
