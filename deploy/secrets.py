"""Passwords of the registry's users: from the operator's environment, files or terminal, once a run.

They are looked up before any host is touched, so that a missing one is said together with everything else
that is wrong. A password is never part of a message.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from getpass import getpass
from pathlib import Path

from deploy.settings.access import SecretSource
from deploy.users import password_problems


class SecretMissing(Exception):
    """A password is not to be had, or would not work; the message says why, and never what it is."""


class Secrets:
    """Looks passwords up, each at most once: a person is asked once for all hosts."""

    def __init__(self, environment: Mapping[str, str], ask: Callable[[str], str] = getpass) -> None:
        self._environment = environment
        self._ask = ask
        self._asked: dict[str, str] = {}

    def password(self, user: str, source: SecretSource) -> str:
        """Return the password of ``user``; raise `SecretMissing`."""
        password = self._look_up(user, source)
        if problem := password_problems(password):
            raise SecretMissing(problem)
        return password

    def _look_up(self, user: str, source: SecretSource) -> str:
        if source.env is not None:
            if source.env not in self._environment:
                raise SecretMissing(f"the environment variable {source.env} is not set")
            return self._environment[source.env]
        if source.file is not None:
            return _from_file(Path(source.file).expanduser())
        if user not in self._asked:
            try:
                self._asked[user] = self._ask(f"Password of the registry's user {user}: ")
            except EOFError:
                raise SecretMissing(
                    "there is no terminal to ask at; write {'env': …} or {'file': …}"
                ) from None
        return self._asked[user]


def _from_file(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretMissing(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretMissing(f"{path} is not UTF-8") from error
    if os.name == "posix" and mode & 0o077:
        raise SecretMissing(f"{path} can be read by others (mode {mode:o}); run: chmod 600 '{path}'")
    return text.removesuffix("\n").removesuffix("\r")
