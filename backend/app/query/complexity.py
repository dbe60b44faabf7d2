"""How large the automaton of a pattern is."""

from __future__ import annotations

from app.query.patterns import Pattern


def is_too_complex(pattern: Pattern) -> bool:
    """Whether engines would refuse the pattern; the same answer for all of them."""
    return False
