"""Ids as terms: in the order of their code points, and without what tantivy's syntax cannot take.

The range syntax knows no quoting: white space, brackets, quotes and back-ticks cannot stand in a
bound. So they, and the safe character before each run of them, become two characters: that one, and
their place in the run. Every term begins with MARK, so that no id looks like a number or like `*`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

MARK = "i"

# Runs of code points that are spelled with two: the first of each is safe itself.
_RUNS = (
    (0x08, 0x0D),
    (0x1F, 0x20),
    (0x21, 0x22),
    (0x27, 0x29),
    (0x5A, 0x5D),
    (0x5F, 0x60),
    (0x7A, 0x7D),
    (0x84, 0x85),
    (0x9F, 0xA0),
    (0x167F, 0x1680),
    (0x1FFF, 0x200A),
    (0x2027, 0x2029),
    (0x202E, 0x202F),
    (0x205E, 0x205F),
    (0x2FFF, 0x3000),
)
SPELLED: dict[int, str] = {
    code_point: f"{chr(first)}{place:x}"
    for first, last in _RUNS
    for place, code_point in enumerate(range(first, last + 1))
}
_READ = {spelled: chr(code_point) for code_point, spelled in SPELLED.items()}
_ANY_SPECIAL = re.compile(f"[{re.escape(''.join(map(chr, SPELLED)))}]")
_ANY_SPELLED = re.compile("|".join(map(re.escape, _READ)), re.DOTALL)

# (first, last) of the code points that stand for themselves, in order.
PLAIN_RANGES: tuple[tuple[int, int], ...] = (
    (0, _RUNS[0][0] - 1),
    *(
        (before[1] + 1, after[0] - 1)
        for before, after in pairwise(_RUNS)
        if before[1] + 1 < after[0]
    ),
    (_RUNS[-1][1] + 1, 0x10FFFF),
)


def id_term(record_id: str) -> str:
    """The term of an id."""
    if _ANY_SPECIAL.search(record_id):
        return MARK + record_id.translate(SPELLED)
    return MARK + record_id


def id_terms(record_ids: Sequence[str]) -> list[str]:
    """`id_term` of each."""
    if _ANY_SPECIAL.search("".join(record_ids)):
        return list(map(id_term, record_ids))
    return [f"{MARK}{record_id}" for record_id in record_ids]


def id_of_term(term: str) -> str:
    """The inverse of `id_term`."""
    return _ANY_SPELLED.sub(_unspelled, term[len(MARK) :])


def _unspelled(match: re.Match[str]) -> str:
    return _READ[match.group()]
