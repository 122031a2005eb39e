"""The pyinfra connector ``@psrp``: run commands and copy files on Windows hosts over PowerShell remoting.

It knows how to talk and nothing of what is said. A failure stays on its host: while connecting it is
pyinfra's ``ConnectError``; a command that cannot be run fails with the reason on standard error; a file
transfer raises `deploy.connector_errors.HostError`, an `OSError`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from getpass import getpass
from io import IOBase
from typing import IO, Any, Final, cast

from gevent.lock import RLock
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError, InventoryError
from pyinfra.api.output import echo
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from typing_extensions import override

from deploy.connector_data import (
    DATA_META,
    PASSWORD_VARIABLE,
    InvalidConnection,
    PsrpConnectorData,
    connection_settings,
    password_from_environment,
)
from deploy.connector_errors import CommandRefused, HostError
from deploy.connector_files import get, put
from deploy.connector_session import PsrpSession
from deploy.masking import masked

# Global arguments that a person could set and that have no meaning in a PowerShell session. Each is refused
# when it has a value, with what to do instead; ignoring one could run a command as somebody else, or
# somewhere else.
_UNSUPPORTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("_sudo", "_sudo_user", "_su_user", "_doas", "_doas_user", "_dzdo", "_dzdo_user"),
        "log on as that account instead (psrp_user)",
    ),
    "_chdir": "use absolute paths",
    "_env": "set machine variables with a command of its own",
    "_stdin": "pass the text as an argument or a file",
    "_get_pty": "leave it out",
}
_SHELLS: Final = frozenset({None, "", "sh", "ps", "powershell"})  # "sh" is pyinfra's default, not a wish


class PsrpConnector(BaseConnector):
    """Connect to Windows hosts over PowerShell remoting (PSRP), for example ``@psrp/10.20.0.11``."""

    __examples_doc__ = """
    .. code:: shell

        PSRP_PASSWORD=... pyinfra @psrp/10.20.0.11 exec -- Get-Service -Name docker
    """

    handles_execution = True
    data_cls = PsrpConnectorData
    data_meta = DATA_META

    _session: PsrpSession | None = None

    @staticmethod
    @override
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Name one host: ``HOST``, ``HOST:PORT``, ``[IPv6]`` or ``[IPv6]:PORT``."""
        if not name:
            msg = "@psrp needs a host: write @psrp/HOST"
            raise InventoryError(msg)
        host, port = _split_port(name)
        yield f"@psrp/{name}", {"psrp_host": host, **({"psrp_port": port} if port else {})}, []

    @override
    def connect(self) -> None:
        """Log on and open the session; ``ConnectError`` says host, cause and remedy."""
        default = self.state.config.CONNECT_TIMEOUT
        try:
            settings = connection_settings(self.data, _find_password, connect_timeout=default)
            self._session = PsrpSession(settings)
            self._session.open()
        except (HostError, InvalidConnection) as error:
            self._session = None
            self.host.connector_data["psrp_error"] = error
            raise ConnectError(str(error)) from error

    @override
    def disconnect(self) -> None:
        """Close the session on the host."""
        if self._session is not None:
            self._session.close()

    def reconnect(self, seconds: float) -> None:
        """Wait up to ``seconds`` for a host that restarts, and open a session anew; raises `HostError`."""
        self._open_session().reopen(time.monotonic() + seconds)

    @override
    def run_shell_command(
        self,
        command: StringCommand | str,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        """Run one command. A host that cannot be talked to is a failed command that says why."""
        text = command.get_raw_value() if isinstance(command, StringCommand) else command
        if print_input:
            self._say(f">>> {command}")
        try:
            _refuse_unsupported(arguments)
            result = self._open_session().run(text, arguments.get("_timeout"))
        except HostError as error:
            self.host.connector_data["psrp_error"] = error
            return self._answer([], [str(error)], success=False, show=print_output)
        success = result.succeeded(tuple(arguments.get("_success_exit_codes") or (0,)))
        stderr = result.stderr()
        if not success and not stderr:
            stderr = [f"exit code {result.exit_code}"]
        return self._answer(result.stdout, stderr, success=success, show=print_output)

    @override
    def put_file(
        self,
        filename_or_io: str | IOBase,
        remote_filename: str,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> bool:
        """Upload a file: in chunks, checked by its digest, landing by rename. Its directory must exist."""
        _refuse_unsupported(arguments)
        put(self._open_session(), cast("IO[Any]", filename_or_io), remote_filename, arguments.get("_timeout"))
        if print_input or print_output:
            self._say(f"file uploaded: {remote_filename}")
        return True

    @override
    def get_file(
        self,
        remote_filename: str,
        filename_or_io: str | IOBase,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> bool:
        """Download a file, checked by its digest; a file here is replaced only by a whole one."""
        _refuse_unsupported(arguments)
        get(self._open_session(), cast("IO[Any]", filename_or_io), remote_filename, arguments.get("_timeout"))
        if print_input or print_output:
            self._say(f"file downloaded: {remote_filename}")
        return True

    def _say(self, text: str) -> None:
        echo(f"{self.host.print_prefix}{masked(text)}", err=True)

    def _open_session(self) -> PsrpSession:
        if self._session is None:
            msg = "there is no session"
            raise HostError(msg, "connect first")
        return self._session

    def _answer(
        self, stdout: Iterable[str], stderr: Iterable[str], *, success: bool, show: bool
    ) -> tuple[bool, CommandOutput]:
        lines = [OutputLine("stdout", line) for line in stdout] + [
            OutputLine("stderr", line) for line in stderr
        ]
        if show:
            for line in lines:
                self._say(line.line)
        return success, CommandOutput(lines)


def _split_port(name: str) -> tuple[str, int | None]:
    host, separator, port = name.rpartition(":")
    if separator and port.isdecimal() and (host.endswith("]") or ":" not in host):
        return host.strip("[]"), int(port)
    return name.strip("[]"), None


def _refuse_unsupported(arguments: Mapping[str, Any]) -> None:
    for name, instead in _UNSUPPORTED.items():
        if arguments.get(name):
            msg = f"{name} does not work on Windows hosts"
            raise CommandRefused(msg, instead)
    if (shell := arguments.get("_shell_executable")) not in _SHELLS:
        msg = f"_shell_executable={shell!r} does not work on Windows hosts"
        raise CommandRefused(msg, "commands are PowerShell; leave it out")


class _Prompt:
    """Ask a person for a password, once for each account, however many hosts wait for it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._known: dict[str, str] = {}

    def __call__(self, user: str) -> str | None:
        with self._lock:
            if user not in self._known:
                if not sys.stdin.isatty():
                    return None
                self._known[user] = getpass(f"Password of {user} on the Windows hosts: ")
            return self._known[user]


_prompt = _Prompt()


def _find_password(host: str, user: str) -> str:
    password = password_from_environment(host) or _prompt(user)
    if password is None:
        msg = f"there is no password for {user} on {host}"
        raise HostError(msg, f"set {PASSWORD_VARIABLE} in the environment, or psrp_password")
    return password
