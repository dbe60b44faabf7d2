"""Tree to text: a query that parses back to the same tree.

The text is what is stored, shown and cached by. It says AND, OR and NOT in words and gathers a set
of values (`status:(500 OR 503)`). Where that would be longer than a query may be, the shortest
spelling is used, which is not longer than what was parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from app.query.lexer import MAX_LENGTH, could_be_regex, is_number_operand
from app.query.operands import looks_turned
from app.query.tokens import OPERATORS
from app.query.tree import (
    All,
    And,
    Anything,
    Compare,
    Leaf,
    Match,
    Name,
    Node,
    Not,
    Or,
    Query,
    Quoted,
    Range,
    Regex,
    Value,
    Wildcard,
    Word,
)

_BARE_NAME = re.compile(r"""[^\s()\[\]{}"`|:<>!=\\*?/-][^\s()\[\]{}"`|:<>!=\\*?]*""")
_NAME_SPECIAL = re.compile(r"""[\s()\[\]{}"`|:<>\\*?=]|!(?==)|\A[-!/]""")
_QUOTE_ESCAPED = re.compile(r'"|\\(?=["\\]|\Z)')
_TICK_ESCAPED = re.compile(r"`|\\(?=[`\\]|\Z)")


class _Place(Enum):
    """Where a value stands; the characters are what a backslash is needed before."""

    CLAUSE = re.compile(r"""[\s()\[\]{}"`|:<>]|!(?==)|\A[-!=]""")
    VALUE = re.compile(r"""[\s()\[\]{}"`|]|\A(?:[<>=]|!=)""")
    GROUP = re.compile(r"""[\s()\[\]{}"`|]|\A[-!<>=]""")


_WILDCARD_SPECIAL = re.compile(r"[*?\\]")


@dataclass(frozen=True, slots=True)
class _Style:
    """How operators are spelled. `is_shortest`: everything of one field is gathered."""

    and_: str
    not_: str
    space: str
    is_shortest: bool


_READABLE = _Style(" AND ", "NOT ", " ", is_shortest=False)
_SHORTEST = _Style(" ", "!", "", is_shortest=True)

# How tightly the text of a node binds.
_LOOSE, _MIDDLE, _TIGHT = range(3)


def show(query: Query) -> str:
    """The text of a query; `parse` makes the same tree of it."""
    text = _Printer(_READABLE).node(query.filter)[0]
    return text if len(text) <= MAX_LENGTH else _Printer(_SHORTEST).node(query.filter)[0]


def shown_value(value: Value) -> str:
    """The text of a value after a colon."""
    return _value(value, _Place.VALUE)


def shown_name(name: Name) -> str:
    """The text of a name: bare where it can be, else in back-ticks."""
    text = name.text
    if _BARE_NAME.fullmatch(text) and text not in OPERATORS:
        return text
    return "`" + _TICK_ESCAPED.sub(r"\\\g<0>", text) + "`"


class _Printer:
    def __init__(self, style: _Style) -> None:
        self._style = style

    def node(self, node: Node, *, is_inside: bool = False) -> tuple[str, int]:
        """The text of a node and how tightly it binds; `is_inside` its field's parentheses."""
        match node:
            case And():
                return self._operands(node, self._style.and_, _MIDDLE, is_inside=is_inside)
            case Or():
                return self._operands(node, " OR ", _LOOSE, is_inside=is_inside)
            case Not(child):
                operand = self._operand(child, _TIGHT, is_inside=is_inside)
                return self._style.not_ + operand, _TIGHT
            case _:
                return self._leaf(node, is_inside=is_inside), _TIGHT

    def _operands(
        self, node: And | Or, joint: str, tightness: int, *, is_inside: bool
    ) -> tuple[str, int]:
        if is_inside:
            parts = [self._operand(child, tightness, is_inside=True) for child in node.children]
            return joint.join(parts), tightness
        parts = []
        for name, run in groupby(node.children, lambda child: self._gathered_name(node, child)):
            children = list(run)
            if name is None or len(children) == 1:
                parts += [self._operand(child, tightness, is_inside=False) for child in children]
            else:
                inside = [self._operand(child, tightness, is_inside=True) for child in children]
                parts.append(f"{self._name(name)}:({joint.join(inside)})")
        return joint.join(parts), tightness if len(parts) > 1 else _TIGHT

    def _operand(self, node: Node, tightness: int, *, is_inside: bool) -> str:
        text, own = self.node(node, is_inside=is_inside)
        return text if own > tightness or own == _TIGHT else f"({text})"

    def _gathered_name(self, parent: And | Or, child: Node) -> Name | None:
        if self._style.is_shortest:
            return _common_name(child)
        return child.name if isinstance(parent, Or) and isinstance(child, Match) else None

    def _leaf(self, leaf: Leaf, *, is_inside: bool) -> str:
        match leaf:
            case All():
                return "*"
            case Match(name, value):
                if name is None:
                    return _value(value, _Place.CLAUSE)
                if is_inside:
                    return _value(value, _Place.GROUP)
                return f"{self._name(name)}:{_value(value, _Place.VALUE)}"
            case Compare(name, operator, value):
                space = self._style.space
                text = f"{operator.value}{space}{_value(value, _Place.VALUE)}"
                if is_inside:
                    return text
                is_turned = looks_turned(name.text, operator, value)
                shown = f"\\{name.text}" if is_turned else self._name(name)
                return f"{shown}{space}{text}"
            case Range(name, lower, upper):
                text = (
                    f"{'[' if leaf.includes_lower else '{'}"
                    f"{_value(lower, _Place.VALUE)} TO {_value(upper, _Place.VALUE)}"
                    f"{']' if leaf.includes_upper else '}'}"
                )
                return text if is_inside else f"{self._name(name)}:{text}"

    def _name(self, name: Name) -> str:
        shown = shown_name(name)
        if not self._style.is_shortest or not name.text or name.text in OPERATORS:
            return shown
        return min(shown, _NAME_SPECIAL.sub(r"\\\g<0>", name.text), key=len)


def _common_name(node: Node) -> Name | None:
    """The field that all clauses below ask, if it is one."""
    match node:
        case Match(name) | Compare(name) | Range(name):
            return name
        case All():
            return None
        case Not(child):
            return _common_name(child)
        case And(children) | Or(children):
            name = _common_name(children[0])
            if name is None or any(_common_name(child) != name for child in children[1:]):
                return None
            return name


def _value(value: Value, place: _Place) -> str:
    match value:
        case Anything():
            return "*"
        case Regex(source):
            return f"/{source}/"
        case Quoted(text):
            return '"' + _QUOTE_ESCAPED.sub(r"\\\g<0>", text) + '"'
        case Word(text):
            if text in OPERATORS:
                return f"\\{text}"
            return _unquoted(_WILDCARD_SPECIAL.sub(r"\\\g<0>", text), place)
        case Wildcard(glob):
            return _unquoted(glob, place)


def _unquoted(text: str, place: _Place) -> str:
    r"""A word or wildcard in which only `*?\` are escaped, so that the lexer reads it here."""
    if place is _Place.GROUP and is_number_operand(text):
        return text
    escaped = place.value.sub(r"\\\g<0>", text)
    return f"\\{escaped}" if could_be_regex(escaped) else escaped
