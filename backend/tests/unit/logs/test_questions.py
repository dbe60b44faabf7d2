"""From what was sent to what is asked."""

from __future__ import annotations

import pytest

from app.core.errors import Invalid
from app.logs.questions import Asked, Question, understand
from app.logstore.types import NS_PER_DAY, NS_PER_SECOND, TimeRange
from app.query.errors import QuerySyntaxError
from app.query.fields import LEVEL, SERVICE, TIMESTAMP
from app.query.filters import And, Equals, Everything, Or, TimeWithin

NOW_NS = 20_000 * NS_PER_DAY
MINUTE_NS = 60 * NS_PER_SECOND
ERRORS = Equals(LEVEL, ("error",))


def understood(query: str = "", **sent: str | int) -> Question:
    return understand(Asked(query, sent.get("from_"), sent.get("to")), now_ns=NOW_NS)


def test_nothing_said_is_every_record_of_the_last_15_minutes() -> None:
    question = understood()
    assert question.filter == Everything()
    assert question.range == TimeRange(NOW_NS - 15 * MINUTE_NS, NOW_NS)


@pytest.mark.parametrize(
    ("sent", "instant_ns"),
    [
        (1_000, NS_PER_SECOND),
        ("1000", NS_PER_SECOND),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("now-1d/d", NOW_NS - NS_PER_DAY),
    ],
)
def test_a_moment_may_be_written_in_several_ways(sent: str | int, instant_ns: int) -> None:
    assert understood(from_=sent).range.from_ns == instant_ns


@pytest.mark.parametrize(("from_", "to"), [("now", "now"), ("now", "now-1s"), (5, 4)])
def test_an_empty_range_is_refused(from_: str | int, to: str | int) -> None:
    with pytest.raises(Invalid) as refused:
        understood(from_=from_, to=to)
    assert refused.value.code == "empty_range"


def test_a_moment_that_cannot_be_read_is_refused_by_its_name() -> None:
    with pytest.raises(Invalid) as refused:
        understood(to="yesterday")
    assert [(error.field, error.code) for error in refused.value.errors] == [("to", "invalid_time")]


def test_a_query_that_cannot_be_parsed_points_at_the_place() -> None:
    with pytest.raises(QuerySyntaxError) as refused:
        understood("status:[500 TO")
    assert refused.value.code == "query_syntax"
    assert refused.value.errors[0].extra["position"] == 14


def test_a_range_in_the_text_narrows() -> None:
    question = understood("level:error @timestamp:[now-5m TO now+5m]")
    assert question.filter == ERRORS
    assert question.range == TimeRange(NOW_NS - 5 * MINUTE_NS, NOW_NS)


def test_a_range_in_the_text_never_widens() -> None:
    question = understood("@timestamp:[now-1d TO now+1d]")
    assert question.filter == Everything()
    assert question.range == TimeRange(NOW_NS - 15 * MINUTE_NS, NOW_NS)


def test_several_ranges_narrow_together() -> None:
    question = understood("@timestamp>=now-5m level:error @timestamp<now-1m service:a")
    assert question.filter == And((ERRORS, Equals(SERVICE, ("a",))))
    assert question.range == TimeRange(NOW_NS - 5 * MINUTE_NS, NOW_NS - MINUTE_NS)


def test_a_range_under_or_and_not_stays_in_the_filter() -> None:
    question = understood("level:error OR @timestamp:[now-5m TO now]")
    assert isinstance(question.filter, Or)
    assert question.range == TimeRange(NOW_NS - 15 * MINUTE_NS, NOW_NS)
    assert understood("NOT @timestamp>=now-5m").range == question.range


def test_a_range_beside_the_requests_matches_nothing() -> None:
    question = understood("@timestamp<now-1h")
    assert question.filter == TimeWithin(TIMESTAMP, None, NOW_NS - 60 * MINUTE_NS)
    assert question.range == TimeRange(NOW_NS - 15 * MINUTE_NS, NOW_NS)
