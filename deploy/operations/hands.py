"""Carry out steps on one host: send their commands, upload their files, wait until what they wait for is so.

A step either did what it says or raised `StepFailed`. Every command has a time limit, since a host that
hangs must not hold up a fleet; they are generous, and differ by what the engine may have to do.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping
from functools import singledispatchmethod
from typing import Final, TypeVar

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput

from deploy import steps
from deploy.commands import container_log, remembered
from deploy.connector_errors import HostError
from deploy.found import CouldNotRead, Found
from deploy.plan import differences
from deploy.state import ContainerState, EngineState
from deploy.trust.commands import commands
from deploy.trust.steps import Protect, PutBytes

T = TypeVar("T")

_SECONDS: Final[Mapping[type[steps.Step], int]] = {
    steps.BuildImage: 3600,
    steps.ExpandArchive: 600,
    steps.RunContainer: 600,
    steps.StopService: 300,
    steps.StartService: 300,
    steps.RemovePath: 300,
    # What lies in the directory gets its share, one file after the other.
    steps.GrantModify: 3600,
}
_USUAL_SECONDS: Final = 120
TRANSFER_SECONDS: Final = 3600
"""For pulling and pushing images."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


_HOPELESS_RESTARTS: Final = 5
"""A container that has ended so often right after its start will not come to itself (3 s with docker's
pauses)."""


_ONLY_THE_CODE: Final = re.compile(r"exit code -?\d+")


class StepFailed(Exception):
    """A step did not do what it is for."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


FAILURES: Final = (StepFailed, CouldNotRead, HostError)
"""Everything that a step may raise."""


class Hands:
    """Does things on one host.

    ``archive`` makes the file here that a `PutArchive` uploads; ``serves`` has the address at which a
    container's registry answers, by the container's name.
    """

    def __init__(
        self,
        state: State,
        host: Host,
        found: Found,
        archive: Callable[[], str] | None = None,
        serves: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._host = host
        self._found = found
        self._archive = archive
        self._serves = serves or {}

    def run(self, command: str, seconds: int = _USUAL_SECONDS) -> str:
        """Run one command and return what it printed; `StepFailed` with its own words if it fails."""
        return self._answer(command, seconds).stdout

    def _answer(self, command: str, seconds: int) -> CommandOutput:
        self._found.forget()
        success, output = self._host.run_shell_command(
            StringCommand(command),
            print_output=self._state.print_output,
            print_input=self._state.print_input,
            _timeout=seconds,
        )
        if not success:
            error = self._host.connector_data.get("psrp_error")
            if isinstance(error, HostError) and str(error) == output.stderr:
                raise StepFailed(error.cause, error.remedy)  # not the command, but the way to the host
            said = output.stderr
            if _ONLY_THE_CODE.fullmatch(said) and output.stdout:
                said = f"{output.stdout} ({said})"  # icacls and sc say on stdout what is wrong
            raise StepFailed(said or "failed without a word")
        return output

    @singledispatchmethod
    def do(self, step: steps.Step) -> None:
        """Carry out ``step``; raise `StepFailed` if it did not work."""
        for command in commands(step):
            self.run(command, _SECONDS.get(type(step), _USUAL_SECONDS))

    @do.register
    def _(self, step: steps.Refuse) -> None:
        raise StepFailed(step.reason, step.remedy)

    @do.register
    def _(self, step: steps.PutFile) -> None:
        self._put(io.BytesIO(step.text.encode()), step.path)

    @do.register
    def _(self, step: PutBytes) -> None:
        self._put(io.BytesIO(step.content), step.path)

    @do.register
    def _(self, step: Protect) -> None:
        try:
            for command in commands(step):
                self.run(command)
        except StepFailed as failure:
            named = [account for account in step.grants if not account.startswith("*")]
            remedy = f"is there an account {named[0]} on this host? see trust.logins" if named else ""
            raise StepFailed(failure.cause, remedy) from failure

    @do.register
    def _(self, step: steps.RememberContainers) -> None:
        self.do(remembered(step))

    @do.register
    def _(self, step: steps.PutArchive) -> None:
        if self._archive is None:
            raise StepFailed(f"there is no build context {step.fingerprint} here")
        self._put(self._archive(), step.path)

    @do.register
    def _(self, step: steps.AwaitEngine) -> None:
        def look() -> tuple[EngineState, bool]:
            return self._found.engine(), self._found.service().running

        # A service that has stopped again will not answer, however long it is waited for.
        engine, runs = self.wait_for(look, lambda seen: seen[0].answers or not seen[1], step.seconds)
        if not engine.answers:
            silence = f"does not answer after {step.seconds} s" if runs else "stopped right after its start"
            raise StepFailed(": ".join([f"the engine {silence}", *engine.errors]))

    @do.register
    def _(self, step: steps.ProveOptions) -> None:
        engine = self.wait_for(self._found.engine, lambda found: not missing(step, found), step.seconds)
        if gaps := missing(step, engine):
            raise StepFailed(f"the engine runs with other options than wanted: {'; '.join(gaps)}")

    @do.register
    def _(self, step: steps.AwaitContainer) -> None:
        def good(container: ContainerState | None) -> bool:
            return container is not None and (container.is_well or self._is_serving(container))

        def settled(container: ContainerState | None) -> bool:
            return good(container) or _is_hopeless(container)

        container = self.wait_for(lambda: self._container(step.name), settled, step.seconds)
        if not good(container):
            patience = "" if _is_hopeless(container) else f" after {step.seconds} s"
            raise StepFailed(
                f"the container {step.name} is not well{patience}: {_condition(container)}"
                f"{self._last_words(step.name)}"
            )

    @do.register
    def _(self, step: steps.AwaitRegistry) -> None:
        if not self.wait_for(lambda: self._found.registry_answers(step.url), bool, step.seconds):
            raise StepFailed(
                f"the registry does not answer at {step.url} after {step.seconds} s"
                f"{self._last_words(step.name)}",
                f"see what more it says: docker container logs {step.name}",
            )

    def _is_serving(self, container: ContainerState) -> bool:
        """Whether a registry serves already, though docker has not come to look at its health yet."""
        url = self._serves.get(container.name)
        return bool(url and container.running and self._found.registry_answers(url))

    def _last_words(self, name: str) -> str:
        """Return what a container said last, as the end of a sentence; nothing if that cannot be had."""
        try:
            said = self._answer(container_log(name), _USUAL_SECONDS)
        except FAILURES:
            return ""
        # One that ends again and again says the same again and again.
        lines = dict.fromkeys([*said.stdout_lines, *said.stderr_lines])
        return f"; it said last: {chr(10).join(lines)}" if lines else ""

    def wait_for(self, look: Callable[[], T], good: Callable[[T], bool], seconds: float) -> T:
        """Look again and again until it is good or ``seconds`` have passed; return what was seen last.

        A host that cannot say for a moment, as while its network changes, is asked again.
        """
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while True:
            self._found.forget()
            over = time.monotonic() >= deadline
            try:
                seen = look()
            except CouldNotRead:
                if over:
                    raise
            else:
                if over or good(seen):
                    return seen
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _container(self, name: str) -> ContainerState | None:
        return next((each for each in self._found.containers() if each.name == name), None)

    def _put(self, source: str | io.BytesIO, path: str) -> None:
        self._found.forget()
        try:
            self._host.put_file(source, path, print_input=self._state.print_input)
        except HostError as error:
            raise StepFailed(error.cause, error.remedy) from error


def missing(step: steps.ProveOptions, engine: EngineState) -> list[str]:
    """Say what ``docker info`` does not show of what it should."""
    if not engine.answers:
        return ["it does not answer"]
    return list(differences(step.options, step.labels, engine).values())


def _is_hopeless(container: ContainerState | None) -> bool:
    return container is not None and container.restarts >= _HOPELESS_RESTARTS


def _condition(container: ContainerState | None) -> str:
    if container is None:
        return "it does not exist"
    if _is_hopeless(container):
        return f"it has ended {container.restarts} times, with exit code {container.exit_code}"
    if not container.running:
        return f"it ended with exit code {container.exit_code}"
    return container.health
