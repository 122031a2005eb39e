"""What every operation is made of: read, plan, carry out; and how a failure stays on its host.

pyinfra ends the run on every host when an operation raises. So an operation here is a generator that may
raise `CouldNotRead` or `StepFailed`; `operation` turns those into a command that fails on this host, with
the reason in the run's record. The steps of an operation are carried out in Python, one pyinfra command
each, because most of them wait for something.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from pyinfra import logger
from pyinfra.api.arguments_typed import PyinfraOperation
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation as pyinfra_operation
from pyinfra.api.state import State
from pyinfra.context import ContextManager, ctx_host, ctx_state

from deploy.connector_errors import HostError
from deploy.facts import JsonFact
from deploy.found import CouldNotRead, Found
from deploy.masking import masked
from deploy.operations.hands import FAILURES, Hands, StepFailed
from deploy.record import Change, Failure
from deploy.run import run_of
from deploy.steps import Refuse, Step

P = ParamSpec("P")
T = TypeVar("T")
Commands = Generator[FunctionCommand, None, None]

_found: WeakKeyDictionary[Host, dict[bool, Found]] = WeakKeyDictionary()


def found_on(state: State, host: Host) -> Found:
    """Return what is found on a host. What was read for the plan is read again for the deed."""
    return _found.setdefault(host, {}).setdefault(
        state.is_executing, Found(functools.partial(_ask, state, host))
    )


class Acting:
    """One operation on one host."""

    def __init__(self, state: State, host: Host, title: str) -> None:
        self.state = state
        self.host = host
        self.title = title
        self.found = found_on(state, host)
        self.record = run_of(state).host(host)

    def carry_out(
        self,
        steps: Sequence[Step],
        details: Callable[[Step], Iterable[str]] = lambda _: (),
        hands: Hands | None = None,
        undo: Callable[[Exception], NoReturn] | None = None,
    ) -> Commands:
        """Yield a command for each step; if there is none, say so.

        ``undo`` takes back what the steps did when one of them fails, and raises the reason.
        """
        refusal = next((step for step in steps if isinstance(step, Refuse)), None)
        if refusal is not None:
            raise StepFailed(refusal.reason, refusal.remedy)
        if not steps:
            self.host.noop(f"{self.title} is as wanted")
        self.plan(Change(self.title, str(step), tuple(details(step))) for step in steps)
        for step in steps:
            yield self.command(functools.partial(self._do, hands or self.hands(), step, undo), str(step))

    def once_the_engine_runs(self, text: str) -> Commands:
        """Put off what cannot be planned while the engine is silent; fail if it should be running by now."""
        if self.state.is_executing:
            raise StepFailed(
                "the engine does not answer", "look at the service and its event log on the host"
            )
        self.plan([Change(self.title, f"{text}, once the engine runs")])
        yield self.command(lambda: None, text)

    def plan(self, changes: Iterable[Change]) -> None:
        """Note what is to be done, and say it while pyinfra only looks."""
        for change in changes:
            self.record.plan(change)
            if not self.state.is_executing:
                self.host.log(f"{self.title}: {change.text}")
                for line in change.details:
                    self.host.log_styled(f"    {line}", fg=_colour(line))

    def hands(self, archive: Callable[[], str] | None = None) -> Hands:
        """Return what carries out steps on this host."""
        name = run_of(self.state).wanted(self.host).registry.name
        return Hands(self.state, self.host, self.found, archive, {name: self.registry_url})

    @property
    def registry_url(self) -> str:
        """Where the host's registry answers if it is well."""
        registry = run_of(self.state).wanted(self.host).registry
        return f"http{'s' if registry.tls else ''}://{registry.address}/v2/"

    def command(self, work: Callable[[], None], text: str) -> FunctionCommand:
        """Return ``work`` as a pyinfra command, which fails on this host alone."""
        return FunctionCommand(_perform, (self, work, text), {})

    def fail(self, cause: str, remedy: str = "") -> None:
        """Note and show why this host stops here; dockerd may have said a password among its own words."""
        cause = self._without_variables(masked(cause))
        self.record.fail(Failure(self.title, cause, remedy))
        self.host.log_styled(f"{cause}{f': {remedy}' if remedy else ''}", log_func=logger.error, fg="red")

    def _without_variables(self, text: str) -> str:
        """Return ``text`` without what variables of the container hold: the registry may have repeated it."""
        for value in run_of(self.state).wanted(self.host).registry.environment.values():
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, "…")
        return text

    def _do(self, hands: Hands, step: Step, undo: Callable[[Exception], NoReturn] | None) -> None:
        try:
            hands.do(step)
        except FAILURES as failure:
            if undo is not None:
                undo(failure)
            raise
        self.record.done.append(Change(self.title, str(step)))


def operation(
    title: str,
) -> Callable[[Callable[Concatenate[Acting, P], Commands]], PyinfraOperation[P]]:
    """Make a pyinfra operation of a generator that takes an `Acting`."""

    def decorate(function: Callable[Concatenate[Acting, P], Commands]) -> PyinfraOperation[P]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> Commands:
            acting = Acting(_current(ctx_state), _current(ctx_host), title)
            try:
                yield from function(acting, *args, **kwargs)
            except (CouldNotRead, StepFailed) as problem:
                yield from _stop(acting, problem)

        del run.__wrapped__  # pyinfra looks at the signature, which has no `Acting`
        return pyinfra_operation()(run)

    return decorate


def _current(context: ContextManager) -> Any:  # noqa: ANN401 - pyinfra's contexts are untyped
    return context.get()  # type: ignore[no-untyped-call]


def _stop(acting: Acting, problem: CouldNotRead | StepFailed) -> Commands:
    cause, remedy = (problem.cause, problem.remedy) if isinstance(problem, StepFailed) else (str(problem), "")
    if not acting.state.is_executing:
        acting.fail(cause, remedy)
        acting.state.fail_hosts({acting.host})  # type: ignore[no-untyped-call]

    def give_up() -> None:
        raise StepFailed(cause, remedy)

    yield acting.command(give_up, "stop here")


def _perform(
    state: State,  # noqa: ARG001 - pyinfra calls a function with these names in its own greenlet
    host: Host,  # noqa: ARG001
    acting: Acting,
    work: Callable[[], None],
    text: str,
) -> bool:
    acting.host.log(text)
    try:
        work()
    except StepFailed as failure:
        acting.fail(failure.cause, failure.remedy)
    except CouldNotRead as problem:
        acting.fail(str(problem))
    except HostError as error:
        acting.fail(error.cause, error.remedy)
    else:
        return True
    return False


def _ask(state: State, host: Host, fact: type[JsonFact[T]], **arguments: object) -> T:
    """Ask the host for a fact, as pyinfra does, but tell why if it cannot say."""
    asked = fact()
    try:
        success, output = host.run_shell_command(
            StringCommand(asked.command(**arguments)),
            print_output=state.print_fact_output,
            print_input=state.print_fact_input,
            _success_exit_codes=asked.success_exit_codes,
            _timeout=_FACT_SECONDS,
        )
    except HostError as error:
        raise CouldNotRead(asked.title, str(error)) from error
    if not success:
        raise CouldNotRead(asked.title, output.stderr or "it failed without a word")
    try:
        value = asked.process(output.stdout_lines)
    except FactProcessError as error:
        # What made no sense as an answer is often explained beside it, as by docker when it prints nothing.
        said = f" ({output.stderr})" if output.stderr else ""
        raise CouldNotRead(asked.title, f"{error}{said}") from error
    return cast("T", value)


_FACT_SECONDS = 120
_SHORTEST_SECRET = 6
"""What is shorter is a number, a switch or a level, and stands in many sentences by chance."""


def _colour(line: str) -> str | None:
    return {"+": "green", "-": "red"}.get(line[:1])
