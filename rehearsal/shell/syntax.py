"""PowerShell text to commands with literal arguments. What is more than that is refused, with the reason.

The grammar is tree-sitter's. Where it silently differs from PowerShell (a backtick in a bare word,
``2>$null``, a quote in the middle of a word, typographic quotes) the text is refused, so that nothing is
run that Windows would understand differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from rehearsal.shell.values import PsError, Value

_LANGUAGE = Language(tree_sitter_powershell.language())
_SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"
_DOUBLED = re.compile(f"[{_SINGLE_QUOTES}]([{_SINGLE_QUOTES}])")
_EXPRESSION_LEVELS = frozenset(
    f"{name}_expression"
    for name in [
        "logical",
        "bitwise",
        "comparison",
        "additive",
        "multiplicative",
        "format",
        "range",
        "array_literal",
        "unary",
    ]
)
_CONSTANTS: dict[str, Value] = {"$true": True, "$false": False, "$null": None}


@dataclass(frozen=True)
class Literal:
    """A value with the text it was written as; ``bare`` if it was not quoted."""

    value: Value
    raw: str
    bare: bool = False


@dataclass(frozen=True)
class Items:
    """``'a','b'``."""

    items: tuple[Literal, ...]


@dataclass(frozen=True)
class Variable:
    """A variable that a runspace here knows, such as ``$LASTEXITCODE``."""

    name: str


@dataclass(frozen=True)
class SubExpression:
    """``@( pipeline )``."""

    statement: Statement


Argument = Literal | Items | Variable | SubExpression


@dataclass(frozen=True)
class ParameterName:
    """``-Name``, or ``-Name:value``."""

    text: str
    value: Argument | None = None


@dataclass(frozen=True)
class Call:
    """One command of a pipeline."""

    name: str
    elements: tuple[ParameterName | Argument, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A pipeline of calls; or a value by itself; or ``throw`` with one."""

    calls: tuple[Call, ...] = ()
    value: Argument | None = None
    throws: bool = False


@dataclass
class _Reader:
    text: str
    refused: list[str] = field(default_factory=list)


def parse(text: str) -> list[Statement]:
    """Return the statements of a script; raises `PsError` for one that is wrong, or more than literals."""
    root = Parser(_LANGUAGE).parse(text.encode()).root_node
    if root.has_error and (problem := _first_error(root)) is not None:
        raise _parse_error(text, problem)
    return [_statement(node) for node in _statements(root)]


def _statements(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type in {"statement_list", "script_block", "script_block_body"}:
            yield from _statements(child)
        elif child.type not in {"comment", "empty_statement"}:
            yield child


def _statement(node: Node) -> Statement:
    if node.type == "flow_control_statement" and node.children[0].type == "throw":
        values = node.named_children
        value = _argument(_single(values[-1])) if values and values[-1].type == "pipeline" else None
        return Statement(value=value or Literal("ScriptHalted", ""), throws=True)
    if node.type != "pipeline":
        raise unsupported(node)
    chain = node.named_children[0]
    if chain.type != "pipeline_chain" or len(node.named_children) > 1:
        raise unsupported(chain)
    parts = chain.named_children
    if parts[0].type != "command":
        if len(parts) > 1:
            raise unsupported(node)
        return Statement(value=_argument(parts[0]))
    return Statement(tuple(_call(part) for part in parts))


def _single(pipeline: Node) -> Node:
    chain = pipeline.named_children[0]
    if chain.type != "pipeline_chain" or len(chain.named_children) != 1:
        raise unsupported(pipeline)
    return chain.named_children[0]


def _call(node: Node) -> Call:
    if node.type != "command":
        raise unsupported(node)
    name, elements = "", []
    for child in node.named_children:
        if child.type in {"command_name", "command_name_expr"}:
            name = _command_name(child)
        elif child.type == "command_elements":
            elements = list(_elements(child))
        elif child.type != "command_invokation_operator" or _text(child) != "&":
            raise unsupported(child)
    return Call(name, tuple(elements))


def _command_name(node: Node) -> str:
    inner = node.named_children[0] if node.named_children else node
    if inner.type == "string_literal":
        return str(_string(inner).value)
    text = _text(inner)
    if inner.type not in {"command_name", "command_name_expr"} or re.search(r"[`$\"']", text):
        raise unsupported(node)
    return text


def _elements(node: Node) -> Iterator[ParameterName | Argument]:
    children = node.named_children
    index, end = 0, node.start_byte
    while index < len(children):
        child = children[index]
        if child.type == "command_argument_sep":
            index += 1
            continue
        if child.start_byte == end and end != node.start_byte:
            raise _refused(child, "two arguments without a blank between them; quote the whole argument")
        end = child.end_byte
        if child.type != "command_parameter":
            yield _argument(child)
            index += 1
            continue
        following = children[index + 1 : index + 3]
        if len(following) == 2 and _text(following[0]).strip() == ":":
            end = following[1].end_byte
            yield ParameterName(_parameter(child), _argument(following[1]))
            index += 3
        else:
            yield ParameterName(_parameter(child))
            index += 1


def _parameter(node: Node) -> str:
    text = _text(node)
    if "." in text:
        raise _refused(node, "Windows PowerShell splits a bare -x.y in two; quote it")
    return text


def _argument(node: Node) -> Argument:
    while node.type in _EXPRESSION_LEVELS and len(node.named_children) == 1 and not _operators(node):
        node = node.named_children[0]
    if node.type == "array_literal_expression":
        items = [_argument(child) for child in node.named_children]
        literals = tuple(item for item in items if isinstance(item, Literal))
        if len(literals) != len(items):
            raise unsupported(node)
        return Items(literals)
    if node.type == "generic_token":
        return _bare(node)
    if node.type == "string_literal":
        return _string(node)
    if node.type in {"integer_literal", "real_literal"} or _is_negative(node):
        return _number(node)
    if node.type == "variable" and (name := _text(node)).startswith("$"):
        folded = name.casefold()
        return Literal(_CONSTANTS[folded], name) if folded in _CONSTANTS else Variable(name[1:])
    if node.type == "array_expression":
        inner = list(_statements(node))
        if len(inner) != 1:
            raise unsupported(node)
        return SubExpression(_statement(inner[0]))
    raise unsupported(node)


def _operators(node: Node) -> bool:
    return any(not child.is_named and child.type == "," for child in node.children)


def _bare(node: Node) -> Literal:
    text = _text(node)
    if re.search(r"[`$,\"'(){}\u2018-\u201f]", text) or re.match(r"[@<>]|\d?>", text):
        raise _refused(
            node, f"the bare word {text} means something else to PowerShell; put it in single quotes"
        )
    return Literal(text, text, bare=True)


def _string(node: Node) -> Literal:
    inner = node.named_children[0]
    text = _text(inner)
    if inner.type == "verbatim_string_characters":
        return Literal(_undouble(node, text[1:-1]), text)
    if inner.type == "verbatim_here_string_characters":
        return Literal(re.sub(r"\A@'[ \t]*\r?\n|\r?\n'@\Z", "", text), text)
    if (
        inner.type == "expandable_string_literal"
        and not inner.named_children
        and not re.search(r"[`$]", text)
    ):
        return Literal(text[1:-1].replace('""', '"'), text)
    raise _refused(node, "a string in double quotes that PowerShell would expand; use single quotes")


def _undouble(node: Node, content: str) -> str:
    if re.search(f"[{_SINGLE_QUOTES}]", _DOUBLED.sub("", content)):
        raise _refused(node, "a typographic quote ends the string for PowerShell; double it")
    return _DOUBLED.sub(r"\1", content)


def _is_negative(node: Node) -> bool:
    return node.type == "expression_with_unary_operator" and bool(re.fullmatch(r"-\d+(\.\d+)?", _text(node)))


def _number(node: Node) -> Literal:
    text = _text(node)
    if re.fullmatch(r"-?\d+", text):
        return Literal(int(text), text, bare=True)
    if re.fullmatch(r"-?\d*\.\d+", text):
        return Literal(float(text), text, bare=True)
    # 10MB, 0x1F, 1e3: a cmdlet gets a number, a native program the text; only the text is understood here
    return Literal(text, text, bare=True)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _first_error(node: Node) -> Node | None:
    if node.is_error or node.is_missing:
        return node
    for child in node.children:
        if (child.has_error or child.is_missing) and (found := _first_error(child)) is not None:
            return found
    return None


def unsupported(node: Node) -> PsError:
    """Return the error for something that PowerShell understands and a rehearsal host does not."""
    what = node.type.replace("_", " ")
    return _refused(node, f"more than a pipeline of commands with literal arguments ({what})")


def _refused(node: Node, why: str) -> PsError:
    line, column = node.start_point[0] + 1, node.start_point[1] + 1
    return PsError(
        f"The rehearsal does not run this (line {line}, character {column}): {why}: {_text(node)[:80]}",
        "RehearsalUnsupportedSyntax",
        "ParserError",
        "System.Management.Automation.ParseException",
    )


def _parse_error(text: str, node: Node) -> PsError:
    line, column = node.start_point[0] + 1, node.start_point[1] + 1
    shown = text.splitlines()[line - 1] if text else ""
    return PsError(
        f"At line:{line} char:{column}\n+ {shown}\n+ {' ' * (column - 1)}~\nUnexpected token in "
        "expression or "
        "statement. If Windows PowerShell takes this text, put the argument in single quotes: the "
        "rehearsal's "
        "grammar does not know bare lists (a,b) nor bare --name=value.",
        "UnexpectedToken",
        "ParserError",
        "System.Management.Automation.ParseException",
    )
