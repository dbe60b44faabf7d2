"""What text asks of `message`: words, phrases, and patterns on single tokens."""

from __future__ import annotations

from app.query import words
from app.query.errors import Mistake
from app.query.fields import MESSAGE
from app.query.filters import Everything, Filter, TokenMatches, Tokens
from app.query.tree import Anything, Quoted, Regex, Value, Wildcard, Word
from app.query.values import Budget, pattern_of


def text_filter(value: Value, budget: Budget) -> Filter:
    """What a value without a field, or of `message`, means."""
    match value:
        case Anything():
            return Everything()
        case Word(text) | Quoted(text):
            tokens = words.token_texts(text)
            if not tokens:
                raise _without_token(value)
            return Tokens(tokens)
        case Wildcard():
            _check_one_token(value)
            return TokenMatches(pattern_of(MESSAGE, value, budget))
        case Regex():
            return TokenMatches(pattern_of(MESSAGE, value, budget))


def _without_token(value: Word | Quoted) -> Mistake:
    return Mistake(
        "a search term has at least one letter or digit",
        value.span,
        reason="no_token",
        expected=("a word", "a quoted text with a word"),
        replacement={"&&": "AND", "&": "AND", "-": "NOT"}.get(value.text, ""),
    )


def _check_one_token(value: Wildcard) -> None:
    """Refuses a wildcard that could only match over several tokens."""
    pieces: list[str] = [""]
    is_escaped = False
    is_split = False
    for character in value.glob:
        if not is_escaped and character == "\\":
            is_escaped = True
        elif (not is_escaped and character in "*?") or words.is_token(character):
            pieces[-1] += character
            is_escaped = False
        else:
            is_split = True
            is_escaped = False
            pieces.append("")
    if is_split:
        raise Mistake(
            "a wildcard stands for a part of one word, and this is several words",
            value.span,
            reason="wildcard_over_words",
            expected=("a word with wildcards", "a quoted text"),
            replacement=_as_words(pieces),
        )


def _as_words(pieces: list[str]) -> str:
    """The pieces as clauses: plain ones next to each other as a phrase, stars alone left out."""
    clauses: list[list[str]] = []
    was_plain = False
    for piece in pieces:
        is_plain = bool(piece) and not ("*" in piece or "?" in piece)
        if is_plain and was_plain:
            clauses[-1].append(piece)
        elif piece.strip("*"):
            clauses.append([piece])
        was_plain = is_plain
    shown = [run[0] if len(run) == 1 else f'"{" ".join(run)}"' for run in clauses]
    if not shown:
        return "*"
    return shown[0] if len(shown) == 1 else f"({' '.join(shown)})"
