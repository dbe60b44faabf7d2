"""Tokens to tree: precedence from loosest to tightest is OR, AND (written or implied), NOT.

Parentheses recurse, and the lexer bounds them; everything else is a loop, so no query can exhaust
the stack.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from app.query import regex
from app.query.errors import TOO_COMPLEX, QuerySyntaxError
from app.query.lexer import lex
from app.query.spans import Span
from app.query.tokens import Kind, Token
from app.query.tree import (
    All,
    And,
    Anything,
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
    Regex,
    Value,
    Wildcard,
    Word,
)

MAX_DEPTH = 20  # AND, OR and NOT above a clause
MAX_CLAUSES = 1_024
_MAX_REPAIRS = 8

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTE_ESCAPE = re.compile(r'\\(["\\])')
_NAME_ESCAPE = re.compile(r"\\([`\\])")
_OPERATORS: Final = {operator.value: operator for operator in Operator}

_OPERATOR_WORDS: Final = (Kind.AND, Kind.OR, Kind.NOT, Kind.TO)
_OPERANDS: Final = frozenset(
    {
        Kind.WORD,
        Kind.QUOTED,
        Kind.NAME,
        Kind.REGEX,
        Kind.OPEN,
        Kind.NEGATE,
        Kind.NOT,
        Kind.RANGE_OPEN,
        Kind.COMPARE,
    }
)
_TERM = ("a search term",)
_VALUE = ("a value",)


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
            return draft
    return None


def unescaped(raw: str) -> str:
    r"""A word without its escapes: `\x` is x."""
    return _ESCAPE.sub(r"\1", raw) if "\\" in raw else raw


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = lex(text)
        self._index = 0
        self._clauses = 0

    def query(self) -> Query:
        """The whole text. What follows a pipe will be the stages' part."""
        first = self._tokens[0]
        if first.kind is Kind.END or self._is_empty_quotes():
            return Query(All(Span(0, first.end)), text=self._text)
        filter_ = self._or(None)
        token = self._peek()
        if token.kind is not Kind.END:
            self._refuse_rest(token)
        _check_depth(filter_, self._text)
        return Query(filter_, text=self._text)

    def _is_empty_quotes(self) -> bool:
        return len(self._tokens) == 2 and self._tokens[0].text == '""'

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _advance(self) -> Token:
        token = self._tokens[self._index]
        self._index += 1
        return token

    # Operators. `name` is the field whose parentheses we are in, if any.

    def _or(self, name: Name | None) -> Node:
        parts = [self._and(name)]
        while self._peek().kind is Kind.OR:
            self._advance()
            parts.append(self._and(name))
        return _joined(Or, parts)

    def _and(self, name: Name | None) -> Node:
        parts = [self._unary(name)]
        while True:
            token = self._peek()
            if token.kind is Kind.AND:
                self._advance()
            elif token.kind in _OPERANDS:
                self._check_apart(token)
            else:
                return _joined(And, parts)
            parts.append(self._unary(name))

    def _unary(self, name: Name | None) -> Node:
        negations: list[Token] = []
        while self._peek().kind in (Kind.NOT, Kind.NEGATE):
            negations.append(self._advance())
            if len(negations) > MAX_DEPTH:
                self._fail(_TOO_DEEP, negations[-1], reason="query_too_deep")
        node = self._primary(name)
        for token in reversed(negations):
            node = Not(node, Span(token.start, node.span.end))
        return node

    def _primary(self, name: Name | None) -> Node:
        token = self._peek()
        if token.kind is Kind.OPEN:
            return self._group(name)
        if name is not None:
            return self._field_value(name, token.start)
        return self._clause()

    def _group(self, name: Name | None) -> Node:
        opening = self._advance()
        closing = self._peek()
        if closing.kind is Kind.CLOSE:
            self._fail(
                'expected a search term, found ")"',
                closing,
                expected=_TERM,
                draft=self._replaced(opening.start, closing.end, "*"),
            )
        node = self._or(name)
        closing = self._peek()
        if closing.kind is not Kind.CLOSE:
            self._fail_unclosed(closing)
        self._advance()
        return node

    # Clauses.

    def _clause(self) -> Node:
        """Text of the record, or a field with what is asked of it."""
        token = self._peek()
        following = self._tokens[self._index + 1].kind if token.kind is not Kind.END else Kind.END
        if following in (Kind.COLON, Kind.COMPARE) and token.kind in (Kind.WORD, Kind.NAME):
            return self._field()
        if token.kind in (Kind.WORD, Kind.QUOTED, Kind.REGEX):
            if following in (Kind.COLON, Kind.COMPARE):
                self._fail_name(token)
            return self._text_clause()
        return self._fail_operand(token)

    def _text_clause(self) -> Node:
        token = self._advance()
        span = Span(token.start, token.end)
        self._count(span)
        value = self._simple_value(token)
        return All(span) if isinstance(value, Anything) else Match(None, value, span)

    def _field(self) -> Node:
        name = self._name(self._advance())
        separator = self._peek()
        if separator.kind is Kind.COMPARE:
            return self._field_value(name, name.span.start)
        if separator.start != name.span.end:
            self._fail(
                'expected ":" right after the name',
                Token(Kind.COLON, " ", name.span.end, separator.start),
                expected=('":"',),
                draft=self._replaced(name.span.end, separator.start, ""),
            )
        self._advance()
        if self._peek().kind is Kind.OPEN:
            return self._group(name)
        return self._field_value(name, name.span.start)

    def _name(self, token: Token) -> Name:
        span = Span(token.start, token.end)
        if token.kind is Kind.NAME:
            return Name(_NAME_ESCAPE.sub(r"\1", token.text[1:-1]), span)
        if _has_wildcard(token.text):
            self._fail(
                f'the name of a field cannot have wildcards, found "{token.text}"',
                token,
                reason="wildcard_in_name",
                expected=("the name of a field",),
                draft=self._without_name(token),
            )
        return Name(unescaped(token.text), span)

    def _without_name(self, token: Token) -> str:
        """A draft: `*:*` means everything, `f*:v` was perhaps meant for the text."""
        separator = self._tokens[self._index]
        return self._replaced(token.start, separator.end, "")

    def _field_value(self, name: Name, start: int) -> Node:
        """What is asked of a field: a comparison, a range or a value."""
        token = self._peek()
        if token.kind is Kind.COMPARE:
            return self._compare(name, start)
        if token.kind is Kind.RANGE_OPEN:
            return self._range(name, start)
        value = self._value()
        span = Span(start, value.span.end)
        self._count(span)
        return Match(name, value, span)

    def _compare(self, name: Name, start: int) -> Node:
        sign = self._advance()
        operator = _OPERATORS[sign.text]
        self._check_sign(name, sign)
        token = self._peek()
        if token.kind is Kind.RANGE_OPEN or token.kind is Kind.OPEN:
            self._fail_compared_group(name, sign, token)
        value = self._value()
        if operator is not Operator.NOT_EQUAL and not isinstance(value, Word | Quoted):
            self._fail(
                f'"{operator.value}" needs a number, text or time, found {token.kind.value}',
                token,
                reason="compare_with_pattern",
                expected=("a number", "a text", "a time"),
                draft=self._quoted_draft(token),
            )
        span = Span(start, value.span.end)
        self._count(span)
        return Compare(name, operator, value, span)

    def _check_sign(self, name: Name, sign: Token) -> None:
        """Refuses `<>`, `=>` and `>==`, which other languages have."""
        following = self._peek()
        if following.kind is Kind.COMPARE:
            right = {"<>": "!=", "><": "!="}.get(sign.text + following.text, sign.text)
            self._fail(
                f'expected a value, found "{following.text}"',
                following,
                expected=_VALUE,
                draft=self._replaced(sign.start, following.end, right),
            )
        if following.kind is Kind.WORD and following.text.startswith("="):
            self._fail(
                'expected a value, found "="',
                Token(Kind.WORD, "=", following.start, following.start + 1),
                expected=_VALUE,
                draft=self._replaced(following.start, following.start + 1, ""),
            )
        if name.text.endswith("=") and self._text[sign.start - 1] == "=" and sign.text != "!=":
            self._fail(
                f'expected a comparison, found "={sign.text}"',
                Token(Kind.COMPARE, "=" + sign.text, sign.start - 1, sign.end),
                expected=('">="', '"<="'),
                draft=self._replaced(sign.start - 1, sign.end, f"{sign.text[0]}="),
            )

    def _fail_compared_group(self, name: Name, sign: Token, token: Token) -> NoReturn:
        """A comparison before a group or range: `f != (a OR b)` means `NOT f:(a OR b)`."""
        start = name.span.start
        written = self._text[start : name.span.end]
        draft = None
        if sign.text == "!=":
            draft = self._replaced(start, token.start, f"NOT {written}:")
        elif token.kind is Kind.OPEN:
            draft = self._replaced(token.start, token.end, "")
        self._fail(
            f'"{sign.text}" needs one value, found {token.kind.value}',
            token,
            expected=_VALUE,
            draft=draft,
        )

    # Ranges.

    def _range(self, name: Name, start: int) -> Node:
        opening = self._advance()
        lower = self._bound(opening, "a lower bound")
        to = self._peek()
        if to.kind is not Kind.TO:
            self._fail_without_to(opening, to)
        self._advance()
        upper = self._bound(opening, "an upper bound")
        closing = self._peek()
        if closing.kind is not Kind.RANGE_CLOSE:
            self._fail(
                f'expected "]" or "}}", found {_found(closing)}',
                closing,
                expected=('"]"', '"}"'),
                draft=self._replaced(upper.span.end, upper.span.end, "]"),
            )
        self._advance()
        span = Span(start, closing.end)
        self._count(span)
        return Range(name, lower, upper, opening.text == "[", closing.text == "]", span)

    def _bound(self, opening: Token, what: str) -> Word | Quoted | Anything:
        token = self._peek()
        if token.kind not in (Kind.WORD, Kind.QUOTED):
            self._fail(
                f"expected {what}, found {_found(token)}",
                token,
                expected=(what,),
                draft=self._bound_draft(opening, token),
            )
        self._advance()
        if token.kind is Kind.QUOTED:
            return _quoted(token)
        value = _unquoted(token)
        if isinstance(value, Wildcard):
            self._fail(
                f"expected {what} without wildcards, found {_found(token)}",
                token,
                reason="wildcard_in_range",
                expected=(what,),
                draft=self._quoted_draft(token),
            )
        return value

    def _bound_draft(self, opening: Token, token: Token) -> str:
        before = self._tokens[self._index - 1]
        if token.kind in (Kind.RANGE_CLOSE, Kind.TO):
            filler = "* TO *" if before is opening and token.kind is Kind.RANGE_CLOSE else "*"
            return f"{self._text[: before.end]}{_gap(before)}{filler} {self._text[token.start :]}"
        if before is opening:
            return f"{self._text[: before.end]}* TO *]{self._text[before.end :]}"
        return f"{self._text[: before.end]} *]{self._text[before.end :]}"

    def _fail_without_to(self, opening: Token, token: Token) -> NoReturn:
        draft = None
        lower = self._tokens[self._index - 1]
        if token.kind is Kind.WORD and token.text.lower() in ("to", "and", "-", "..", ","):
            draft = self._replaced(token.start, token.end, "TO")
        elif token.kind in (Kind.WORD, Kind.QUOTED):
            end = lower.end - 1 if lower.text.endswith(",") else lower.end
            draft = self._replaced(end, token.start, " TO ")
        elif token.kind is Kind.RANGE_CLOSE:
            parts = re.fullmatch(r"(.*?[^.,;-])(?:\.\.+|[,;-])(.+)", lower.text, re.DOTALL)
            bounds = f"{parts[1]} TO {parts[2]}" if parts else f"{lower.text} TO *"
            draft = self._replaced(lower.start, lower.end, bounds)
        else:
            draft = self._replaced(lower.end, lower.end, " TO *]")
        self._fail(
            f'expected "TO", found {_found(token)}',
            token,
            expected=('"TO"',),
            draft=draft,
        )

    # Values.

    def _value(self) -> Value:
        token = self._peek()
        if token.kind in (Kind.WORD, Kind.QUOTED, Kind.REGEX):
            if token.kind is Kind.WORD and token.text.startswith("="):
                self._fail(
                    'expected a value, found "="',
                    Token(Kind.WORD, "=", token.start, token.start + 1),
                    expected=_VALUE,
                    draft=self._replaced(token.start, token.start + 1, ""),
                )
            self._advance()
            return self._simple_value(token)
        return self._fail_value(token)

    def _simple_value(self, token: Token) -> Value:
        if token.kind is Kind.QUOTED:
            return _quoted(token)
        if token.kind is Kind.REGEX:
            self._check_regex(token)
            return Regex(token.text[1:-1], Span(token.start, token.end))
        return _unquoted(token)

    def _check_regex(self, token: Token) -> None:
        try:
            regex.parse(token.text[1:-1])
        except regex.RegexError as error:
            start = token.start + 1
            self._fail(
                error.detail,
                Token(Kind.REGEX, "", start + error.start, start + error.end),
                reason=TOO_COMPLEX if error.is_too_complex else "invalid_regex",
                expected=error.expected,
                draft=None
                if error.replacement is None
                else self._replaced(start, token.end - 1, error.replacement),
            )

    # Limits and mistakes.

    def _count(self, span: Span) -> None:
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            self._fail(
                f"the query has more than {MAX_CLAUSES} clauses",
                Token(Kind.WORD, "", span.start, span.end),
                reason="query_too_many_clauses",
            )

    def _check_apart(self, token: Token) -> None:
        """Refuses operands that touch: `f(x)`, `a"b"`, `"a"~2`."""
        before = self._tokens[self._index - 1]
        if token.start != before.end or before.kind is Kind.CLOSE:
            return
        if token.kind in (Kind.RANGE_OPEN, Kind.COMPARE):
            self._fail_operand(token)
        if before.kind is Kind.QUOTED and token.text[0] in "~^":
            draft = self._replaced(token.start, token.end, "")
        else:
            draft = self._quoted_run(before, token)
        self._fail(
            f"expected a space or an operator, found {_found(token)}",
            token,
            expected=("a space", '"AND"', '"OR"'),
            draft=draft,
        )

    def _quoted_run(self, before: Token, token: Token) -> str:
        """A draft: everything around the place that no space separates, as one quoted text."""
        if before.kind is Kind.QUOTED or token.kind in (Kind.QUOTED, Kind.NAME):
            return self._replaced(token.start, token.start, " ")
        match = re.compile(r"[^\s\"`|]*").match(self._text, before.start)
        end = match.end() if match else token.end
        return self._replaced(before.start, end, _quote(self._text[before.start : end]))

    def _quoted_draft(self, token: Token) -> str:
        return self._replaced(token.start, token.end, _quote(token.text))

    def _replaced(self, start: int, end: int, replacement: str) -> str:
        return self._text[:start] + replacement + self._text[end:]

    def _fail_name(self, token: Token) -> NoReturn:
        """Quotes or slashes where the name of a field should be."""
        content = token.text[1:-1].replace("`", "\\`")
        self._fail(
            f"expected the name of a field, found {token.kind.value}",
            token,
            expected=("a name", "a name in back-ticks"),
            draft=self._replaced(token.start, token.end, f"`{content}`"),
        )

    def _fail_value(self, token: Token) -> NoReturn:
        if token.kind in _OPERATOR_WORDS:
            draft = self._quoted_draft(token)
        elif token.kind is Kind.NAME:
            draft = self._replaced(token.start, token.end, _quote(token.text[1:-1]))
        else:
            before = self._tokens[self._index - 1]
            filler = "*" if before.kind is Kind.COLON or before.text == "!=" else "0"
            draft = self._replaced(before.end, before.end, filler)
        self._fail(f"expected a value, found {_found(token)}", token, expected=_VALUE, draft=draft)

    def _fail_operand(self, token: Token) -> NoReturn:
        """Something that cannot begin a clause."""
        self._fail(
            f"expected a search term, found {_found(token)}",
            token,
            expected=_TERM,
            draft=self._operand_draft(token),
        )

    def _operand_draft(self, token: Token) -> str | None:
        before = self._tokens[self._index - 1] if self._index else None
        if token.kind is Kind.NAME:
            return self._replaced(token.end, token.end, ":*")
        if token.kind in (Kind.END, Kind.CLOSE) and before is not None:
            return self._replaced(before.start, before.end, "").strip()
        if token.kind is Kind.PIPE:
            return self._before_pipe(token)
        if token.kind is Kind.TO:
            return self._quoted_draft(token)
        return self._replaced(token.start, token.end, "").strip()

    def _before_pipe(self, pipe: Token) -> str:
        if self._text.startswith("||", pipe.start):
            return self._replaced(pipe.start, pipe.start + 2, " OR ")
        return self._text[: pipe.start].strip() or "*"

    def _refuse_rest(self, token: Token) -> NoReturn:
        if token.kind is Kind.PIPE and not self._text.startswith("||", token.start):
            self._fail(
                "pipes are not available in a search yet",
                token,
                reason="pipes_not_available",
                expected=('"AND"', '"OR"', "the end of the query"),
                draft=self._before_pipe(token),
            )
        draft = (
            self._before_pipe(token)
            if token.kind is Kind.PIPE
            else self._quoted_draft(token)
            if token.kind is Kind.TO
            else self._replaced(token.start, token.end, "")
        )
        self._fail(
            f"expected a search term or an operator, found {_found(token)}",
            token,
            expected=("a search term", '"AND"', '"OR"', "the end of the query"),
            draft=draft,
        )

    def _fail_unclosed(self, token: Token) -> NoReturn:
        before = self._tokens[self._index - 1]
        if token.kind is Kind.TO:
            draft = self._quoted_draft(token)
        elif token.kind in (Kind.END, Kind.PIPE):
            draft = self._replaced(before.end, before.end, ")")
        else:
            draft = self._replaced(token.start, token.end, "")
        self._fail(f'expected ")", found {_found(token)}', token, expected=('")"',), draft=draft)

    def _fail(
        self,
        detail: str,
        token: Token,
        *,
        reason: str = "unexpected",
        expected: tuple[str, ...] = (),
        draft: str | None = None,
    ) -> NoReturn:
        raise QuerySyntaxError(
            detail,
            text=self._text,
            span=Span(token.start, token.end),
            reason=reason,
            expected=expected,
            draft=draft,
        )


_TOO_DEEP = f"the query is nested deeper than {MAX_DEPTH}"


def _found(token: Token) -> str:
    return token.kind.value if token.kind is Kind.END else f'"{token.text[:40]}"'


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _gap(token: Token) -> str:
    return "" if token.kind is Kind.RANGE_OPEN else " "


def _quoted(token: Token) -> Quoted:
    return Quoted(_QUOTE_ESCAPE.sub(r"\1", token.text[1:-1]), Span(token.start, token.end))


def _unquoted(token: Token) -> Word | Wildcard | Anything:
    span = Span(token.start, token.end)
    text = token.text
    if text == "*":
        return Anything(span)
    if "*" in text or "?" in text:
        return _wildcard_or_word(text, span)
    return Word(unescaped(text), span)


def _has_wildcard(raw: str) -> bool:
    return ("*" in raw or "?" in raw) and isinstance(_wildcard_or_word(raw, Span(0, 0)), Wildcard)


def _wildcard_or_word(raw: str, span: Span) -> Wildcard | Word:
    """A word with stars or question marks in it; all of them may be escaped."""
    if "\\" not in raw:
        return Wildcard(raw, span)
    glob: list[str] = []
    is_pattern = False
    is_escaped = False
    for character in raw:
        if is_escaped:
            glob.append(f"\\{character}" if character in "*?\\" else character)
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        else:
            is_pattern = is_pattern or character in "*?"
            glob.append(character)
    return Wildcard("".join(glob), span) if is_pattern else Word(unescaped(raw), span)


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


def _check_depth(root: Node, text: str) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, above = waiting.pop()
        if isinstance(node, And | Or | Not):
            if above == MAX_DEPTH:
                raise QuerySyntaxError(
                    _TOO_DEEP, text=text, span=node.span, reason="query_too_deep"
                )
            children = (node.child,) if isinstance(node, Not) else node.children
            waiting.extend((child, above + 1) for child in children)
