"""One PowerShell session on one host, over pypsrp: open, run, time out, start over.

The traps of pypsrp 0.9 that this module exists for:

* Windows drops an idle connection after two minutes, and sealed messages die with it: before that, log on
  again.
* A dead host would hold a Receive for five minutes (five retries with growing pauses): one retry here.
* `gevent.Timeout` is taken for a slow socket and retried: a time limit is kept by polling up to a deadline.
* Its debug log shows whole messages, secrets included: it is never switched on.
* A session is one stream of sealed messages: one command at a time, whoever asks.
"""

from __future__ import annotations

import logging
import math
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from gevent.lock import RLock
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import OptionSet, SelectorSet, WSMan, WSManAction

from deploy.connector_errors import (
    SHELL_UNKNOWN,
    TRANSPORT_ERRORS,
    HostError,
    HostTimeout,
    HostUnreachable,
    SessionLost,
    explain,
)
from deploy.connector_output import ErrorText, Outcome, ProtocolViolation, outcome
from deploy.connector_scripts import EPILOGUE, RESET_EXIT_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.connector_data import ConnectionSettings

_LOG: Final = logging.getLogger("pyinfra.psrp")
_RECEIVE_RETRIES: Final = 1
_RETRY_PAUSE: Final = 1.0
_REOPEN_PAUSE: Final = 2.0

for _name in ("pypsrp", "spnego", "requests_credssp", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class PsrpSession:
    """A runspace pool on one host. Every method raises `HostError` and nothing else."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self._lock = RLock()
        self._pool: RunspacePool | None = None
        self._stale_exit_code = False
        self._last_used = 0.0

    def open(self) -> None:
        """Log on and open a runspace pool; no error if it is open."""
        with self._lock, self._explained():
            self._opened()

    def close(self) -> None:
        """Close the pool on the host and the connection to it. A host that is gone is no error."""
        with self._lock:
            pool, self._pool = self._pool, None
            if pool is None:
                return
            try:
                pool.close()
            except TRANSPORT_ERRORS as error:
                _LOG.debug(
                    "closing the session: %s", explain(error, self.settings.endpoint, self.settings.account)
                )
            finally:
                pool.connection.close()

    def reopen(self, deadline: float, pause: Callable[[float], None] = time.sleep) -> None:
        """Leave the session and try to open another until ``deadline`` (`time.monotonic`), as after a
        restart.
        """
        with self._lock:
            self._drop()
            while True:
                try:
                    return self.open()
                except HostError:
                    if time.monotonic() + _REOPEN_PAUSE > deadline:
                        raise
                pause(_REOPEN_PAUSE)

    def run(self, text: str, timeout: float | None = None) -> Outcome:
        """Run one command and wait for its end; `HostTimeout` if that takes longer than ``timeout``
        seconds.
        """

        def command(shell: PowerShell) -> PowerShell:
            return shell.add_script(text).add_statement().add_script(EPILOGUE)

        with self._lock:
            return self._outcome(self._invoke(command, timeout), with_exit_code=True)

    def run_fixed(self, script: str, parameters: dict[str, Any], timeout: float | None = None) -> Outcome:
        """Run a constant of `deploy.connector_scripts` with ``parameters``, in a scope of its own."""

        def command(shell: PowerShell) -> PowerShell:
            return shell.add_script(script, use_local_scope=True).add_parameters(parameters)

        with self._lock:
            return self._outcome(self._invoke(command, timeout), with_exit_code=False)

    def _opened(self) -> RunspacePool:
        if self._pool is None:
            connection = _connection(self.settings)
            pool = RunspacePool(connection, configuration_name=self.settings.configuration)
            pool.open()
            self._pool = pool
            self._stale_exit_code = False
            self._last_used = time.monotonic()
        return self._pool

    def _invoke(self, command: _Command, timeout: float | None) -> PowerShell:
        with self._explained():
            if self._pool is not None:
                self._refresh(self._pool)
            if self._stale_exit_code:
                self._finish(self._begin(_reset_exit_code), None)
            shell = self._finish(self._begin(command), timeout)
            self._stale_exit_code = shell.state != PSInvocationState.COMPLETED
            return shell

    def _begin(self, command: _Command) -> PowerShell:
        """Start a command, in a new session if the host has forgotten ours: then nothing was started."""
        shell = command(PowerShell(self._opened()))
        try:
            shell.begin_invoke()
        except WSManFaultError as fault:
            if fault.code != SHELL_UNKNOWN:
                raise
            self._drop()
            shell = command(PowerShell(self._opened()))
            shell.begin_invoke()
        return shell

    def _finish(self, shell: PowerShell, timeout: float | None) -> PowerShell:
        limit = timeout or self.settings.command_timeout
        deadline = time.monotonic() + limit if limit else math.inf
        while shell.state == PSInvocationState.RUNNING:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                self._stop(shell, f"the command took longer than {limit:g} s and was stopped")
            shell.poll_invoke(timeout=math.ceil(min(self.settings.operation_timeout, max(remaining, 1))))
        shell.close()
        self._last_used = time.monotonic()
        return shell

    def _stop(self, shell: PowerShell, why: str) -> None:
        shell.stop()
        self._last_used = time.monotonic()
        self._stale_exit_code = True
        raise _StoppedInTime(why)

    def _outcome(self, shell: PowerShell, *, with_exit_code: bool) -> Outcome:
        completed = shell.state == PSInvocationState.COMPLETED
        output = list(shell.output)
        if completed and not with_exit_code:
            output.append("0")
        errors = [ErrorText(record.fq_error or "", _record_text(record)) for record in shell.streams.error]
        warnings = [record.message or "" for record in shell.streams.warning]
        try:
            return outcome(completed=completed, output=output, errors=errors, warnings=warnings)
        except ProtocolViolation as violation:
            raise HostError(f"{self.settings.endpoint}: {violation}") from violation

    def _refresh(self, pool: RunspacePool) -> None:
        """Log on again, in the same session, before Windows drops an idle connection."""
        if time.monotonic() - self._last_used > self.settings.idle_timeout:
            transport = pool.connection.transport
            transport.close()
            transport.encryption = None
            _prepare_transport(transport)

    def _drop(self) -> None:
        """Forget a session that cannot be used any more; the host ends it by itself."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _StoppedInTime as stopped:
            raise HostTimeout(str(stopped)) from None
        except (*TRANSPORT_ERRORS, ImportError) as error:
            known = explain(error, self.settings.endpoint, self.settings.account)
            had_session = self._pool is not None
            self._drop()
            if had_session and isinstance(known, HostUnreachable):
                known = SessionLost(f"lost the session: {known.cause}", known.remedy)
            raise known from error


_Command = Callable[[PowerShell], PowerShell]


def _reset_exit_code(shell: PowerShell) -> PowerShell:
    return shell.add_script(RESET_EXIT_CODE)


class _StoppedInTime(Exception):
    """A command reached its limit and was stopped."""


class _Connection(WSMan):
    """WSMan with a patience that suits a rollout: one retry of a Receive that was not answered."""

    def receive(
        self,
        resource_uri: str,
        resource: ET.Element,
        option_set: OptionSet | None = None,
        selector_set: SelectorSet | None = None,
        timeout: int | None = None,
    ) -> ET.Element:
        """Ask for output. The host answers a repeated request with the same data."""
        answer = self.invoke(
            WSManAction.RECEIVE,
            resource_uri,
            resource,
            option_set,
            selector_set,
            timeout,
            retries_on_read_timeout=_RECEIVE_RETRIES,
        )
        return answer[1]  # an envelope is a header and a body


def _connection(settings: ConnectionSettings) -> _Connection:
    connection = _Connection(
        settings.host,
        port=settings.port,
        username=settings.user,
        password=settings.password,
        ssl=settings.ssl,
        path=settings.path,
        auth=settings.auth,
        encryption=settings.encryption,
        cert_validation=settings.cert_validation,  # type: ignore[arg-type] # a path, too
        connection_timeout=settings.connect_timeout,
        operation_timeout=settings.operation_timeout,
        read_timeout=settings.operation_timeout + 5,
        reconnection_backoff=_RETRY_PAUSE,
        proxy=settings.proxy,
        no_proxy=settings.proxy is None,
        certificate_pem=settings.certificate_pem,
        certificate_key_pem=settings.certificate_key_pem,
        certificate_key_password=settings.certificate_key_password,
        negotiate_service=settings.negotiate_service,
        negotiate_hostname_override=settings.negotiate_hostname,
        negotiate_delegate=settings.negotiate_delegate,
    )
    _prepare_transport(connection.transport)
    return connection


def _prepare_transport(transport: Any) -> None:  # noqa: ANN401 - pypsrp has no public type for it
    # Built here and not at the first message, to switch off the look-up of proxies in the environment that
    # requests would do for every single message: a tenth of the client's time.
    transport.session = transport._build_session()
    transport.session.trust_env = False


def _record_text(record: Any) -> str:  # noqa: ANN401 - pypsrp's records are untyped
    text = record._to_string
    return str(
        text or record.details_message or record.message or record.fq_error or "an error without words"
    )
