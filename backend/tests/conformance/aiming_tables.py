"""Aggregates about records that have much in common: of random ones every group would be one record,
and hardly any metric would find a number."""

from __future__ import annotations

from random import Random

from app.logstore.types import AggregatePlan, Function, Group, GroupByField, GroupByTime, Metric
from app.query import fields
from app.query.fields import Field, Kind
from app.query.filters import Equals, Exists, Filter, Not, NumberRange
from tests.conformance.records import ALWAYS
from tests.conformance.stores import EVERYTHING

_FEW_ROWS = 2
_MS = 1_000_000
_SECOND = 1_000 * _MS
INTERVALS = (_MS, 7 * _MS, _SECOND, 60 * _SECOND, 86_400 * _SECOND)
TEXT, NUMBER, MIXED, LIST, DEEP, NOWHERE = (
    Field(path, Kind.ATTRIBUTE) for path in ("t", "n", "m", "l", "o.k", "nowhere")
)
_GROUPED = (TEXT, NUMBER, MIXED, LIST, DEEP, fields.SERVICE, fields.LEVEL)
_MEASURED = (NUMBER, NUMBER, MIXED, LIST, fields.LEVEL_NUMBER, TEXT, NOWHERE)


def aimed_plan(chance: Random) -> AggregatePlan:
    """An aggregate over such records."""
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
    return AggregatePlan(
        _filter(chance),
        ALWAYS,
        tuple(groups),
        (*metrics, Metric(Function.COUNT, "all")),
        max_rows=chance.choice([10_000, 10_000, _FEW_ROWS]),
    )


def aimed_values(chance: Random) -> tuple[Field, str, Filter]:
    """(field, prefix, filter) of a list of values of such records."""
    prefix = chance.choice(["", "", "a", "5", "1", "t"])
    return chance.choice(_GROUPED), prefix, _filter(chance)


def _filter(chance: Random) -> Filter:
    some: list[Filter] = [
        Equals(fields.SERVICE, ("api",)),
        Not(Equals(TEXT, ("a",))),
        NumberRange(NUMBER, 0.0, None, includes_lower=True, includes_upper=False),
        Exists(DEEP),
    ]
    return chance.choice([EVERYTHING, EVERYTHING, *some])
