"""Errors that point into the text of a query and say what would have been right."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.errors import FieldError, Invalid
from app.query.spans import Span

_CONTEXT = 60  # code points of the text that are shown on each side of the place


class QuerySyntaxError(Invalid):
    """A query that cannot be read, or that asks for what has no meaning.

    `reason` is stable and finer than `code`. `expected` lists what would have been right at the
    place; `suggestion` is a whole query that parses, or `None`. `draft` is a corrected text that
    nobody has tried yet: whoever raises the error to the outside makes it the suggestion.
    """

    default_code = "query_syntax"

    def __init__(
        self,
        detail: str,
        *,
        text: str,
        span: Span,
        reason: str = "unexpected",
        expected: Sequence[str] = (),
        draft: str | None = None,
    ) -> None:
        super().__init__(
            printable(detail), code="regex_too_complex" if reason == TOO_COMPLEX else None
        )
        self.text = text
        self.span = span
        self.reason = reason
        self.expected = tuple(expected)
        self.draft = draft
        self.suggestion: str | None = None
        self.errors = (self._field_error(),)

    @property
    def position(self) -> int:
        """The code point of the text at which the mistake begins."""
        return self.span.start

    @property
    def length(self) -> int:
        """How many code points are wrong; 0 when something is missing."""
        return self.span.end - self.span.start

    def suggest(self, text: str | None) -> None:
        """Sets the suggestion: a query that is known to parse."""
        self.suggestion = text
        self.errors = (self._field_error(),)

    def caret(self) -> str:
        """The text around the place, and under it a line that points and says what is wrong."""
        start = max(0, self.position - _CONTEXT)
        shown = self.text[start : self.span.end + _CONTEXT][: 4 * _CONTEXT]
        line = printable(shown)
        arrows = "^" * max(1, min(self.length, len(line) - (self.position - start)))
        return f"{line}\n{' ' * (self.position - start)}{arrows} {self.detail}"

    def _field_error(self) -> FieldError:
        return FieldError(
            field="q",
            code=self.reason,
            detail=self.detail,
            extra={
                "position": self.position,
                "length": self.length,
                "expected": list(self.expected),
                "suggestion": self.suggestion,
                "caret": self.caret(),
            },
        )


TOO_COMPLEX = "regex_too_complex"


def printable(text: str) -> str:
    """The text with a space for each control character, so that it stays on its line."""
    return "".join(c if c.isprintable() else " " for c in text)


class Mistake(ValueError):
    """Something written that has no meaning, at a place; `resolve` makes it a QuerySyntaxError.

    `replacement` for what stands at the place would perhaps be right.
    """

    def __init__(
        self,
        detail: str,
        span: Span,
        *,
        reason: str,
        expected: Sequence[str] = (),
        replacement: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.span = span
        self.reason = reason
        self.expected = tuple(expected)
        self.replacement = replacement
