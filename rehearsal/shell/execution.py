"""One run of a script: its statements in turn, each a pipeline of cmdlets and programs, its records kept
apart.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal import cmdlets as _cmdlets  # noqa: F401 - importing them registers them
from rehearsal import library
from rehearsal.host import Host
from rehearsal.interfaces import WindowsError
from rehearsal.programs import Program
from rehearsal.shell import natives
from rehearsal.shell.aliases import ALIASES
from rehearsal.shell.binding import BINDING, bind, bind_values, plain, text
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
from rehearsal.shell.values import PsError, Record, RemoteCommand, ScriptHalt, Value


@dataclass
class Memory:
    """What a runspace remembers from one run to the next."""

    last_exit_code: int | None = None


class Execution:
    """A run in progress. A run that was given up goes on by itself, and nobody looks at its records."""

    def __init__(self, host: Host, memory: Memory, cancel: threading.Event) -> None:
        self._host = host
        self._memory = memory
        self._cancel = cancel
        self.records: list[Record] = []
        self.last_failed = False
        self.exit_code: int | None = None

    def pipeline(self, commands: Sequence[RemoteCommand], given: Sequence[Value]) -> None:
        """Run one statement as it came over the wire, and record its output."""
        output = list(given)
        for number, command in enumerate(commands):
            first = number == 0
            if command.is_script:
                output = self._script(command, output, piped=not first or bool(given))
            elif command.text.casefold() == "invoke-expression":
                output = self._expression(command)
            else:
                cmdlet = _cmdlet(command.text)
                output = self._run(cmdlet, bind_values(cmdlet, command.parameters), None if first else output)
        self.records += [Record("output", value) for value in output]

    def _expression(self, command: RemoteCommand) -> list[Value]:
        script = next((value for _, value in command.parameters), "")
        return self._script(RemoteCommand(str(script), is_script=True), [], piped=False)

    def _script(self, command: RemoteCommand, given: list[Value], *, piped: bool) -> list[Value]:
        if command.text in library.SILENT:
            code, self._memory.last_exit_code = self._memory.last_exit_code, None
            return ["" if code is None else str(code)] if command.text == library.EPILOGUE else []
        if (script := library.find(command.text)) is not None:
            outcome = script(self._host, command, given)
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
                self.records.append(Record("error", error))
            self.last_failed = self._error_count() > errors
        return output

    def _error_count(self) -> int:
        return sum(record.stream == "error" for record in self.records)

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
            cmdlet = _cmdlet(name)
            return self._run(cmdlet, bind(cmdlet, call.elements, self._evaluate), given)
        found = natives.find(self._host, call.name) if name == call.name else None
        if found is None:
            raise not_found(call.name, name)
        return self._native(call, found, given or [])

    def _run(self, cmdlet: Cmdlet, bound: Bound, given: list[Value] | None) -> list[Value]:
        context = Context(self._host, self.records, self._cancel, cmdlet.name)
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
            names = " ".join(missing)
            raise PsError(
                f"Cannot process command because of one or more missing mandatory parameters: {names}.",
                f"MissingMandatoryParameter,{cmdlet.name}",
                "InvalidArgument",
                BINDING,
            )
        try:
            return list(cmdlet.body(context, bound))
        except WindowsError as error:
            exception = "System.ComponentModel.Win32Exception"
            text_id = f"Win32Error{error.code},{cmdlet.name}"
            context.error(PsError(error.message, text_id, "NotSpecified", exception, activity=cmdlet.name))
            return []

    def _native(self, call: Call, found: tuple[str, Program], given: list[Value]) -> list[Value]:
        path, program = found
        arguments = [word for element in call.elements for word in self._words(element)]
        result = natives.run(self._host, path, program, arguments, given)
        self.records += natives.error_records(call.name, result)
        self.exit_code = result.exit_code
        if not self._cancel.is_set():
            self._memory.last_exit_code = result.exit_code
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
            return self._memory.last_exit_code
        raise PsError(
            f"The rehearsal knows no variable ${name}; there are $LASTEXITCODE, $env:NAME, $true, $false "
            "and $null.",
            "RehearsalUnsupportedVariable",
            "ParserError",
        )


def _cmdlet(name: str) -> Cmdlet:
    found = CMDLETS.get(ALIASES.get(name.casefold(), name).casefold())
    if found is None:
        raise not_found(name, name)
    return found


def not_found(given: str, meant: str) -> PsError:
    """Return PowerShell's error for a command that nobody knows, with what comes close."""
    known = [*(cmdlet.name for cmdlet in CMDLETS.values()), *natives.names()]
    near = difflib.get_close_matches(meant, known, 3, 0.55)
    alias = f" ({given} is an alias of {meant} in Windows PowerShell.)" if given != meant else ""
    hint = f" The rehearsal knows: {', '.join(near)}." if near else ""
    return PsError(
        f"The term '{given}' is not recognized as the name of a cmdlet, function, script file, or operable "
        "program. Check the spelling of the name, or if a path was included, verify that the path is correct "
        f"and try again.{alias}{hint}",
        "CommandNotFoundException",
        "ObjectNotFound",
        "System.Management.Automation.CommandNotFoundException",
        target=given,
    )
