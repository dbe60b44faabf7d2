"""Records made from a seed: every kind of value as often as the others, whoever else draws.

What hypothesis draws repeats itself, and changes with the code that happens to be loaded; it is there
for what nobody thought of, and because it shortens what fails.
"""

from __future__ import annotations

from random import Random
from typing import Any

from app.logstore.types import RoutedRecord
from app.query.levels import LEVEL_NUMBERS
from tests.conformance.drawing import DOUBLES, INTEGERS, KEYS, STRINGS, WORDS
from tests.conformance.records import NOON_NS, a_record, a_sent_record

_MS = 1_000_000
_SECOND = 1_000 * _MS
# A few code points of every plane that has any, and of every major category.
_PLACES = (*"aZ5 .\x00\n_", "é", "ß", "٣", "日", "\u0301", "\u2028", "\uffff")
_PLANES = (0x10000, 0x1F98A, 0x20000, 0xE0001, 0x100000, 0x10FFFF)
_TEXTS = ("a", "b", "ab", "ä", "🦊", "", "500", "true", "A")
_NUMBERS = (0, 1, 1, 2, 500, -3, 0.5, -0.0, 2**53 + 1, -(2**63), 1e16, 0.1)
_MIXED: tuple[Any, ...] = ("1", 1, True, 1.0, None, "a", False, 0)
_SERVICES = ("api", "web", None)


def mixed_records(chance: Random, number: int) -> list[RoutedRecord]:
    """Records with whatever a record can hold."""
    return [_mixed(chance) for _ in range(number)]


def alike_records(chance: Random, number: int) -> list[RoutedRecord]:
    """Records with the same few fields, some of one instant."""
    step = chance.choice([1, _MS, _SECOND, 3_600 * _SECOND])
    return [_alike(chance, NOON_NS + chance.randint(-9, 9) * step) for _ in range(number)]


def text_of(chance: Random) -> str:
    """A text, often one that engines get wrong."""
    match chance.randrange(4):
        case 0:
            return chance.choice(STRINGS)
        case 1:
            return " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))
        case 2:
            return chr(chance.choice(_PLANES)) + chance.choice(["", "a", " b"])
        case _:
            return "".join(chance.choices(_PLACES, k=chance.randint(0, 5)))


def _mixed(chance: Random) -> RoutedRecord:
    level = chance.choice([None, *LEVEL_NUMBERS])
    made: dict[str, Any] = {
        "message": f"{text_of(chance)} {text_of(chance)}",
        "at": chance.choice(
            [NOON_NS, NOON_NS + chance.randint(-3, 3), chance.randrange(2**63 - 1)]
        ),
        "received": NOON_NS + chance.randint(-3, 3),
        "stream": chance.choice(["default", "default", "other", "_hidden"]),
        "level": level,
        "level_number": None if level is None else LEVEL_NUMBERS[level] + chance.randint(0, 3),
        "attributes": {_key(chance): _value(chance, 2) for _ in range(chance.randint(0, 6))},
    }
    for name in ("service", "host", "environment", "logger", "trace_id", "span_id"):
        made[name] = chance.choice([None, text_of(chance)])
    if chance.random() < 0.25:
        return a_sent_record(f"{chance.getrandbits(64):x}{text_of(chance)}", **made)
    return a_record(**made)


def _key(chance: Random) -> str:
    return chance.choice([chance.choice(KEYS), text_of(chance)])


def _value(chance: Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth else 6)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind in (1, 2):
        return chance.choice([*INTEGERS, *DOUBLES])
    if kind == 3:
        return chance.choice([chance.randint(-9, 9), chance.uniform(-9, 9)])
    if kind in (4, 5):
        return text_of(chance)
    inside = [_value(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return inside if kind == 6 else {_key(chance): value for value in inside}


def _alike(chance: Random, at: int) -> RoutedRecord:
    level = chance.choice([None, "info", "error", "warn"])
    attributes: dict[str, Any] = {
        "t": chance.choice(_TEXTS),
        "n": chance.choice(_NUMBERS),
        "m": chance.choice(_MIXED),
        "l": chance.choices([*_TEXTS[:3], *_NUMBERS[:5]], k=chance.randint(0, 3)),
        "o": {"k": chance.choice(_TEXTS)},
    }
    for name in chance.sample(sorted(attributes), chance.randint(0, 2)):
        del attributes[name]
    return a_record(
        at=at,
        stream=chance.choice(["default", "default", "other"]),
        level=level,
        level_number=None if level is None else LEVEL_NUMBERS[level],
        service=chance.choice(_SERVICES),
        attributes=attributes,
    )
