"""Tokens to tree: precedence from loosest to tightest is OR, AND (written or implied), NOT.

Parentheses recurse, and the lexer bounds them; everything else is a loop, so no query can exhaust
the stack.
"""

from __future__ import annotations

from app.query import regex
from app.query.errors import QuerySyntaxError
from app.query.faults import MAX_CLAUSES, MAX_DEPTH, Faults
from app.query.lexer import lex
from app.query.operands import looks_turned, name_of, quoted, span_of, unquoted, value_of
from app.query.spans import Span
from app.query.tokens import Kind, Token
from app.query.tree import (
    All,
    And,
    Anything,
    Bound,
    Compare,
    Match,
    Name,
    Node,
    Not,
    Operator,
    Or,
    Query,
    Quoted,
    Range,
    Value,
    Wildcard,
    Word,
)

_MAX_REPAIRS = 8

_SIGNS = {operator.value: operator for operator in Operator}
_VALUES = frozenset({Kind.WORD, Kind.QUOTED, Kind.REGEX})
_SEPARATORS = frozenset({Kind.COLON, Kind.COMPARE})
_GROUPS = frozenset({Kind.OPEN, Kind.RANGE_OPEN})
_STARTS_OPERAND = _VALUES | _GROUPS | {Kind.NAME, Kind.NEGATE, Kind.NOT, Kind.COMPARE}


def parse(text: str) -> Query:
    """The tree of a query; raises `QuerySyntaxError` with place, expected and suggestion."""
    try:
        return parse_once(text)
    except QuerySyntaxError as error:
        error.suggest(repaired(error.draft))
        raise


def parse_once(text: str) -> Query:
    """As `parse`, but an error carries only an untried draft of a correction."""
    return _Parser(text).query()


def repaired(draft: str | None) -> str | None:
    """The draft, corrected until it parses; `None` when that does not come about."""
    for _ in range(_MAX_REPAIRS):
        if draft is None:
            return None
        try:
            parse_once(draft)
        except QuerySyntaxError as error:
            draft = error.draft
        else:
            return draft or "*"
    return None


class _Parser:
    """One pass over the tokens. `name` is the field whose parentheses we are in, if any."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = lex(text)
        self._index = 0
        self._clauses = 0
        self._faults = Faults(text, self._tokens)

    def query(self) -> Query:
        """The whole text. What follows a pipe will be the stages' part."""
        first = self._tokens[0]
        if first.kind is Kind.END or self._is_empty_quotes():
            return Query(All(span_of(first)), text=self._text)
        root = self._or(None)
        if self._kind() is not Kind.END:
            raise self._faults.rest(self._index)
        self._check_depth(root)
        return Query(root, text=self._text)

    def _is_empty_quotes(self) -> bool:
        return self._tokens[0].text == '""' and self._tokens[1].kind is Kind.END

    def _kind(self) -> Kind:
        return self._tokens[self._index].kind

    def _advance(self) -> Token:
        token = self._tokens[self._index]
        self._index += 1
        return token

    def _or(self, name: Name | None) -> Node:
        parts = [self._and(name)]
        while self._kind() is Kind.OR:
            self._advance()
            parts.append(self._and(name))
        return _joined(Or, parts)

    def _and(self, name: Name | None) -> Node:
        parts = [self._not(name)]
        while True:
            kind = self._kind()
            if kind is Kind.AND:
                self._advance()
            elif kind in _STARTS_OPERAND:
                self._check_apart()
            else:
                return _joined(And, parts)
            parts.append(self._not(name))

    def _check_apart(self) -> None:
        before, token = self._tokens[self._index - 1], self._tokens[self._index]
        if token.start == before.end and before.kind is not Kind.CLOSE:
            if token.kind in (Kind.RANGE_OPEN, Kind.COMPARE) and before.kind is not Kind.WORD:
                raise self._faults.no_term(self._index)
            raise self._faults.touching(self._index)

    def _not(self, name: Name | None) -> Node:
        negations: list[Token] = []
        while self._kind() in (Kind.NOT, Kind.NEGATE):
            negations.append(self._advance())
            if len(negations) > MAX_DEPTH:
                raise self._faults.too_deep(span_of(negations[-1]))
        node = self._operand(name)
        for token in reversed(negations):
            node = Not(node, Span(token.start, node.span.end))
        return node

    def _operand(self, name: Name | None) -> Node:
        if self._kind() is Kind.OPEN:
            return self._group(name)
        if name is not None:
            return self._asked_of(name, self._tokens[self._index].start)
        return self._clause()

    def _group(self, name: Name | None) -> Node:
        self._advance()
        if self._kind() is Kind.CLOSE:
            raise self._faults.empty_group(self._index)
        node = self._or(name)
        if self._kind() is not Kind.CLOSE:
            raise self._faults.unclosed(self._index)
        self._advance()
        return node

    def _clause(self) -> Node:
        """Text of the record, or a field with what is asked of it."""
        token = self._tokens[self._index]
        is_field = token.kind is not Kind.END and (
            self._tokens[self._index + 1].kind in _SEPARATORS
        )
        if is_field and token.kind in (Kind.WORD, Kind.NAME):
            return self._field()
        if token.kind not in _VALUES:
            raise self._faults.no_term(self._index)
        if is_field:
            raise self._faults.no_name(self._index)
        if token.text in ("=", "==") and self._index and self._tokens[self._index + 1].text:
            raise self._faults.lone_equals(self._index)
        value = self._value()
        self._count(value.span)
        return All(value.span) if isinstance(value, Anything) else Match(None, value, value.span)

    def _field(self) -> Node:
        name = name_of(self._tokens[self._index])
        if name is None:
            raise self._faults.wildcard_name(self._index)
        self._advance()
        separator = self._tokens[self._index]
        if separator.kind is Kind.COMPARE:
            if name.text.endswith("=") and self._text[separator.start - 1] == "=":
                raise self._faults.turned_sign(self._index)
            return self._asked_of(name, name.span.start)
        if separator.start != name.span.end:
            raise self._faults.colon_apart(self._index)
        self._advance()
        if self._kind() is Kind.OPEN:
            return self._group(name)
        return self._asked_of(name, name.span.start)

    def _asked_of(self, name: Name, start: int) -> Node:
        """A comparison, a range or a value."""
        kind = self._kind()
        if kind is Kind.COMPARE:
            return self._compare(name, start)
        if kind is Kind.RANGE_OPEN:
            return self._range(name, start)
        value = self._value()
        span = Span(start, value.span.end)
        self._count(span)
        return Match(name, value, span)

    def _compare(self, name: Name, start: int) -> Node:
        operator = _SIGNS[self._advance().text]
        if self._kind() is Kind.COMPARE:
            raise self._faults.double_sign(self._index)
        if self._kind() in _GROUPS:
            raise self._faults.compared_group(name, self._index)
        value = self._value()
        if operator is not Operator.NOT_EQUAL and not isinstance(value, Word | Quoted):
            raise self._faults.compared_pattern(self._index - 1)
        written = self._text[name.span.start : name.span.end]
        if looks_turned(written, operator, value):
            raise self._faults.turned_comparison(name, self._index - 1)
        span = Span(start, value.span.end)
        self._count(span)
        return Compare(name, operator, value, span)

    def _range(self, name: Name, start: int) -> Node:
        opening = self._advance()
        lower = self._bound("a lower bound")
        if self._kind() is not Kind.TO:
            raise self._faults.no_to(self._index)
        self._advance()
        upper = self._bound("an upper bound")
        if self._kind() is not Kind.RANGE_CLOSE:
            raise self._faults.unclosed_range(self._index)
        closing = self._advance()
        span = Span(start, closing.end)
        self._count(span)
        return Range(name, lower, upper, opening.text == "[", closing.text == "]", span)

    def _bound(self, what: str) -> Bound:
        if self._kind() not in (Kind.WORD, Kind.QUOTED):
            raise self._faults.no_bound(self._index, what)
        token = self._advance()
        if token.kind is Kind.QUOTED:
            return quoted(token)
        value = unquoted(token)
        if isinstance(value, Wildcard):
            raise self._faults.wildcard_bound(self._index - 1, what)
        return value

    def _value(self) -> Value:
        token = self._tokens[self._index]
        if token.kind not in _VALUES:
            raise self._faults.no_value(self._index)
        follows_name = self._index and self._tokens[self._index - 1].kind in _SEPARATORS
        if follows_name and token.text[0] == "=":
            raise self._faults.equals_sign(self._index)
        if token.kind is Kind.REGEX:
            try:
                regex.parse(token.text[1:-1])
            except regex.RegexError as error:
                raise self._faults.bad_regex(self._index, error) from None
        self._advance()
        return value_of(token)

    def _count(self, span: Span) -> None:
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            raise self._faults.too_many(span)

    def _check_depth(self, root: Node) -> None:
        waiting = [(root, 0)]
        while waiting:
            node, above = waiting.pop()
            if isinstance(node, And | Or | Not):
                if above == MAX_DEPTH:
                    raise self._faults.too_deep(node.span)
                children = (node.child,) if isinstance(node, Not) else node.children
                waiting.extend((child, above + 1) for child in children)


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """One node for a run of the same operator, whatever parentheses it was written with."""
    if len(parts) == 1:
        return parts[0]
    children: list[Node] = []
    for part in parts:
        if isinstance(part, kind):
            children.extend(part.children)
        else:
            children.append(part)
    return kind(tuple(children), Span(parts[0].span.start, parts[-1].span.end))
