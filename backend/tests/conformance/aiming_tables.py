"""Records that have much in common, and aggregates about them: of random records every group would
be one record, and hardly any metric would find a number."""

from __future__ import annotations

from random import Random
from typing import Any

from app.logstore.types import Function, Group, GroupByField, GroupByTime, Metric, RoutedRecord
from app.query import fields
from app.query.fields import Field, Kind
from app.query.filters import Equals, Exists, Filter, Not, NumberRange
from app.query.levels import LEVEL_NUMBERS
from tests.conformance.records import NOON_NS, a_record

_MS = 1_000_000
_SECOND = 1_000 * _MS
INTERVALS = (_MS, 7 * _MS, _SECOND, 60 * _SECOND, 86_400 * _SECOND)
_TEXTS = ("a", "b", "ab", "ä", "🦊", "", "500", "true", "A")
_NUMBERS = (0, 1, 1, 2, 500, -3, 0.5, -0.0, 2**53 + 1, -(2**63), 1e16, 0.1)
_MIXED: tuple[Any, ...] = ("1", 1, True, 1.0, None, "a", False, 0)
_SERVICES = ("api", "web", None)

TEXT, NUMBER, MIXED, LIST, DEEP, NOWHERE = (
    Field(path, Kind.ATTRIBUTE) for path in ("t", "n", "m", "l", "o.k", "nowhere")
)
_GROUPED = (TEXT, NUMBER, MIXED, LIST, DEEP, fields.SERVICE, fields.LEVEL)
_MEASURED = (NUMBER, NUMBER, MIXED, LIST, fields.LEVEL_NUMBER, TEXT, NOWHERE)


def alike_records(chance: Random, number: int) -> list[RoutedRecord]:
    """Records with the same few fields, some of one instant."""
    step = chance.choice([1, _MS, _SECOND, 3_600 * _SECOND])
    return [_record(chance, NOON_NS + chance.randint(-9, 9) * step) for _ in range(number)]


def _record(chance: Random, at: int) -> RoutedRecord:
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
        level=level,
        level_number=None if level is None else LEVEL_NUMBERS[level],
        service=chance.choice(_SERVICES),
        attributes=attributes,
    )


def aimed_table(chance: Random) -> tuple[list[Group], list[Metric], Filter | None]:
    """(groups, metrics, filter) of an aggregate over such records; no filter: all of them."""
    groups: list[Group] = []
    for _ in range(chance.choice([0, 1, 1, 2])):
        if chance.random() < 0.3:
            groups.append(GroupByTime(chance.choice(INTERVALS)))
        else:
            groups.append(GroupByField(chance.choice(_GROUPED), chance.choice([1, 2, 3, 10])))
    functions = [one for one in Function if one is not Function.PERCENTILE]
    metrics = [
        Metric(chance.choice(functions), f"m{number}", chance.choice(_MEASURED))
        for number in range(chance.randint(1, 3))
    ]
    return groups, [*metrics, Metric(Function.COUNT, "all")], _filter(chance)


def aimed_values(chance: Random) -> tuple[Field, str, Filter | None]:
    """(field, prefix, filter) of a list of values of such records."""
    prefix = chance.choice(["", "", "a", "5", "1", "t"])
    return chance.choice(_GROUPED), prefix, _filter(chance)


def _filter(chance: Random) -> Filter | None:
    some: list[Filter | None] = [
        Equals(fields.SERVICE, ("api",)),
        Not(Equals(TEXT, ("a",))),
        NumberRange(NUMBER, 0.0, None, includes_lower=True, includes_upper=False),
        Exists(DEEP),
    ]
    return chance.choice([None, None, *some])
