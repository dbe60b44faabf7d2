from __future__ import annotations

import pytest

from app.logstore.memory.evaluate import evaluate
from app.logstore.memory.matcher import matcher, subject_test
from app.logstore.memory.store import stored
from app.logstore.memory.subject import Subject
from app.query import fields
from app.query.fields import field_named
from app.query.filters import (
    And,
    Equals,
    Everything,
    Exists,
    Filter,
    Matches,
    Not,
    NumberRange,
    Or,
    StringRange,
    TimeWithin,
    TokenMatches,
    Tokens,
)
from app.query.patterns import ANY_RUN, Sequence, Text
from tests.conformance.records import NOON_NS, a_record

RECORD = a_record(
    "Connection refused",
    service="web",
    attributes={"status": 500, "path": "/api/v1", "tags": ["a", 1, True]},
)
STATUS, PATH, TAGS = map(field_named, ("status", "path", "tags"))
ERRORS = NumberRange(STATUS, 500, 599, includes_lower=True, includes_upper=True)


@pytest.mark.parametrize(
    ("filter_", "is_match"),
    [
        (Everything(), True),
        (Tokens(("connection", "refused")), True),
        (Tokens(("refused", "connection")), False),
        (TokenMatches(Sequence((Text("ref"), ANY_RUN))), True),
        (TokenMatches(Text("ref")), False),
        (Equals(fields.SERVICE, ("web", "db")), True),
        (Equals(fields.SERVICE, ("db",)), False),
        (Equals(fields.HOST, ("web",)), False),
        (Equals(TAGS, ("b", 1.0)), True),
        (Equals(TAGS, (True,)), True),
        (Equals(TAGS, ("1", "true")), False),
        (Equals(TAGS, ()), False),
        (Exists(TAGS), True),
        (Exists(field_named("nowhere")), False),
        (ERRORS, True),
        (StringRange(PATH, "/a", "/b", includes_lower=True, includes_upper=True), True),
        (TimeWithin(fields.TIMESTAMP, NOON_NS, NOON_NS + 1), True),
        (TimeWithin(fields.TIMESTAMP, NOON_NS + 1, None), False),
        (Matches(PATH, Sequence((Text("/api"), ANY_RUN))), True),
        (Not(ERRORS), False),
        (And((ERRORS, Exists(PATH))), True),
        (And((ERRORS, Not(Exists(PATH)))), False),
        (Or((Not(ERRORS), Exists(PATH))), True),
        (Or((Not(ERRORS), Exists(fields.HOST))), False),
    ],
)
def test_the_matcher_and_evaluate_say_the_same(filter_: Filter, *, is_match: bool) -> None:
    assert matcher(filter_)(RECORD) is is_match
    assert evaluate(filter_, RECORD) is is_match
    assert matcher(filter_)(stored(RECORD)) is is_match


def test_many_filters_may_share_one_subject() -> None:
    subject = Subject(RECORD)
    assert subject_test(ERRORS)(subject)
    assert not subject_test(Not(ERRORS))(subject)
    assert subject.leaves is subject.leaves
