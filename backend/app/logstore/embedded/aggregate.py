"""Tables over several partitions, with exact counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tantivy import Query

from app.core.errors import Unsupported
from app.logstore.embedded import measures
from app.logstore.embedded.columns import Key, column_of, has_column, rank, refuse_unmapped, term_of
from app.logstore.embedded.compile import all_of, integers_within
from app.logstore.embedded.distinct import TooMany, aggregated, count_distinct
from app.logstore.embedded.frequent import most_frequent
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.measures import Stats
from app.logstore.embedded.nodes import (
    BUCKET_LIMIT,
    Answer,
    Cut,
    Node,
    add,
    can_answer,
    leaves,
    request,
)
from app.logstore.embedded.partition import Snapshot
from app.logstore.types import (
    AggregatePlan,
    Cell,
    Function,
    Group,
    GroupByField,
    GroupByTime,
    Metric,
    Table,
)
from app.query.fields import Field
from app.query.filters import Equals, Exists

# How many values of each group are asked for, until it is certain which are the most frequent.
_SIZES = (500, 5_000, 60_000)
# In so many groups different values are counted one group after the other.
_COUNTED_ALONE = 1_000
# So often the same groups are asked for at most, for percentiles over several partitions.
_MAX_CHUNKS = 40

Asked = Sequence[tuple[Snapshot, Query]]
Path = tuple[Key, ...]


class _Line(NamedTuple):
    """A row before its metrics: the values of its groups, and the group itself."""

    path: Path
    node: Node


def table(plan: AggregatePlan, asked: Asked, deadline: float) -> Table:
    """The plan's table over the partitions; what was reached until `deadline` is the answer."""
    in_time: list[tuple[Snapshot, Query]] = []
    for one in asked:
        if in_time and time.monotonic() > deadline:
            break
        in_time.append(one)
    aggregation = _Aggregation(plan, in_time, deadline)
    rows, is_truncated = aggregation.rows()
    return Table(rows, is_truncated, aggregation.is_late or len(in_time) < len(asked))


class _Aggregation:
    def __init__(self, plan: AggregatePlan, asked: Asked, deadline: float) -> None:
        self._plan = plan
        self._groups = plan.groups
        self._asked = asked
        self._deadline = deadline
        self._groups_listed = 0
        self.is_late = False

    def _is_in_time(self) -> bool:
        self.is_late = self.is_late or time.monotonic() > self._deadline
        return not self.is_late

    def rows(self) -> tuple[tuple[tuple[Cell, ...], ...], bool]:
        """(rows, whether there would have been more)."""
        for snapshot, query in self._asked:
            with told_apart(snapshot.home.name):
                self._refuse_unmapped(snapshot, query)
        metrics = self._plan.metrics
        root = self._tree(self._asked, measures.requests(metrics))
        self._groups_listed = sum(1 for _ in leaves(root, len(self._groups)))
        lines = list(_lines(root, self._groups, ()))
        shown = lines[: self._plan.max_rows]
        columns = [self._column(place, metric, shown) for place, metric in enumerate(metrics)]
        rows = tuple(
            (*(value for _, value in line.path), *(column[row] for column in columns))
            for row, line in enumerate(shown)
        )
        return rows, len(lines) > len(shown)

    def _refuse_unmapped(self, snapshot: Snapshot, query: Query) -> None:
        for group in self._groups:
            if isinstance(group, GroupByField):
                column_of(group.field)
                refuse_unmapped(snapshot, query, group.field)
        for metric in self._plan.metrics:
            if metric.field is not None and metric.function is not Function.COUNT:
                column_of(metric.field)
                only_numbers = metric.function in measures.OVER_NUMBERS
                refuse_unmapped(snapshot, query, metric.field, only_numbers=only_numbers)

    # Groups

    def _tree(self, asked: Asked, asked_measures: Answer) -> Node:
        """The nested groups over all partitions."""
        if not can_answer(self._groups):
            return Node()
        for size in _SIZES:
            try:
                return self._tree_of(asked, asked_measures, size, None)
            except Cut:
                continue
            except TooMany:
                break
        return self._tree_below_most_frequent(asked, asked_measures)

    def _tree_below_most_frequent(self, asked: Asked, asked_measures: Answer) -> Node:
        """The same when the values of the outermost group are too many to be listed."""
        outermost = self._groups[0]
        if isinstance(outermost, GroupByField):
            values = most_frequent(asked, outermost.field, outermost.size)
            if all(kind == "string" for (kind, _), _ in values):
                terms = [term_of(outermost.field, value) for (_, value), _ in values]
                try:
                    return self._tree_of(asked, asked_measures, max(_SIZES), terms)
                except (Cut, TooMany):
                    pass
        raise Unsupported("the groups have too many different values to be listed")

    def _tree_of(
        self, asked: Asked, asked_measures: Answer, size: int, only: list[str] | None
    ) -> Node:
        root = Node()
        body = request(self._groups, asked_measures, size, only)
        for snapshot, query in asked:
            with told_apart(snapshot.home.name):
                if not self._groups:
                    root.count += snapshot.count(query)
                answer = aggregated(snapshot, query, body) if body else {}
            add(root, self._groups, answer, is_alone=len(asked) == 1)
        return root

    # Metrics

    def _column(self, place: int, metric: Metric, lines: list[_Line]) -> list[Cell]:
        """A metric of every row."""
        if metric.field is None:
            return [line.node.count for line in lines]
        match metric.function:
            case Function.COUNT:
                return self._counts(metric.field, lines)
            case Function.UNIQ:
                return [self._distinct(metric.field, line, len(lines)) for line in lines]
            case Function.PERCENTILE:
                return self._percentiles(place, metric, lines)
            case Function.SUM | Function.AVG | Function.MIN | Function.MAX:
                return [Stats(line.node.answers, place).cell(metric.function) for line in lines]

    def _counts(self, field: Field, lines: list[_Line]) -> list[Cell]:
        """In how many records of each group the field exists."""
        asked = [
            (snapshot, all_of([query, snapshot.compiler.compile(Exists(field))]))
            for snapshot, query in self._asked
        ]
        root = self._tree(asked, {})
        return [_count_at(root, line.path) for line in lines]

    def _distinct(self, field: Field, line: _Line, lines: int) -> Cell:
        if lines > _COUNTED_ALONE:
            raise Unsupported(f"different values are counted in at most {_COUNTED_ALONE} groups")
        if not self._is_in_time():
            return None
        asked = [
            (snapshot, self._inside(snapshot, query, line.path)) for snapshot, query in self._asked
        ]
        return count_distinct(asked, field)

    def _inside(self, snapshot: Snapshot, query: Query, path: Path) -> Query:
        """The query for the records of one group alone."""
        parts = [query]
        for group, (_, value) in zip(self._groups, path, strict=True):
            match group:
                case GroupByField(field):
                    parts.append(snapshot.compiler.compile(Equals(field, (value,))))
                case GroupByTime(interval_ns):
                    parts.append(integers_within("ts", value, value + interval_ns))
        return all_of(parts)

    def _percentiles(self, place: int, metric: Metric, lines: list[_Line]) -> list[Cell]:
        stats = [Stats(line.node.answers, place) for line in lines]
        if all(one.suits_sketch for one in stats):
            return [
                measures.sketched(line.node.answers, place, one)
                for line, one in zip(lines, stats, strict=True)
            ]
        return self._bucketed_percentiles(metric, lines, stats)

    def _bucketed_percentiles(
        self, metric: Metric, lines: list[_Line], stats: list[Stats]
    ) -> list[Cell]:
        """The same from counts between close borders, which add up over partitions."""
        least = min(one.least for one in stats if one.least is not None)
        greatest = max(one.greatest for one in stats if one.greatest is not None)
        field, percent = metric.field, metric.percent
        if field is None or percent is None or not has_column(field):
            return [None for _ in lines]
        column = column_of(field)
        counts: list[list[tuple[float, int]]] = [[] for _ in lines]
        for points in self._chunks(measures.borders(least, greatest)):
            if not self._is_in_time():
                return [None for _ in lines]
            root = self._tree(self._asked, {"ranges": measures.range_request(column, points)})
            for found, line in zip(counts, lines, strict=True):
                node = _node_at(root, line.path)
                if node:
                    found.extend(measures.bucket_counts(node.answers, "ranges"))
        return [
            one.clamped(measures.ranked(found, percent))
            for found, one in zip(counts, stats, strict=True)
        ]

    def _chunks(self, borders: list[float]) -> Iterator[list[float]]:
        """Neighbouring borders, so few at a time that one answer can hold them for every group."""
        size = max(2, BUCKET_LIMIT * 9 // 10 // max(1, self._groups_listed) - 2)
        if len(borders) // size > _MAX_CHUNKS:
            raise Unsupported("these percentiles would have to be computed in too many groups")
        for start in range(0, len(borders) - 1, size - 1):
            yield borders[start : start + size]


def _lines(node: Node, groups: tuple[Group, ...], path: Path) -> Iterator[_Line]:
    """The rows in order: intervals by time, values by count, then by text."""
    if not groups:
        yield _Line(path, node)
        return
    children = node.children
    match groups[0]:
        case GroupByTime():
            keys = sorted(children, key=lambda key: key[1])
        case GroupByField(_, size):
            keys = sorted(children, key=lambda key: rank(key, children[key].count))[:size]
    for key in keys:
        yield from _lines(children[key], groups[1:], (*path, key))


def _node_at(root: Node, path: Path) -> Node | None:
    node: Node | None = root
    for key in path:
        node = node.children.get(key) if node else None
    return node


def _count_at(root: Node, path: Path) -> int:
    node = _node_at(root, path)
    return node.count if node else 0
