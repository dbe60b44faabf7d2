"""How each mistake in the syntax is reported: place, what would have been right, and a draft.

A draft is a text that is perhaps right; `parser.repaired` tries it before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.query.errors import QuerySyntaxError
from app.query.operands import in_quotes
from app.query.regex import RegexError
from app.query.spans import Span
from app.query.tokens import OPERATORS, Kind, Token
from app.query.tree import Name

MAX_DEPTH = 20  # AND, OR and NOT above a clause
MAX_CLAUSES = 1_024

_TERM = "a search term"
_VALUE = "a value"
_OPERATOR_KINDS = frozenset(OPERATORS.values())
_JOINS = frozenset({Kind.AND, Kind.OR, Kind.NOT, Kind.NEGATE})
_UNBROKEN = re.compile(r"[^\s\"`|]*")
_BRACKETS = re.compile(r"[\[{]([^\]}]*)[\]}]?")
_TWO_BOUNDS = re.compile(r"(.*?[^.,;-])(?:\.\.+|[,;-])(.+)", re.DOTALL)
# What other languages write for these.
_TURNED = str.maketrans("<>", "><")
_SIGNS = {"<>": "!=", "><": "!="}


class Faults:
    """Makes the errors of one text. `index` is the token that was not expected."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens

    # Clauses.

    def no_term(self, index: int) -> QuerySyntaxError:
        """Something that cannot begin a clause."""
        return self._unexpected(index, (_TERM,), draft=self._term_draft(index))

    def _term_draft(self, index: int) -> str:
        token = self._tokens[index]
        if token.kind is Kind.NAME:
            return self._replaced(token.end, token.end, ":*")
        if token.kind is Kind.COMPARE:
            return self._chain_draft(index)
        if token.kind in _OPERATOR_KINDS and self._tokens[index + 1].kind is Kind.COLON:
            return self._replaced(token.start, token.end, f"`{token.text}`")
        if token.kind is Kind.TO:
            return self._replaced(token.start, token.end, in_quotes(token.text))
        if token.kind is Kind.PIPE:
            return self._without_pipe(token)
        if token.kind is Kind.RANGE_OPEN:
            brackets = _BRACKETS.match(self._text, token.start)
            if brackets:
                return self._replaced(*brackets.span(), in_quotes(brackets[1]))
        if token.kind in (Kind.END, Kind.CLOSE) and index:
            return self._without(index - 1)
        return self._without(index)

    def _chain_draft(self, index: int) -> str:
        """`1 < f < 2` is `f > 1 AND f < 2`; any other sign without a name is left out."""
        least, sign, name, second, most = (
            self._tokens[place] if 0 <= place < len(self._tokens) else None
            for place in range(index - 3, index + 2)
        )
        if not (least and sign and name and second and most) or sign.kind is not Kind.COMPARE:
            return self._without(index)
        turned = sign.text.translate(_TURNED)
        chain = f"{name.text} {turned} {least.text} AND {name.text} {second.text} {most.text}"
        return self._replaced(least.start, most.end, chain)

    def lone_equals(self, index: int) -> QuerySyntaxError:
        """`f = v`: a word of its own that cannot be meant."""
        before, following = self._tokens[index - 1], self._tokens[index + 1]
        draft = self._replaced(before.end, following.start, ":")
        return self._unexpected(index, ('":"', "a comparison"), draft=draft)

    def rest(self, index: int) -> QuerySyntaxError:
        """Something after a whole query."""
        token = self._tokens[index]
        if token.kind is Kind.PIPE and not self._text.startswith("||", token.start):
            return self._error(
                "pipes are not available in a search yet",
                Span(token.start, token.end),
                reason="pipes_not_available",
                expected=('"AND"', '"OR"', "the end of the query"),
                draft=self._without_pipe(token),
            )
        expected = (_TERM, '"AND"', '"OR"', "the end of the query")
        draft = self._without(index) if token.kind is Kind.CLOSE else self._term_draft(index)
        return self._unexpected(index, expected, draft=draft)

    def touching(self, index: int) -> QuerySyntaxError:
        """Two operands with nothing between them: `f(x)`, `a"b"`, `"a"~2`."""
        before, token = self._tokens[index - 1], self._tokens[index]
        if before.kind is Kind.QUOTED and token.text[0] in "~^":
            draft = self._replaced(token.start, token.end, "")
        elif before.kind is Kind.QUOTED or token.kind in (Kind.QUOTED, Kind.NAME):
            draft = self._replaced(token.start, token.start, " ")
        else:
            run = _UNBROKEN.match(self._text, before.start)
            end = run.end() if run else token.end
            run_text = self._text[before.start : end]
            draft = self._replaced(before.start, end, in_quotes(run_text))
        return self._unexpected(index, ("a space", '"AND"', '"OR"'), draft=draft)

    def empty_group(self, index: int) -> QuerySyntaxError:
        """Parentheses around nothing."""
        opening, closing = self._tokens[index - 1], self._tokens[index]
        draft = self._replaced(opening.start, closing.end, "*")
        return self._unexpected(index, (_TERM,), draft=draft)

    def unclosed(self, index: int) -> QuerySyntaxError:
        """A parenthesis that is not closed where it has to be."""
        before, token = self._tokens[index - 1], self._tokens[index]
        if token.kind is Kind.TO:
            draft = self._replaced(token.start, token.end, in_quotes(token.text))
        elif token.kind is Kind.PIPE and ")" in self._text[token.end :]:
            draft = self._replaced(before.end, token.end, " OR ")
        elif token.kind in (Kind.END, Kind.PIPE):
            draft = self._replaced(before.end, before.end, ")")
        else:
            draft = self._replaced(token.start, token.end, "")
        return self._unexpected(index, ('")"',), draft=draft)

    # Names and values.

    def no_name(self, index: int) -> QuerySyntaxError:
        """Quotes or slashes where the name of a field should be."""
        token = self._tokens[index]
        content = token.text[1:-1].replace("`", "\\`")
        return self._error(
            f"expected the name of a field, found {token.kind.value}",
            Span(token.start, token.end),
            expected=("a name", "a name in back-ticks"),
            draft=self._replaced(token.start, token.end, f"`{content}`"),
        )

    def wildcard_name(self, index: int) -> QuerySyntaxError:
        """`*:*`, or a name with wildcards."""
        token, separator = self._tokens[index], self._tokens[index + 1]
        return self._error(
            f"the name of a field has no wildcards, found {_found(token)}",
            Span(token.start, token.end),
            reason="wildcard_in_name",
            expected=("the name of a field",),
            draft=self._replaced(token.start, separator.end, ""),
        )

    def colon_apart(self, index: int) -> QuerySyntaxError:
        """White space between a name and its colon."""
        end, start = self._tokens[index - 1].end, self._tokens[index].start
        return self._error(
            'expected ":" right after the name',
            Span(end, start),
            expected=('":"',),
            draft=self._replaced(end, start, ""),
        )

    def no_value(self, index: int) -> QuerySyntaxError:
        """Something that is not a value after a colon or a comparison."""
        before, token = self._tokens[index - 1], self._tokens[index]
        if before.kind in _JOINS:
            draft = self._without(index - 1)
        elif token.kind in _OPERATOR_KINDS and token.start == before.end:
            draft = self._replaced(token.start, token.end, in_quotes(token.text))
        elif token.kind is Kind.NAME:
            draft = self._replaced(token.start, token.end, in_quotes(token.text[1:-1]))
        else:
            filler = "*" if before.kind is Kind.COLON or before.text == "!=" else "0"
            space = " " if self._text[before.start - 1].isspace() else ""
            draft = self._replaced(before.end, before.end, space + filler)
        return self._unexpected(index, (_VALUE,), draft=draft)

    def equals_sign(self, index: int) -> QuerySyntaxError:
        """`f:=v` or `f >== v`."""
        start = self._tokens[index].start
        return self._error(
            f'expected {_VALUE}, found "="',
            Span(start, start + 1),
            expected=(_VALUE,),
            draft=self._replaced(start, start + 1, ""),
        )

    def double_sign(self, index: int) -> QuerySyntaxError:
        """`<>` and other pairs of comparisons."""
        first, second = self._tokens[index - 1], self._tokens[index]
        sign = _SIGNS.get(first.text + second.text, first.text)
        draft = self._replaced(first.start, second.end, sign)
        return self._unexpected(index, (_VALUE,), draft=draft)

    def turned_sign(self, index: int) -> QuerySyntaxError:
        """`=>` and `=<`: the equals sign was read as the end of the name."""
        sign = self._tokens[index]
        turned = f"{sign.text[0]}="
        return self._error(
            f'expected "{turned}", found "={sign.text}"',
            Span(sign.start - 1, sign.end),
            expected=(f'"{turned}"',),
            draft=self._replaced(sign.start - 1, sign.end, turned),
        )

    def compared_group(self, name: Name, index: int) -> QuerySyntaxError:
        """A comparison before a group or range: `f != (a OR b)` means `NOT f:(a OR b)`."""
        sign, token = self._tokens[index - 1], self._tokens[index]
        written = self._text[name.span.start : name.span.end]
        draft = None
        if sign.text == "!=":
            draft = self._replaced(name.span.start, token.start, f"NOT {written}:")
        elif token.kind is Kind.OPEN:
            draft = self._replaced(token.start, token.end, "")
        return self._unexpected(index, ("one value",), draft=draft)

    def turned_comparison(self, name: Name, index: int) -> QuerySyntaxError:
        """`500 <= status`; a field that has a number for its name stands in back-ticks."""
        sign, value = self._tokens[index - 1], self._tokens[index]
        turned = f"{value.text} {sign.text.translate(_TURNED)} {name.text}"
        draft = self._replaced(name.span.start, value.end, turned)
        if self._tokens[index + 1].kind is Kind.COMPARE:
            draft = self._chain_draft(index + 1)
        return self._error(
            f'expected the name of a field before "{sign.text}", found "{name.text}"',
            name.span,
            expected=("the name of a field",),
            draft=draft,
        )

    def compared_pattern(self, index: int) -> QuerySyntaxError:
        """Wildcards or a regular expression after `<` and its like."""
        sign, token = self._tokens[index - 1], self._tokens[index]
        draft = self._replaced(token.start, token.end, in_quotes(token.text))
        if token.text == "*":
            draft = f"{self._text[: sign.start].rstrip()}:*{self._text[token.end :]}"
        return self._error(
            f'"{sign.text}" compares with one value, found {_found(token)}',
            Span(token.start, token.end),
            reason="compare_with_pattern",
            expected=("a number", "a text", "a time"),
            draft=draft,
        )

    def bad_regex(self, index: int, error: RegexError) -> QuerySyntaxError:
        """A mistake inside a regular expression."""
        token = self._tokens[index]
        start = token.start + 1
        draft = None
        if error.replacement is not None:
            draft = self._replaced(start, token.end - 1, error.replacement)
        return self._error(
            error.detail,
            Span(start + error.start, start + error.end),
            reason=error.reason,
            expected=error.expected,
            draft=draft,
        )

    # Ranges.

    def no_bound(self, index: int, what: str) -> QuerySyntaxError:
        """A bound that is missing."""
        before, token = self._tokens[index - 1], self._tokens[index]
        is_lower = before.kind is Kind.RANGE_OPEN
        space = "" if is_lower else " "
        if token.kind is Kind.RANGE_CLOSE:
            missing = "* TO *" if is_lower else "*"
        elif token.kind is Kind.TO:
            missing = "* "
        else:
            missing = "* TO *]" if is_lower else "*]"
        kept = self._text[token.start :] if token.kind in (Kind.RANGE_CLOSE, Kind.TO) else None
        rest = self._text[before.end :] if kept is None else kept
        draft = f"{self._text[: before.end]}{space}{missing}{rest}"
        return self._unexpected(index, (what,), draft=draft)

    def wildcard_bound(self, index: int, what: str) -> QuerySyntaxError:
        """A bound with wildcards."""
        token = self._tokens[index]
        return self._error(
            f"expected {what} without wildcards, found {_found(token)}",
            Span(token.start, token.end),
            reason="wildcard_in_range",
            expected=(what,),
            draft=self._replaced(token.start, token.end, "*"),
        )

    def no_to(self, index: int) -> QuerySyntaxError:
        """Two bounds with something else than `TO` between them."""
        lower, token = self._tokens[index - 1], self._tokens[index]
        if token.kind is Kind.WORD and token.text.lower() in ("to", "and", "-", "..", ","):
            draft = self._replaced(token.start, token.end, "TO")
        elif token.kind in (Kind.WORD, Kind.QUOTED, Kind.AND):
            end = lower.end - 1 if lower.text.endswith(",") else lower.end
            start = token.end + 1 if token.kind is Kind.AND else token.start
            draft = self._replaced(end, start, " TO ")
        elif token.kind is Kind.RANGE_CLOSE:
            parts = _TWO_BOUNDS.fullmatch(lower.text)
            bounds = f"{parts[1]} TO {parts[2]}" if parts else f"{lower.text} TO *"
            draft = self._replaced(lower.start, lower.end, bounds)
        else:
            draft = self._replaced(lower.end, lower.end, " TO *]")
        return self._unexpected(index, ('"TO"',), draft=draft)

    def unclosed_range(self, index: int) -> QuerySyntaxError:
        """A range that does not end after its upper bound."""
        end = self._tokens[index - 1].end
        draft = self._replaced(end, end, "]")
        return self._unexpected(index, ('"]"', '"}"'), draft=draft)

    # Limits.

    def too_deep(self, span: Span) -> QuerySyntaxError:
        """More operators above a clause than are allowed."""
        detail = f"the query is nested deeper than {MAX_DEPTH}"
        return self._error(detail, span, reason="query_too_deep")

    def too_many(self, span: Span) -> QuerySyntaxError:
        """More clauses than are allowed."""
        detail = f"the query has more than {MAX_CLAUSES} clauses"
        return self._error(detail, span, reason="query_too_many_clauses")

    def _without_pipe(self, pipe: Token) -> str:
        before = self._text[: pipe.start].rstrip()
        if self._text.startswith("||", pipe.start):
            return f"{before} OR {self._text[pipe.start + 2 :].lstrip()}"
        return before or "*"

    def _without(self, index: int) -> str:
        """The text without a token and the white space after it."""
        token = self._tokens[index]
        return (self._text[: token.start] + self._text[token.end :].lstrip()).strip()

    def _replaced(self, start: int, end: int, replacement: str) -> str:
        return self._text[:start] + replacement + self._text[end:]

    def _unexpected(
        self, index: int, expected: tuple[str, ...], *, draft: str | None
    ) -> QuerySyntaxError:
        token = self._tokens[index]
        wanted = (
            " or ".join((", ".join(expected[:-1]), expected[-1])) if expected[1:] else expected[0]
        )
        return self._error(
            f"expected {wanted}, found {_found(token)}",
            Span(token.start, token.end),
            expected=expected,
            draft=draft,
        )

    def _error(
        self,
        detail: str,
        span: Span,
        *,
        reason: str = "unexpected",
        expected: tuple[str, ...] = (),
        draft: str | None = None,
    ) -> QuerySyntaxError:
        return QuerySyntaxError(
            detail, text=self._text, span=span, reason=reason, expected=expected, draft=draft
        )


def _found(token: Token) -> str:
    return token.kind.value if token.kind is Kind.END else f'"{token.text[:40]}"'
