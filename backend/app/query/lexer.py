r"""Text to tokens.

What a character means depends on where it stands: at the start of a clause (`-` negates), where a
value begins (`-5` is a value, `[` opens a range), inside the parentheses of a field
(`f:(a OR -5)`), between the bounds of a range. The lexer keeps track of that, so that the parser
sees one flat list. It stops at the first pipe: stages have words of their own.
"""

from __future__ import annotations

import re

from app.query.errors import QuerySyntaxError
from app.query.spans import Span
from app.query.tokens import OPERATORS, Kind, Token

MAX_LENGTH = 10_000
# Parentheses as written, redundant ones included; the depth of the tree is the parser's business.
MAX_PARENTHESES = 100

_SPACE = re.compile(r"\s*")
_CLAUSE_WORD = re.compile(r"""(?:[^\s()\[\]{}"`|:<>!\\]|\\.|!(?!=))+""", re.DOTALL)
_VALUE_WORD = re.compile(r"""(?:[^\s()\[\]{}"`|\\]|\\.)+""", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME = re.compile(r"`(?:[^`\\]|\\.)*`", re.DOTALL)
# Point 11: it ends at the next unescaped slash, before any white space, and then nothing follows.
_REGEX = re.compile(r"/(?:[^/\\\s]|\\.)*/(?=[\s)]|\Z)", re.DOTALL)
_COMPARE = re.compile(r"<=|>=|!=|<|>")
_NEGATE = re.compile(r"[-!](?=[^\s)\]}|:<>])")
_NEGATE_VALUE = re.compile(r"[-!](?=[^\s)\]}|])")
_NUMBER_NEXT = re.compile(r"-(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s)]|\Z)", re.ASCII)

_PUNCTUATION = {
    "(": Kind.OPEN,
    ")": Kind.CLOSE,
    "[": Kind.RANGE_OPEN,
    "{": Kind.RANGE_OPEN,
    "]": Kind.RANGE_CLOSE,
    "}": Kind.RANGE_CLOSE,
    ":": Kind.COLON,
    "|": Kind.PIPE,
}


def lex(text: str) -> list[Token]:
    """The tokens of a query up to its first pipe or its end, then `END`; raises `QuerySyntaxError`."""
    _check_text(text)
    return _Lexer(text).tokens()


def could_be_regex(text: str) -> bool:
    """Whether a value that begins with a slash would be read as a regular expression."""
    return _REGEX.match(text) is not None


def is_number_operand(text: str) -> bool:
    """Whether text with a leading minus is a number also where a minus could negate."""
    return _NUMBER_NEXT.match(text) is not None


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"the query has {len(text)} characters, at most {MAX_LENGTH} are allowed",
            text=text,
            span=Span(MAX_LENGTH, len(text)),
            reason="query_too_long",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QuerySyntaxError(
            "half of a surrogate pair is not a character",
            text=text,
            span=Span(error.start, error.end),
            reason="invalid_character",
            draft=text[: error.start] + text[error.end :],
        ) from None


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._expects_value = False
        self._is_in_range = False
        # One entry per open parenthesis: does it belong to a field?
        self._is_field_group: list[bool] = []

    def tokens(self) -> list[Token]:
        text = self._text
        found: list[Token] = []
        while True:
            space = _SPACE.match(text, self._position)
            self._position = space.end() if space else self._position
            if self._position == len(text):
                break
            token = self._next()
            found.append(token)
            self._position = token.end
            if token.kind is Kind.PIPE:
                break
        found.append(Token(Kind.END, "", len(text), len(text)))
        return found

    def _next(self) -> Token:
        if self._is_in_range:
            return self._in_range()
        if self._expects_value:
            return self._value()
        if self._is_field_group and self._is_field_group[-1]:
            return self._in_field_group()
        return self._clause()

    def _clause(self) -> Token:
        """A token where a clause begins or goes on."""
        compare = _COMPARE.match(self._text, self._position)
        if compare:
            self._expects_value = True
            return self._token(Kind.COMPARE, compare.end())
        if _NEGATE.match(self._text, self._position):
            return self._token(Kind.NEGATE, self._position + 1)
        return self._delimited() or self._word(_CLAUSE_WORD)

    def _value(self) -> Token:
        """A token right after a colon or a comparison."""
        compare = _COMPARE.match(self._text, self._position)
        if compare:
            return self._token(Kind.COMPARE, compare.end())
        self._expects_value = False
        character = self._text[self._position]
        if character == "(":
            return self._open(is_of_field=True)
        if character in "[{":
            self._is_in_range = True
            return self._token(Kind.RANGE_OPEN, self._position + 1)
        return self._operand()

    def _in_field_group(self) -> Token:
        """A token inside the parentheses of a field, where every operand is a value."""
        text, position = self._text, self._position
        compare = _COMPARE.match(text, position)
        if compare:
            self._expects_value = True
            return self._token(Kind.COMPARE, compare.end())
        if _NEGATE_VALUE.match(text, position) and not _NUMBER_NEXT.match(text, position):
            return self._token(Kind.NEGATE, position + 1)
        character = text[position]
        if character == "(":
            return self._open(is_of_field=True)
        if character in "[{":
            self._is_in_range = True
            return self._token(Kind.RANGE_OPEN, position + 1)
        return self._operand()

    def _in_range(self) -> Token:
        """A bound of a range, `TO`, or its end; anything else ends it too, as a mistake."""
        character = self._text[self._position]
        if character in "()[]{}|":
            self._is_in_range = False
        return self._operand(has_regex=False)

    def _operand(self, *, has_regex: bool = True) -> Token:
        if self._text[self._position] == ":":
            return self._word(_VALUE_WORD)
        return self._delimited(has_regex=has_regex) or self._word(_VALUE_WORD)

    def _delimited(self, *, has_regex: bool = True) -> Token | None:
        """Everything that one character announces."""
        text, position = self._text, self._position
        character = text[position]
        if character == "(":
            return self._open(is_of_field=False)
        if character == '"':
            return self._closed(_QUOTED, Kind.QUOTED, "the closing quote")
        if character == "`":
            return self._closed(_NAME, Kind.NAME, "the closing back-tick")
        if character == "/" and has_regex:
            regex = _REGEX.match(text, position)
            return self._token(Kind.REGEX, regex.end()) if regex else None
        kind = _PUNCTUATION.get(character)
        if kind is None:
            return None
        if kind is Kind.CLOSE and self._is_field_group:
            self._is_field_group.pop()
        self._expects_value = kind is Kind.COLON
        return self._token(kind, position + 1)

    def _open(self, *, is_of_field: bool) -> Token:
        if len(self._is_field_group) == MAX_PARENTHESES:
            raise self._error(
                f"parentheses are nested deeper than {MAX_PARENTHESES}",
                Span(self._position, self._position + 1),
                reason="query_too_deep",
            )
        nearest = bool(self._is_field_group) and self._is_field_group[-1]
        self._is_field_group.append(is_of_field or nearest)
        return self._token(Kind.OPEN, self._position + 1)

    def _closed(self, pattern: re.Pattern[str], kind: Kind, missing: str) -> Token:
        match = pattern.match(self._text, self._position)
        if match:
            return self._token(kind, match.end())
        text = self._text
        quote = text[self._position]
        raise self._error(
            f"expected {missing}, found the end of the query",
            Span(self._position, len(text)),
            reason="unterminated",
            expected=(missing,),
            draft=_close(text, self._position, quote),
        )

    def _word(self, pattern: re.Pattern[str]) -> Token:
        match = pattern.match(self._text, self._position)
        if match:
            text = match.group()
            return Token(OPERATORS.get(text, Kind.WORD), text, match.start(), match.end())
        # Every other character begins a token or belongs to a word.
        raise self._error(
            "expected a character after the backslash, found the end of the query",
            Span(self._position, self._position + 1),
            reason="unterminated",
            expected=("a character to escape",),
            draft=self._text + "\\",
        )

    def _token(self, kind: Kind, end: int) -> Token:
        return Token(kind, self._text[self._position : end], self._position, end)

    def _error(
        self,
        detail: str,
        span: Span,
        *,
        reason: str,
        expected: tuple[str, ...] = (),
        draft: str | None = None,
    ) -> QuerySyntaxError:
        return QuerySyntaxError(
            detail, text=self._text, span=span, reason=reason, expected=expected, draft=draft
        )


def _close(text: str, opening: int, quote: str) -> str:
    """The text with the quote closed: before parentheses that were open, else at the end."""
    body = text[opening + 1 :].rstrip()
    kept = body.rstrip(")")
    closing = body[len(kept) :]
    if kept.endswith(f"\\{quote}"):
        # The closing quote was there, and the backslash before it took it away.
        kept = kept[:-1] + "\\"
    elif kept.endswith("\\"):
        kept += "\\"
    return text[: opening + 1] + kept + quote + closing
