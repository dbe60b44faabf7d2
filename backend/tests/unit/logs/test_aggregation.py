"""The JSON form of an aggregation."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Invalid
from app.logs.aggregation import TableRequest, read_table_request, table_columns, table_rows
from app.logs.parameters import Parameters
from app.logstore.types import Function, GroupByField, GroupByTime, Metric, Table
from app.query.fields import SERVICE, Field, Kind

LATENCY = Field("latency_ms", Kind.ATTRIBUTE)


def read(body: dict[str, Any]) -> TableRequest:
    parameters = Parameters(body)
    request = read_table_request(parameters)
    parameters.check()
    return request


def test_groups_and_metrics_keep_their_order() -> None:
    request = read(
        {
            "group_by": [{"field": "service.name", "size": 5}, {"interval": "5m"}],
            "metrics": [
                {"fn": "count"},
                {"fn": "p99.9", "field": "latency_ms", "as": "slow"},
                {"fn": "uniq", "field": "service"},
            ],
        }
    )
    assert request.groups == (GroupByField(SERVICE, 5), GroupByTime(300_000_000_000))
    assert request.metrics == (
        Metric(Function.COUNT, "count"),
        Metric(Function.PERCENTILE, "slow", LATENCY, 99.9),
        Metric(Function.UNIQ, "uniq(service)", SERVICE),
    )
    assert request.names == ("service.name", "@timestamp", "count", "slow", "uniq(service)")


def test_without_metrics_records_are_counted() -> None:
    assert read({}) == TableRequest((), (Metric(Function.COUNT, "count"),), ("count",))


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"group_by": [{}]}, "group_by[0].field", "required"),
        ({"group_by": [{"field": "a", "interval": "5m"}]}, "group_by[0].field", "required"),
        ({"group_by": [{"field": "message"}]}, "group_by[0].field", "not_groupable"),
        ({"group_by": [{"field": "a", "size": 1_001}]}, "group_by[0].size", "out_of_range"),
        ({"group_by": [{"interval": "5 minutes"}]}, "group_by[0].interval", "not_a_duration"),
        ({"group_by": [{"interval": "1m"}, {"interval": "5m"}]}, "group_by", "too_many"),
        ({"group_by": [{"field": c} for c in "abcde"]}, "group_by", "too_many"),
        ({"group_by": [{"field": c} for c in "abcdef"]}, "group_by", "too_many"),
        ({"group_by": [{"field": "a", "limit": 5}]}, "group_by[0].limit", "unknown_parameter"),
        ({"group_by": [{"field": "a"}, {"field": "a"}]}, "metrics", "duplicate_name"),
        ({"metrics": [{"fn": "mean", "field": "a"}]}, "metrics[0].fn", "unknown_function"),
        ({"metrics": [{}]}, "metrics[0].fn", "unknown_function"),
        ({"metrics": [{"fn": "p101", "field": "a"}]}, "metrics[0].fn", "unknown_function"),
        ({"metrics": [{"fn": "percentile", "field": "a"}]}, "metrics[0].fn", "unknown_function"),
        ({"metrics": [{"fn": "sum"}]}, "metrics[0].field", "required"),
        ({"metrics": [{"fn": "avg", "field": "service"}]}, "metrics[0].field", "not_a_number"),
        ({"metrics": [{"fn": "uniq", "field": "message"}]}, "metrics[0].field", "not_a_number"),
        ({"metrics": [{"fn": "count"}, {"fn": "count"}]}, "metrics", "duplicate_name"),
        ({"metrics": [{"fn": "count"}] * 21}, "metrics", "too_many"),
        ({"metrics": ["count"]}, "metrics", "not_a_list"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_place(
    body: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read(body)
    assert (field, code) in [(error.field, error.code) for error in refused.value.errors]


def test_four_fields_and_an_interval_are_allowed() -> None:
    request = read({"group_by": [*({"field": c} for c in "abcd"), {"interval": "1h"}]})
    assert len(request.groups) == 5


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"], "string"),
        ([1, 2.5], "number"),
        ([True], "boolean"),
        ([1, "1"], "mixed"),
        ([], "string"),
    ],
)
def test_a_column_has_the_type_of_its_values(values: list[Any], kind: str) -> None:
    request = read({"group_by": [{"field": "x"}]})
    table = Table(rows=tuple((value, 1) for value in values))
    assert table_columns(request, table) == [
        {"name": "x", "type": kind},
        {"name": "count", "type": "number"},
    ]


def test_intervals_are_answered_as_instants() -> None:
    request = read({"group_by": [{"field": "x"}, {"interval": "1m"}]})
    table = Table(rows=(("a", 60_000_000_000, 3),))
    assert table_rows(request, table) == [["a", "1970-01-01T00:01:00Z", 3]]
    assert table_columns(request, table)[1] == {"name": "@timestamp", "type": "time"}
