"""Places in a query's text, and in the tree that was made from it."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """The code points [`start`, `end`) of the text."""

    start: int
    end: int


# The place of a node that was not read from a text.
NOWHERE = Span(0, 0)
