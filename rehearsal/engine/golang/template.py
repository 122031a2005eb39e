"""Go templates (text/template) as docker's ``--format`` uses them, over dicts, lists and plain values.

Known: fields, variables, pipelines, parentheses, ``if``/``else``/``range``/``with``, comments, trimming, and
the functions of text/template and of docker's CLI. Everything else is an error, worded as Go words it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.engine.golang.quoting import format_value, quote
from rehearsal.engine.golang.template_functions import FUNCTIONS, truth

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s+ | (?P<string>"(?:\\.|[^"\\])*"|`[^`]*`) | (?P<field>(?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.)
    | (?P<variable>\$[A-Za-z0-9_]*) | (?P<number>-?\d+(?:\.\d+)?) | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol>:=|=|\||\(|\)|,)""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    {"if", "else", "end", "range", "with", "break", "continue", "define", "template", "block"}
)


class TemplateError(ValueError):
    """The template cannot be parsed or carried out; the message is Go's, ``close`` has what was possible."""

    def __init__(self, message: str, close: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.close = tuple(close)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


Pipeline = list[list[Any]]


@dataclass
class _Node:
    kind: str
    text: str = ""
    pipeline: Pipeline = field(default_factory=list)
    variables: tuple[str, ...] = ()
    declares: bool = False
    body: list[_Node] = field(default_factory=list)
    otherwise: list[_Node] = field(default_factory=list)


class Template:
    """A parsed template; ``type_name`` is how Go calls the data's type in an error about a field."""

    def __init__(self, text: str) -> None:
        self._pieces = _split(text)
        self._position = 0
        self._nodes, ending = self._parse_list()
        if ending:
            raise TemplateError(f"template: :1: unexpected {{{{{ending}}}}}")

    def _parse_list(self) -> tuple[list[_Node], str]:
        nodes: list[_Node] = []
        while self._position < len(self._pieces):
            is_action, text = self._pieces[self._position]
            self._position += 1
            if not is_action:
                nodes.append(_Node("text", text))
                continue
            word = text.split(maxsplit=1)[0] if text.split() else ""
            if word in ("end", "else"):
                return nodes, text
            if word in ("if", "range", "with"):
                nodes.append(self._control(word, text[len(word) :]))
            elif word in _KEYWORDS:
                raise TemplateError(f"template: :1: {{{{{word}}}}} is not known here")
            else:
                nodes.append(_action(text))
        return nodes, ""

    def _control(self, kind: str, text: str) -> _Node:
        node = _action(text)
        node.kind = kind
        node.body, ending = self._parse_list()
        if ending.startswith("else"):
            rest = ending[len("else") :].strip()
            if rest:
                word = rest.split(maxsplit=1)[0]
                node.otherwise = [self._control(word, rest[len(word) :])]
                return node
            node.otherwise, ending = self._parse_list()
        if ending != "end":
            raise TemplateError("template: :1: unexpected EOF")
        return node

    def execute(self, data: object, *, type_name: str = "") -> str:
        """Return the text that the template makes of ``data``, or raise `TemplateError`."""
        return _Run(type_name, {"$": data}).nodes(self._nodes, data)


def _split(text: str) -> list[tuple[bool, str]]:
    pieces: list[tuple[bool, str]] = []
    position, trim = 0, False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip() if trim else before
        before = before.rstrip() if match.group(1) else before
        if before:
            pieces.append((False, before))
        action = match.group(2).strip()
        if not (action.startswith("/*") and action.endswith("*/")):
            pieces.append((True, action))
        position, trim = match.end(), bool(match.group(3))
    rest = text[position:].lstrip() if trim else text[position:]
    if "{{" in rest:
        raise TemplateError("template: :1: unclosed action")
    if rest:
        pieces.append((False, rest))
    return pieces


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise TemplateError(f"template: :1: unexpected {quote(text[position])} in command")
        if match.lastgroup:
            kind = match.lastgroup
            tokens.append(
                _Token(
                    "chain" if kind == "field" and _adjoins(tokens, text, position) else kind, match.group()
                )
            )
        position = match.end()
    return tokens


def _adjoins(tokens: list[_Token], text: str, position: int) -> bool:
    """Whether a field follows a variable or a closing parenthesis without a blank: ``$x.Name``."""
    return (
        position > 0
        and not text[position - 1].isspace()
        and bool(tokens)
        and text[position - 1] not in "(|,="
    )


def _action(text: str) -> _Node:
    tokens = _tokens(text)
    variables: list[str] = []
    index = 0
    while index < len(tokens) and tokens[index].kind == "variable":
        variables.append(tokens[index].text)
        index += 1
        if index < len(tokens) and tokens[index].text == ",":
            index += 1
            continue
        break
    if variables and index < len(tokens) and tokens[index].text in (":=", "="):
        declares = tokens[index].text == ":="
        pipeline, rest = _pipeline(tokens[index + 1 :])
        node = _Node("action", pipeline=pipeline, variables=tuple(variables), declares=declares)
    else:
        pipeline, rest = _pipeline(tokens)
        node = _Node("action", pipeline=pipeline)
    if rest:
        raise TemplateError(f"template: :1: unexpected {quote(rest[0].text)} in command")
    if not any(node.pipeline):
        raise TemplateError("template: :1: missing value for command")
    return node


def _pipeline(tokens: list[_Token]) -> tuple[Pipeline, list[_Token]]:
    commands: Pipeline = [[]]
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        if token.text == ")" and token.kind == "symbol":
            return commands, [token, *rest]
        if token.text == "|" and token.kind == "symbol":
            commands.append([])
        elif token.text == "(" and token.kind == "symbol":
            inner, rest = _pipeline(rest)
            if not rest:
                raise TemplateError("template: :1: unclosed left paren")
            rest.pop(0)
            commands[-1].append(inner)
        else:
            commands[-1].append(token)
    return commands, []


class _Run:
    def __init__(self, type_name: str, variables: dict[str, object]) -> None:
        self.type_name = type_name
        self.variables = variables

    def nodes(self, nodes: list[_Node], dot: object) -> str:
        return "".join(self.node(node, dot) for node in nodes)

    def node(self, node: _Node, dot: object) -> str:
        if node.kind == "text":
            return node.text
        if node.kind == "range":
            return self._range(node, dot)
        value = self.evaluate(node.pipeline, dot)
        for name in node.variables:
            self.variables[name] = value
        if node.kind == "action":
            return "" if node.variables else _print(value)
        if truth(value):
            return self.nodes(node.body, value if node.kind == "with" else dot)
        return self.nodes(node.otherwise, dot)

    def _range(self, node: _Node, dot: object) -> str:
        value = self.evaluate(node.pipeline, dot)
        items: list[tuple[object, object]]
        if isinstance(value, Mapping):
            items = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, list | tuple):
            items = list(enumerate(value))
        elif value is None:
            items = []
        else:
            raise TemplateError(f"template: :1: range can't iterate over {_print(value)}")
        if not items:
            return self.nodes(node.otherwise, dot)
        return "".join(self._iteration(node, key, item) for key, item in items)

    def _iteration(self, node: _Node, key: object, item: object) -> str:
        names = node.variables
        if len(names) == 2:
            self.variables[names[0]], self.variables[names[1]] = key, item
        elif names:
            self.variables[names[0]] = item
        return self.nodes(node.body, item)

    def evaluate(self, pipeline: Pipeline, dot: object) -> object:
        value: object = None
        for index, command in enumerate(pipeline):
            value = self._command(command, dot, [value] if index else [])
        return value

    def _command(self, command: list[Any], dot: object, piped: list[object]) -> object:
        if not command:
            raise TemplateError("template: :1: missing value for command")
        first = command[0]
        if isinstance(first, _Token) and first.kind == "word" and first.text not in ("true", "false", "nil"):
            arguments = self._operands(command[1:], dot)
            return self._call(first.text, [*arguments, *piped])
        operands = self._operands(command, dot)
        if len(operands) > 1 or piped:
            raise TemplateError(f"template: :1: can't give argument to non-function {_shown(first)}")
        return operands[0]

    def _operands(self, parts: list[Any], dot: object) -> list[object]:
        values: list[object] = []
        for part in parts:
            if isinstance(part, _Token) and part.kind == "chain":
                values[-1] = self._fields(part.text, values[-1])
            else:
                values.append(self._operand(part, dot))
        return values

    def _operand(self, part: Any, dot: object) -> object:  # noqa: ANN401 - a token or a nested pipeline
        if isinstance(part, list):
            return self.evaluate(part, dot)
        if part.kind == "field":
            return dot if part.text == "." else self._fields(part.text, dot)
        if part.kind == "variable":
            if part.text not in self.variables:
                raise TemplateError(f"template: :1: undefined variable {quote(part.text)}")
            return self.variables[part.text]
        if part.kind == "string":
            return part.text[1:-1] if part.text[0] == "`" else _unquote(part.text)
        if part.kind == "number":
            return float(part.text) if "." in part.text else int(part.text)
        constants: dict[str, object] = {"true": True, "false": False, "nil": None}
        if part.text in constants:
            return constants[part.text]
        return self._call(part.text, [])

    def _fields(self, chain: str, value: object) -> object:
        for name in chain.lstrip(".").split("."):
            value = self._field(chain, name, value)
        return value

    def _field(self, chain: str, name: str, value: object) -> object:
        where = f'template: :1:2: executing "" at <{chain}>'
        if not isinstance(value, Mapping):
            kind = "nil data; no entry for key" if value is None else "can't evaluate field"
            suffix = f" {quote(name)}" if value is None else f" {name} in type {_type_name(value)}"
            raise TemplateError(f"{where}: {kind}{suffix}")
        if name in value:
            return value[name]
        same = next((key for key in value if str(key).casefold() == name.casefold()), None)
        if same is not None and name.isupper():
            return value[same]  # Go's field ID is "Id" in the JSON of docker's API
        if self.type_name:
            raise TemplateError(f"{where}: can't evaluate field {name} in type {self.type_name}", list(value))
        raise TemplateError(f"{where}: map has no entry for key {quote(name)}", [str(key) for key in value])

    def _call(self, name: str, arguments: list[object]) -> object:
        function: Callable[..., object] | None = FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"template: :1: function {quote(name)} not defined", sorted(FUNCTIONS))
        try:
            return function(*arguments)
        except (TypeError, IndexError, KeyError, ValueError) as error:
            raise TemplateError(
                f'template: :1:2: executing "" at <{name}>: error calling {name}: {error}'
            ) from error


def _shown(part: object) -> str:
    return part.text if isinstance(part, _Token) else "(…)"


def _type_name(value: object) -> str:
    names = {str: "string", bool: "bool", int: "int", float: "float64"}
    return names.get(type(value), "[]interface {}")


def _unquote(text: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match.group(1), match.group()), text[1:-1])


def _print(value: object) -> str:
    return "<no value>" if value is None else format_value(value)
