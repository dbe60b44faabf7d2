"""Aggregates: many plans in one round trip, a second one where a first answer has to be known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import Unsupported
from app.logstore.elastic.asking import Asking
from app.logstore.elastic.compile import has_rest
from app.logstore.elastic.groups import Cut, Line, Node, lines, node_at, request, tree
from app.logstore.elastic.measures import (
    COUNTS_ALONE,
    OVER_NUMBERS,
    cell,
    first_round,
    second_round,
)
from app.logstore.elastic.questions import Query
from app.logstore.types import AggregatePlan, Function, GroupByField, Table
from app.query.fields import Field

Answer = dict[str, Any]

# How long lists of groups are: the longer ones only where the shorter leave it open what is first.
_SIZES = (100, 2_000, 20_000, 60_000)


def tables(asking: Asking, plans: Sequence[AggregatePlan], queries: Sequence[Query]) -> list[Table]:
    """One table per plan, in order."""
    tasks = [_Task(plan, query) for plan, query in zip(plans, queries, strict=True)]
    while open_tasks := [task for task in tasks if not task.is_done]:
        told = COUNTS_ALONE if any(task.asks_for_ranges for task in open_tasks) else ""
        answers = asking.searches([task.body() for task in open_tasks], filter_path=told)
        for task, answer in zip(open_tasks, answers, strict=True):
            task.take(answer)
    return [task.table(asking.skipped) for task in tasks]


class _Task:
    """One plan on its way through its rounds."""

    def __init__(self, plan: AggregatePlan, query: Query) -> None:
        self.is_done = False
        self._plan = plan
        self._query = query
        self._sizes = iter(_SIZES)
        self._size = next(self._sizes)
        self._first: Node | None = None
        self._second: Node | None = None
        self._lines: list[Line] = []
        self._asked_second: Answer = {}
        self._refused = dict(_must_be_mapped(plan))
        self._timed_out = False

    @property
    def asks_for_ranges(self) -> bool:
        """Whether the next round counts the numbers in ranges."""
        return any("range" in asked for asked in self._asked_second.values())

    def body(self) -> Answer:
        """The search of the next round."""
        plan = self._plan
        if self._first is None:
            measures = first_round(plan.metrics, is_grouped=bool(plan.groups))
            aggregations = request(plan.groups, measures, self._size)
            for place, (field, kinds) in enumerate(self._refused.items()):
                aggregations[f"rest{place}"] = {"filter": has_rest(field, kinds)}
        else:
            aggregations = request(plan.groups, self._asked_second, self._size)
        body: Answer = {
            "query": self._query,
            "size": 0,
            "track_total_hits": True,
        }
        return {**body, "aggs": aggregations} if aggregations else body

    def take(self, answer: Answer) -> None:
        """The answer to the last body."""
        self._timed_out = self._timed_out or answer["timed_out"]
        found = answer.get("aggregations", {})
        total = answer["hits"]["total"]["value"]
        if self._first is None:
            self._refuse_unmapped(found)
        try:
            # An index pattern without an index has no answer at all.
            root = tree(self._plan.groups, found, total) if found else Node(total, {})
        except Cut:
            self._longer()
            return
        if self._first is None:
            self._take_first(root)
        else:
            self._second = root
            self.is_done = True

    def table(self, skipped: tuple[str, ...]) -> Table:
        """The rows, once done; `skipped`: the partitions that no search of them could read."""
        metrics = self._plan.metrics
        rows = [
            (
                *(value for _, value in line.path),
                *(
                    cell(place, metric, line.node, self._second_at(line), self._asked_second)
                    for place, metric in enumerate(metrics)
                ),
            )
            for line in self._lines
        ]
        return Table(
            rows=tuple(rows[: self._plan.max_rows]),
            is_truncated=len(rows) > self._plan.max_rows,
            timed_out=self._timed_out,
            skipped=skipped,
        )

    def _take_first(self, root: Node) -> None:
        self._first = root
        if not root.answers:
            root.answers = _NOTHING
        self._lines = list(lines(root, self._plan.groups))
        kept = self._lines[: self._plan.max_rows]
        self._asked_second = second_round(self._plan.metrics, kept)
        self.is_done = not self._asked_second

    def _second_at(self, line: Line) -> Node | None:
        return None if self._second is None else node_at(self._second, line.path)

    def _longer(self) -> None:
        size = next(self._sizes, None)
        if size is None:
            raise Unsupported("the groups have too many different values to be listed")
        self._size = size

    def _refuse_unmapped(self, found: Answer) -> None:
        for place, field in enumerate(self._refused):
            if found and found[f"rest{place}"]["doc_count"]:
                raise Unsupported(
                    f"the field {field.name!r} cannot be aggregated: it is beyond the number of"
                    " fields that are mapped, or has values of more than 8191 characters"
                )


class _NothingMeasured(dict[str, Any]):
    """The answers of a search over no partition: every count is 0."""

    def __missing__(self, _name: str) -> Answer:
        return {"doc_count": 0, "value": 0, "count": 0, "buckets": []}


_NOTHING = _NothingMeasured()


def _must_be_mapped(plan: AggregatePlan) -> list[tuple[Field, str]]:
    """The fields, each with the kinds of value that must not be in `rest`."""
    needed = [(group.field, "snbh") for group in plan.groups if isinstance(group, GroupByField)]
    needed += [
        (metric.field, "n" if metric.function in OVER_NUMBERS else "snbh")
        for metric in plan.metrics
        if metric.field is not None and metric.function is not Function.COUNT
    ]
    # Of a field that is asked in both ways the stricter one counts.
    return sorted(needed, key=lambda one: len(one[1]))
