"""Nothing asks Elasticsearch about records without saying whose: every request is looked at."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from app.core.errors import Unsupported
from app.logstore.elastic import reader as reader_module
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.interface import LogReader
from app.logstore.types import (
    AggregatePlan,
    Function,
    GroupByField,
    GroupByTime,
    Metric,
    Position,
    SearchPlan,
    SortKey,
    TimeRange,
)
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
from tests.conformance.cast import ACME, ALICE, GLOBEX
from tests.conformance.records import ALWAYS, NOON_NS, a_record
from tests.recording_proxy import RecordingProxy

PACKAGE = Path(reader_module.__file__).parent
A = field_named("a")
ANSWERING = ("reader", "facets", "tables", "groups", "measures", "long_values", "compile")
PATTERN = Sequence((Text("x"), ANY_RUN))
LONG = "x" * 9_000
FILTERS: tuple[Filter, ...] = (
    Everything(),
    Tokens(("it",)),
    TokenMatches(PATTERN),
    Equals(A, ("x", 1, True)),
    Exists(A),
    NumberRange(A, 0, 2, includes_lower=True, includes_upper=False),
    StringRange(A, "a", None, includes_lower=True, includes_upper=False),
    TimeWithin(field_named("@timestamp"), NOON_NS, None),
    Matches(A, PATTERN),
    Matches(field_named("service"), PATTERN),
    Not(Equals(A, ("x",))),
    And((Exists(A), Matches(A, PATTERN))),
    # What a caller asks is never beside what confines it.
    Or((Everything(), Not(Exists(A)), Equals(A, ("x",)))),
)
PLAN = SearchPlan(Everything(), ALWAYS, limit=1)
METRICS = (Metric(Function.UNIQ, "u", A), Metric(Function.PERCENTILE, "p", field_named("n"), 50.0))
GROUPS = (GroupByTime(10**9), GroupByField(A))


def _ask_for_pages(reader: LogReader, filter_: Filter) -> object:
    after = SortKey(NOON_NS + 1, "z", 0)
    return [
        reader.search(ALICE, SearchPlan(filter_, ALWAYS, stream=stream, after=after))
        for stream in (None, "default", "_quarantine")
    ] + [reader.search(ALICE, SearchPlan(filter_, TimeRange(5, 5)))]


def _ask_for_tables(reader: LogReader, filter_: Filter) -> object:
    plans = [AggregatePlan(filter_, ALWAYS, groups, METRICS) for groups in (GROUPS, ())]
    try:
        return reader.aggregate(ALICE, plans)
    except Unsupported:
        return None


QUESTIONS: dict[str, Callable[[LogReader, Filter], object]] = {
    "search": _ask_for_pages,
    "scan": lambda reader, filter_: list(reader.scan(ALICE, SearchPlan(filter_, ALWAYS, limit=1))),
    "aggregate": _ask_for_tables,
    "fields": lambda reader, _: reader.fields(ALICE, ALWAYS),
    "field_values": lambda reader, filter_: [
        reader.field_values(ALICE, field, filter_, ALWAYS, prefix=prefix)
        for field in (A, field_named("service"))
        for prefix in ("", "x")
    ],
    "get": lambda reader, _: [reader.get(ALICE, one) for one in ("x", "' OR 1=1", "*")],
}


@pytest.fixture
def reader(location: Path, through: Path) -> Iterator[ElasticReader]:
    """A reader through the proxy, with records of two organisations."""
    writer = ElasticWriter(location)
    many = {f"f{place}": place for place in range(210)}
    records = [
        a_record(org_id=org_id, service=service, attributes={"a": value, "n": 1, **attributes})
        for org_id in (ACME, GLOBEX)
        for service, value, attributes in (
            ("one", "x1", {}),
            (LONG, LONG, {}),
            (None, 1, many),
            (None, True, {}),
        )
    ]
    writer.append(records, position=Position("j", 1))
    writer.close()
    opened = ElasticReader(through)
    yield opened
    opened.close()


def test_every_kind_of_filter_and_every_method_is_asked_about() -> None:
    assert {type(one) for one in FILTERS} == set(get_args(Filter))
    methods = {name for name in vars(LogReader) if not name.startswith("_")}
    assert QUESTIONS.keys() == methods - {"health", "close"}


@pytest.mark.elastic
@pytest.mark.parametrize("method", QUESTIONS)
def test_every_request_is_confined_to_one_organisation(
    reader: ElasticReader, proxy: RecordingProxy, method: str
) -> None:
    for filter_ in FILTERS:
        QUESTIONS[method](reader, filter_)
    queries = list(_queries(proxy))
    assert len(queries) >= len(FILTERS)
    for query in queries:
        assert is_confined(query, ACME.hex), query
        assert query == {"match_none": {}} or not is_confined(query, GLOBEX.hex)


def _queries(proxy: RecordingProxy) -> Iterator[Any]:
    for request in proxy.requests:
        path = request.path.partition("?")[0]
        kind = path.rpartition("/")[2]
        if kind == "_msearch":
            yield from (orjson.loads(line)["query"] for line in request.body.splitlines()[1::2])
        elif kind == "_search":
            yield orjson.loads(request.body)["query"]
        else:
            # Nothing but the beginning and the end of an export.
            assert kind == "_pit", path


def is_confined(query: Any, tag: str) -> bool:
    """Whether the query can match nothing but documents of this organisation."""
    match query:
        case {"match_none": _}:
            return True
        case {"term": {"org": found}}:
            return found in {tag, f"{tag}_"}
        case {"terms": {"org": found}}:
            return set(found) <= {tag, f"{tag}_"}
        case {"term": {"owner": found}}:
            return bool(found == tag)
        case {"bool": {"filter": parts}}:
            return any(is_confined(part, tag) for part in parts)
        case _:
            return False


def test_the_look_at_requests_sees_what_is_not_confined() -> None:
    own = {"term": {"org": "a"}}
    anything = {"match_all": {}}
    assert is_confined({"bool": {"filter": [own, anything]}}, "a")
    for query in (
        anything,
        {"bool": {"should": [own, anything]}},
        {"bool": {"filter": [{"bool": {"should": [own]}}]}},
        {"bool": {"must_not": [own]}},
        {"term": {"org": "b"}},
        {"terms": {"org": ["a", "b"]}},
    ):
        assert not is_confined(query, "a")


def test_one_module_alone_spells_the_tenant_filter() -> None:
    spelling = {
        path.name
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Dict)
        and any(
            isinstance(key, ast.Constant) and key.value in {"term", "terms"} for key in node.keys
        )
        and "'org'" in ast.unparse(node)
    }
    assert spelling == {"questions.py"}


def test_questions_reach_elasticsearch_through_one_object_alone() -> None:
    asking = {
        path.name
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"search", "searches"}
        and ast.unparse(node.value) in {"cluster", "self._cluster"}
    }
    # Others ask about the catalogue, or move and measure whole partitions.
    assert not asking & {f"{name}.py" for name in ANSWERING}
    assert asking >= {"asking.py"}
