"""The JSON form of an aggregation: what may be asked for, and the table as it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.errors import Invalid
from app.logs.instants import instant_text
from app.logs.intervals import duration_ns
from app.logs.parameters import Parameters
from app.logstore.types import (
    Cell,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    Table,
)
from app.query.fields import TIMESTAMP, Kind, field_named

MAX_GROUP_FIELDS = 4
MAX_METRICS = 20
MAX_GROUP_SIZE = 1_000
MAX_FIELD_CHARACTERS = 512
MAX_NAME_CHARACTERS = 100
DEFAULT_GROUP_SIZE = 10

_FUNCTIONS: dict[str, Function] = {
    function.value: function for function in Function if function is not Function.PERCENTILE
}
_PERCENTILE = re.compile(r"p((?:100|[0-9]{1,2})(?:\.[0-9]{1,3})?)")
_NO_NUMBERS = frozenset({Kind.TEXT, Kind.TIME})


@dataclass(frozen=True, slots=True)
class TableRequest:
    """Groups and metrics as asked for, group columns first; `names` has one per column."""

    groups: tuple[Group, ...]
    metrics: tuple[Metric, ...]
    names: tuple[str, ...]

    @property
    def interval_ns(self) -> int | None:
        """The width of the one group by time, if there is one."""
        for group in self.groups:
            if isinstance(group, GroupByTime):
                return group.interval_ns
        return None


def read_table_request(parameters: Parameters) -> TableRequest:
    """`group_by` and `metrics` of a body; what is wrong is noted in `parameters`.

    Without metrics the records are counted.
    """
    groups, group_names = [], []
    for index, one in enumerate(parameters.objects("group_by", most=MAX_GROUP_FIELDS + 1)):
        group, name = _read_group(one, parameters, f"group_by[{index}].")
        groups.append(group)
        group_names.append(name)
    metrics = [
        _read_metric(one, parameters, f"metrics[{index}].")
        for index, one in enumerate(parameters.objects("metrics", most=MAX_METRICS))
    ] or [Metric(Function.COUNT, "count")]
    names = (*group_names, *(metric.name for metric in metrics))
    _check_whole(groups, names, parameters)
    return TableRequest(tuple(groups), tuple(metrics), names)


def _check_whole(groups: Sequence[Group], names: Sequence[str], parameters: Parameters) -> None:
    times = sum(isinstance(group, GroupByTime) for group in groups)
    if times > 1:
        parameters.wrong("group_by", "too_many", "at most one interval")
    if len(groups) - times > MAX_GROUP_FIELDS:
        parameters.wrong("group_by", "too_many", f"at most {MAX_GROUP_FIELDS} fields")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        detail = f"two columns are called {twice!r}, name one of them with 'as'"
        parameters.wrong("metrics", "duplicate_name", detail)


def _read_group(values: Mapping[str, Any], outer: Parameters, path: str) -> tuple[Group, str]:
    inner = Parameters(values, path=path)
    name = inner.text("field", most=MAX_FIELD_CHARACTERS)
    size = inner.integer("size", default=DEFAULT_GROUP_SIZE, least=1, most=MAX_GROUP_SIZE)
    interval = inner.text("interval", most=20)
    interval_ns = 0
    if bool(name) == bool(interval):
        inner.wrong("field", "required", "either a field or an interval")
    elif interval:
        try:
            interval_ns = duration_ns(interval)
        except Invalid as error:
            inner.wrong("interval", "not_a_duration", error.detail)
    elif field_named(name).kind in _NO_NUMBERS:
        inner.wrong("field", "not_groupable", f"{name!r} cannot be grouped by")
    inner.refuse_others()
    outer.errors.extend(inner.errors)
    if interval:
        return GroupByTime(interval_ns or 1), TIMESTAMP.name
    return GroupByField(field_named(name), size), name


def _read_metric(values: Mapping[str, Any], outer: Parameters, path: str) -> Metric:
    inner = Parameters(values, path=path)
    spelled = inner.text("fn", most=20)
    field = inner.optional_text("field", most=MAX_FIELD_CHARACTERS)
    name = inner.optional_text("as", most=MAX_NAME_CHARACTERS)
    inner.refuse_others()
    function, percent = _function_of(spelled)
    if function is None:
        known = ", ".join(_FUNCTIONS)
        inner.wrong("fn", "unknown_function", f"one of {known}, p50 … p99.9, not {spelled!r}")
        function = Function.COUNT
    elif field is None and function is not Function.COUNT:
        inner.wrong("field", "required", f"{spelled!r} needs a field")
    elif field is not None and _is_without(function, field):
        inner.wrong("field", "not_a_number", f"{spelled!r} of {field!r}, which holds no numbers")
    outer.errors.extend(inner.errors)
    return Metric(
        function,
        name or (spelled if field is None else f"{spelled}({field})"),
        None if field is None else field_named(field),
        percent,
    )


def _is_without(function: Function, field: str) -> bool:
    kind = field_named(field).kind
    if function is Function.COUNT:
        return False
    return kind in _NO_NUMBERS if function is Function.UNIQ else kind not in _WITH_NUMBERS


_WITH_NUMBERS = frozenset({Kind.NUMBER, Kind.ATTRIBUTE})


def _function_of(spelled: str) -> tuple[Function | None, float | None]:
    known = _FUNCTIONS.get(spelled)
    if known is not None:
        return known, None
    found = _PERCENTILE.fullmatch(spelled)
    if found is None or float(found[1]) > 100:
        return None, None
    return Function.PERCENTILE, float(found[1])


def table_rows(request: TableRequest, table: Table) -> list[list[Cell]]:
    """The rows as they are answered: instants as text."""
    place = next(
        (i for i, group in enumerate(request.groups) if isinstance(group, GroupByTime)), None
    )
    rows = [list(row) for row in table.rows]
    if place is not None:
        for row in rows:
            at = row[place]
            row[place] = instant_text(at) if isinstance(at, int) else at
    return rows


def table_columns(request: TableRequest, table: Table) -> list[dict[str, str]]:
    """Name and type (`string`, `number`, `boolean`, `time`, `mixed`) of each column."""
    types = [
        _group_type(group, [row[index] for row in table.rows])
        for index, group in enumerate(request.groups)
    ]
    types += ["number"] * len(request.metrics)
    return [{"name": name, "type": kind} for name, kind in zip(request.names, types, strict=True)]


def _group_type(group: Group, cells: Sequence[Cell]) -> str:
    match group:
        case GroupByTime():
            return "time"
        case GroupByField(field):
            if field.kind is Kind.NUMBER:
                return "number"
            found = {_cell_type(cell) for cell in cells}
            if len(found) > 1:
                return "mixed"
            return found.pop() if found else "string"


def _cell_type(cell: Cell) -> str:
    match cell:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str() | None:
            return "string"
