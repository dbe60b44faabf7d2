"""The one way to ask the store a question: parameters, plan, reader, answer.

Every question is confined to its scope, needs the permission to search, takes its turn at the gate
and has one `now`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from app.core.clock import Clock
from app.core.errors import FieldError, Invalid, NotFound
from app.core.scope import Permission, Scope
from app.logs.aggregation import TableRequest
from app.logs.answers import HistogramAnswer, SearchAnswer, TableAnswer
from app.logs.cursor import CURSOR_LIFETIME_SECONDS, AskedText, Cursor, open_cursor, seal
from app.logs.gate import Gate
from app.logs.held_searches import find_held_search, hold_search
from app.logs.highlighting import spans_of_hits
from app.logs.histogram import bucket_plans, buckets_of
from app.logs.intervals import bucket_count, nice_interval_ns
from app.logs.metrics import SEARCH_SECONDS, SEARCHES_TIMED_OUT
from app.logs.neighbours import Neighbours, neighbour_plans
from app.logs.questions import Asked, Question, question_within, read_range, understand
from app.logstore.interface import LogReader
from app.logstore.types import (
    NS_PER_SECOND,
    AggregatePlan,
    FieldList,
    SearchPlan,
    SortKey,
    StoredRecord,
    StoreHealth,
    TimeRange,
    ValueList,
    sort_key_of,
)
from app.query.fields import Field
from app.query.parser import parse
from app.query.resolve import resolve
from app.query.tree import Query

MAX_INTERVALS = 10_000


class LogSearch:
    """Asks one reader. `keys` sign cursors: the first one seals, all of them open."""

    def __init__(
        self, reader: LogReader, *, clock: Clock, gate: Gate, cursor_keys: Sequence[bytes]
    ) -> None:
        self._reader = reader
        self._clock = clock
        self.gate = gate
        self._cursor_keys = tuple(cursor_keys)

    def first_page(
        self, scope: Scope, *, asked: Asked, page_size: int, is_descending: bool
    ) -> SearchAnswer:
        """The first page of a search."""
        now_ns = self._clock.now_ns()
        range_ = read_range(asked.from_, asked.to, now_ns=now_ns)
        question = question_within(asked, range_, now_ns=now_ns)
        place = Cursor(
            asked=AskedText(asked.query, asked.stream),
            is_descending=is_descending,
            now_ns=now_ns,
            range=range_,
            page_size=page_size,
            after=SortKey(0, "", 0),
            expires_at_s=0,
        )
        return self._page(scope, question, place, after=None)

    def next_page(
        self,
        scope: Scope,
        *,
        cursor: str,
        query: str | None,
        page_size: int | None,
        timeout_ms: int,
        only_stream: str | None = None,
    ) -> SearchAnswer:
        """The page after a cursor; a `query` beside it has to be the same.

        `only_stream`: what is asked for is a list of this stream, whatever cursor comes with it.
        """
        now_s = self._clock.now_ns() // NS_PER_SECOND
        place = open_cursor(cursor, keys=self._cursor_keys, org_id=scope.org_id, now_s=now_s)
        words = self._words_of(scope, place)
        if query is not None and query != words.query:
            raise _mismatch("q", "this is not the query of the cursor")
        if only_stream is not None and only_stream != words.stream:
            raise _mismatch("cursor", "the cursor is one of another list")
        asked = Asked(query=words.query, stream=words.stream, timeout_ms=timeout_ms)
        question = question_within(asked, place.range, now_ns=place.now_ns)
        place = replace(place, asked=words, page_size=page_size or place.page_size)
        return self._page(scope, question, place, after=place.after)

    def histogram(
        self, scope: Scope, *, asked: Asked, buckets: int, by: Field | None
    ) -> HistogramAnswer:
        """Counts over time in at most so many buckets; `by` splits each of them."""
        question = understand(asked, now_ns=self._clock.now_ns())
        interval_ns = nice_interval_ns(question.range, buckets=buckets)
        plans = bucket_plans(question, interval_ns=interval_ns, by=by)
        with self._turn(scope, "histogram") as started:
            tables = self._reader.aggregate(scope, plans)
        return HistogramAnswer(
            interval_ns=interval_ns,
            buckets=buckets_of(question.range, interval_ns, tables),
            range=question.range,
            timed_out=any(table.timed_out for table in tables),
            skipped=tables[0].skipped,
            took_ms=self._took_ms(started),
        )

    def table(
        self, scope: Scope, *, asked: Asked, request: TableRequest, max_rows: int
    ) -> TableAnswer:
        """The table of an aggregation."""
        question = understand(asked, now_ns=self._clock.now_ns())
        _check_intervals(question.range, request)
        plan = AggregatePlan(
            filter=question.filter,
            range=question.range,
            groups=request.groups,
            metrics=request.metrics,
            stream=question.stream,
            max_rows=max_rows,
            timeout_ms=question.timeout_ms,
        )
        with self._turn(scope, "table") as started:
            table = self._reader.aggregate(scope, [plan])[0]
        return TableAnswer(table, question.range, self._took_ms(started))

    def fields(self, scope: Scope, *, asked: Asked, limit: int) -> FieldList:
        """The fields that records in range have; the query plays no part."""
        range_ = read_range(asked.from_, asked.to, now_ns=self._clock.now_ns())
        with self._turn(scope, "fields"):
            return self._reader.fields(scope, range_, stream=asked.stream, limit=limit)

    def field_values(
        self, scope: Scope, *, asked: Asked, field: Field, prefix: str, size: int
    ) -> ValueList:
        """The field's most frequent values among the matching records."""
        question = understand(asked, now_ns=self._clock.now_ns())
        with self._turn(scope, "values"):
            return self._reader.field_values(
                scope,
                field,
                question.filter,
                question.range,
                prefix=prefix,
                size=size,
                stream=question.stream,
            )

    def get_record(self, scope: Scope, *, record_id: str) -> StoredRecord:
        """The record with this id; `NotFound`, also for a stranger's."""
        with self._turn(scope, "record"):
            record = self._reader.get(scope, record_id)
        if record is None:
            raise NotFound("there is no record with this id")
        return record

    def neighbours(
        self, scope: Scope, *, record_id: str, before: int, after: int, by: Sequence[Field]
    ) -> Neighbours:
        """The records just before and after one, of the same source."""
        record = self.get_record(scope, record_id=record_id)
        earlier, later = neighbour_plans(record, before=before, after=after, by=by)
        with self._turn(scope, "context"):
            return Neighbours(
                before=self._reader.search(scope, earlier).records[::-1] if before else (),
                record=record,
                after=self._reader.search(scope, later).records if after else (),
            )

    def check_query(self, scope: Scope, *, query: str) -> Query:
        """The tree of a query that has a meaning now; `QuerySyntaxError` points at the mistake."""
        scope.require(Permission.SEARCH)
        tree = parse(query)
        resolve(tree, now_ns=self._clock.now_ns())
        return tree

    def health(self) -> StoreHealth:
        """How the store is; never raises."""
        return self._reader.health()

    def close(self) -> None:
        """Frees what the reader holds."""
        self._reader.close()

    def _page(
        self, scope: Scope, question: Question, place: Cursor, *, after: SortKey | None
    ) -> SearchAnswer:
        plan = SearchPlan(
            filter=question.filter,
            range=question.range,
            stream=question.stream,
            is_descending=place.is_descending,
            limit=place.page_size,
            after=after,
            timeout_ms=question.timeout_ms,
        )
        with self._turn(scope, "page") as started:
            page = self._reader.search(scope, plan)
            spans = spans_of_hits(question.filter, page.records)
        if page.timed_out:
            SEARCHES_TIMED_OUT.inc()
        next_cursor = None
        if page.has_more and page.records:
            last = page.records[-1]
            next_cursor = self._seal(scope, place, sort_key_of(last))
        return SearchAnswer(
            records=page.records,
            spans=spans,
            total=page.total,
            timed_out=page.timed_out,
            skipped=page.skipped,
            range=question.range,
            next_cursor=next_cursor,
            took_ms=self._took_ms(started),
        )

    def _seal(self, scope: Scope, place: Cursor, after: SortKey) -> str:
        expires_at_s = self._clock.now_ns() // NS_PER_SECOND + CURSOR_LIFETIME_SECONDS
        cursor = replace(place, after=after, expires_at_s=expires_at_s)
        text, is_held = seal(cursor, key=self._cursor_keys[0], org_id=scope.org_id)
        if is_held and isinstance(cursor.asked, AskedText):
            expires_at = datetime.fromtimestamp(expires_at_s, UTC)
            hold_search(scope, asked=cursor.asked, expires_at=expires_at)
        return text

    def _words_of(self, scope: Scope, cursor: Cursor) -> AskedText:
        if isinstance(cursor.asked, AskedText):
            return cursor.asked
        words = find_held_search(scope, digest=cursor.asked)
        if words is None:
            raise Invalid(
                "the search of this cursor is not kept any more, start again from the first page",
                code="cursor_expired",
            )
        return words

    @contextmanager
    def _turn(self, scope: Scope, kind: str) -> Iterator[float]:
        """A place at the gate; gives the time at which it was asked for."""
        scope.require(Permission.SEARCH)
        started = self._clock.monotonic()
        with self.gate.entered(scope.org_id):
            yield started
        SEARCH_SECONDS.labels(kind).observe(self._clock.monotonic() - started)

    def _took_ms(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1_000)


def _mismatch(name: str, detail: str) -> Invalid:
    code = "cursor_mismatch"
    return Invalid(
        f"{detail}: leave it out, or start again without cursor",
        code=code,
        errors=[FieldError(name, code, detail)],
    )


def _check_intervals(range_: TimeRange, request: TableRequest) -> None:
    if request.interval_ns is None:
        return
    count = bucket_count(range_, request.interval_ns)
    if count > MAX_INTERVALS:
        raise Invalid(
            f"the range has {count:,} intervals of this width, at most {MAX_INTERVALS:,}",
            code="too_many_intervals",
        )
