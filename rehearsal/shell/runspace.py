"""A runspace: runs what a client sends, statement by statement, and remembers the last native exit code."""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Sequence

from rehearsal import cmdlets as _cmdlets  # noqa: F401 - importing them registers them
from rehearsal import library
from rehearsal.host import Host
from rehearsal.interfaces import NativeResult
from rehearsal.programs import Program
from rehearsal.shell import natives, prompt
from rehearsal.shell.aliases import ALIASES
from rehearsal.shell.binding import bind, bind_values, plain, text
from rehearsal.shell.cmdlet import CMDLETS, Bound, Cmdlet, Context
from rehearsal.shell.syntax import (
    Argument,
    Call,
    Items,
    Literal,
    ParameterName,
    Statement,
    SubExpression,
    Variable,
    parse,
)
from rehearsal.shell.values import Invocation, Outcome, PsError, Record, RemoteCommand, ScriptHalt, Value

log = logging.getLogger(__name__)


class Runspace:
    """One runspace on one host. Not to be used by two threads at once, as on Windows."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._records: list[Record] = []
        self._cancel = threading.Event()
        self._last_failed = False
        self.last_exit_code: int | None = None

    def invoke(self, invocation: Invocation, cancel: threading.Event) -> Outcome:
        """Run an invocation to its end; what goes wrong is in the outcome."""
        self._records, self._cancel, self._last_failed = [], cancel, False
        failure = None
        exit_code: int | None = None
        try:
            for statement in invocation.statements:
                exit_code = self.last_exit_code if _is_epilogue(statement[0]) else exit_code
                output = self._pipeline(statement, invocation.input)
                self._records += [Record("output", value) for value in output]
        except ScriptHalt as halt:
            failure = halt.error
        except PsError as error:
            failure = error
        except Exception as error:
            log.exception("%s: a command could not be run", self._host.address)
            failure = PsError(f"The rehearsal failed: {error!r}; see its log", "RehearsalDefect")
        outcome = Outcome(self._records, failure, stopped=cancel.is_set(), last_failed=self._last_failed)
        self._write_journal(invocation, exit_code, outcome)
        return outcome

    def run_command_line(self, line: str, cancel: threading.Event) -> NativeResult:
        """Run a line of the command prompt (WinRS), PowerShell started from there among it."""
        return prompt.run(self._host, line, lambda script: self.invoke(Invocation.of(script), cancel), self)

    def _write_journal(self, invocation: Invocation, exit_code: int | None, outcome: Outcome) -> None:
        commands = [command for statement in invocation.statements for command in statement]
        shown = [_shown(command) for command in commands if command.text not in library.SILENT]
        if shown:
            failed = outcome.failure is not None or bool(outcome.errors)
            name = library.name_of(commands[0])
            code = exit_code if exit_code is not None else self.last_exit_code
            self._host.journal.write(name or " | ".join(shown), code, failed=failed)

    def _pipeline(self, commands: Sequence[RemoteCommand], given: Sequence[Value]) -> list[Value]:
        output = list(given)
        for number, command in enumerate(commands):
            first = number == 0
            if command.is_script:
                output = self._script(command, output, piped=not first or bool(given))
            elif command.text.casefold() == "invoke-expression":
                output = self._expression(command)
            else:
                cmdlet = self._cmdlet(command.text)
                bound = bind_values(cmdlet, command.parameters)
                output = self._run(cmdlet, bound, None if first else output)
        return output

    def _expression(self, command: RemoteCommand) -> list[Value]:
        text_given = next((value for _, value in command.parameters), "")
        return self._script(RemoteCommand(str(text_given), is_script=True), [], piped=False)

    def _script(self, command: RemoteCommand, given: list[Value], *, piped: bool) -> list[Value]:
        if command.text == library.EPILOGUE:
            code, self.last_exit_code = self.last_exit_code, None
            return ["" if code is None else str(code)]
        if command.text == library.RESET_EXIT_CODE:
            self.last_exit_code = None
            return []
        if (script := library.find(command.text)) is not None:
            outcome = script(self._host, command, given)
            self._records += [record for record in outcome.records if record.stream != "output"]
            if outcome.failure is not None:
                raise ScriptHalt(outcome.failure)
            return outcome.output
        if command.parameters:
            raise ScriptHalt(PsError("Only the known scripts take parameters here.", "RehearsalUnsupported"))
        return self._statements(command.text, given if piped else None)

    def _statements(self, script: str, given: list[Value] | None) -> list[Value]:
        try:
            statements = parse(script)
        except PsError as error:
            raise ScriptHalt(error) from error
        output: list[Value] = []
        for statement in statements:
            errors = self._error_count()
            try:
                output += self._statement(statement, given)
            except PsError as error:
                # an error of a statement ends the statement only; the next one runs
                self._records.append(Record("error", error))
            self._last_failed = self._error_count() > errors
        return output

    def _error_count(self) -> int:
        return sum(record.stream == "error" for record in self._records)

    def _statement(self, statement: Statement, given: list[Value] | None) -> list[Value]:
        if statement.throws and statement.value is not None:
            message = text(self._evaluate(statement.value))
            raise ScriptHalt(PsError(message, message, "OperationStopped"))
        if statement.value is not None:
            value = self._evaluate(statement.value)
            return value if isinstance(value, list) else [value]
        output = given
        for call in statement.calls:
            output = self._call(call, output)
        return output or []

    def _call(self, call: Call, given: list[Value] | None) -> list[Value]:
        name = ALIASES.get(call.name.casefold(), call.name)
        if name.casefold() in CMDLETS:
            cmdlet = self._cmdlet(name)
            return self._run(cmdlet, bind(cmdlet, call.elements, self._evaluate), given)
        found = natives.find(self._host, call.name) if name == call.name else None
        if found is None:
            raise _not_found(call.name, name)
        return self._native(call, found, given or [])

    def _run(self, cmdlet: Cmdlet, bound: Bound, given: list[Value] | None) -> list[Value]:
        context = Context(self._host, self._records, self._cancel, cmdlet.name)
        context.error_action = bound["ErrorAction"] or "Continue"
        context.warning_action = bound["WarningAction"] or "Continue"
        bound.input = given
        missing = [
            parameter.name
            for parameter in cmdlet.parameters
            if parameter.required
            and parameter.name not in bound
            and not (parameter.pipeline and given is not None)
        ]
        if missing:
            raise PsError(
                "Cannot process command because of one or more missing mandatory parameters: "
                f"{' '.join(missing)}.",
                f"MissingMandatoryParameter,{cmdlet.name}",
                "InvalidArgument",
                "System.Management.Automation.ParameterBindingException",
            )
        return list(cmdlet.body(context, bound))

    def _native(self, call: Call, found: tuple[str, Program], given: list[Value]) -> list[Value]:
        path, native = found
        arguments = [word for element in call.elements for word in self._words(element)]
        result = natives.run(self._host, path, native, arguments, given)
        self._records += natives.error_records(call.name, result)
        self.last_exit_code = result.exit_code
        return natives.output(result)

    def _words(self, element: ParameterName | Argument) -> list[str]:
        if isinstance(element, ParameterName):
            if element.value is None:
                return [element.text]
            return [f"{element.text}:{' '.join(self._words(element.value))}"]
        if isinstance(element, Literal):
            return [element.raw if element.bare else text(element.value)]
        if isinstance(element, Items):
            return [text(item.value) for item in element.items]
        value = self._evaluate(element)
        return [text(item) for item in value] if isinstance(value, list) else [text(value)]

    def _evaluate(self, argument: Argument) -> Value:
        if isinstance(argument, SubExpression):
            return self._statement(argument.statement, None)
        if isinstance(argument, Variable):
            return self._variable(argument.name)
        return plain(argument)

    def _variable(self, name: str) -> Value:
        scope, _, rest = name.rpartition(":")
        if scope.casefold() == "env":
            return self._host.environment.get(rest.upper())
        if rest.casefold() == "lastexitcode":
            return self.last_exit_code
        raise PsError(
            f"The rehearsal knows no variable ${name}; there are $LASTEXITCODE, $env:NAME, $true, "
            "$false and $null.",
            "RehearsalUnsupportedVariable",
            "ParserError",
        )

    @staticmethod
    def _cmdlet(name: str) -> Cmdlet:
        found = CMDLETS.get(ALIASES.get(name.casefold(), name).casefold())
        if found is None:
            raise _not_found(name, name)
        return found


def _shown(command: RemoteCommand) -> str:
    if command.is_script:
        return command.text
    return " ".join([command.text, *(f"-{name} {value}" for name, value in command.parameters)])


def _is_epilogue(command: RemoteCommand) -> bool:
    return command.text == library.EPILOGUE


def _not_found(given: str, meant: str) -> PsError:
    known = [*(cmdlet.name for cmdlet in CMDLETS.values()), *natives.names()]
    near = difflib.get_close_matches(meant, known, 3, 0.55)
    alias = f" ({given} is an alias of {meant} in Windows PowerShell.)" if given != meant else ""
    hint = f" The rehearsal knows: {', '.join(near)}." if near else ""
    return PsError(
        f"The term '{given}' is not recognized as the name of a cmdlet, function, script file, or "
        "operable program. "
        "Check the spelling of the name, or if a path was included, verify that the path is "
        "correct and try again."
        f"{alias}{hint}",
        "CommandNotFoundException",
        "ObjectNotFound",
        "System.Management.Automation.CommandNotFoundException",
        target=given,
    )
