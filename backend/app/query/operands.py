"""One token to the value that it spells: quotes, escapes and wildcards."""

from __future__ import annotations

import re

from app.query.spans import Span
from app.query.tokens import Kind, Token
from app.query.tree import Anything, Name, Operator, Quoted, Regex, Value, Wildcard, Word

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# Between quotes a backslash is itself unless it stands before a quote or another one: "C:\temp".
_QUOTE_ESCAPE = re.compile(r'\\(["\\])')
_TICK_ESCAPE = re.compile(r"\\([`\\])")
_SPECIAL_IN_GLOB = "*?\\"


def value_of(token: Token) -> Value:
    """The value that a word, a quoted text or a regular expression spells."""
    if token.kind is Kind.QUOTED:
        return quoted(token)
    if token.kind is Kind.REGEX:
        return Regex(token.text[1:-1], span_of(token))
    return unquoted(token)


def quoted(token: Token) -> Quoted:
    """The text between double quotes."""
    return Quoted(_QUOTE_ESCAPE.sub(r"\1", token.text[1:-1]), span_of(token))


def unquoted(token: Token) -> Word | Wildcard | Anything:
    """The word, or the wildcard when any star or question mark has no backslash before it."""
    text = token.text
    if text == "*":
        return Anything(span_of(token))
    if "\\" not in text:
        is_wildcard = "*" in text or "?" in text
        return Wildcard(text, span_of(token)) if is_wildcard else Word(text, span_of(token))
    if any(mark in _ESCAPE.sub("", text) for mark in "*?"):
        return Wildcard(_ESCAPE.sub(_kept_in_glob, text), span_of(token))
    return Word(_ESCAPE.sub(r"\1", text), span_of(token))


def name_of(token: Token) -> Name | None:
    """The name that a word or a text in back-ticks spells; `None` when it has wildcards."""
    if token.kind is Kind.NAME:
        return Name(_TICK_ESCAPE.sub(r"\1", token.text[1:-1]), span_of(token))
    value = unquoted(token)
    return Name(value.text, value.span) if isinstance(value, Word) else None


def looks_turned(name: str, operator: Operator, value: Value) -> bool:
    """Whether a comparison looks as if number and field had changed sides: `500 <= status`."""
    return (
        operator is not Operator.NOT_EQUAL
        and isinstance(value, Word)
        and NUMBER.fullmatch(name) is not None
        and NUMBER.fullmatch(value.text) is None
    )


def span_of(token: Token) -> Span:
    """The place of a token."""
    return Span(token.start, token.end)


def in_quotes(text: str) -> str:
    """The text between double quotes, as a query."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _kept_in_glob(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] in _SPECIAL_IN_GLOB else escape[1]
