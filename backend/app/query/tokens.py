"""What the lexer hands to the parser."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a piece of the text is. The values are how it is called when it was not expected."""

    WORD = "a word"
    QUOTED = "a quoted text"
    NAME = "a name in back-ticks"
    REGEX = "a regular expression"
    COLON = '":"'
    COMPARE = "a comparison"
    OPEN = '"("'
    CLOSE = '")"'
    RANGE_OPEN = "the start of a range"
    RANGE_CLOSE = "the end of a range"
    NEGATE = "a negation"
    AND = '"AND"'
    OR = '"OR"'
    NOT = '"NOT"'
    TO = '"TO"'
    PIPE = '"|"'
    END = "the end of the query"


OPERATORS: dict[str, Kind] = {"AND": Kind.AND, "OR": Kind.OR, "NOT": Kind.NOT, "TO": Kind.TO}


class Token(NamedTuple):
    """One piece of the text: `text` is what stands at [`start`, `end`), exactly."""

    kind: Kind
    text: str
    start: int
    end: int
