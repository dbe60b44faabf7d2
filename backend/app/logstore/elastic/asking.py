"""The searches of one question: its time limit, and what of the partitions they left out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster, NotStarted
from app.logstore.elastic.health import broken_partitions
from app.logstore.elastic.starting import Patience, Starting, not_started

DEFAULT_SECONDS = 10.0

Answer = dict[str, Any]


class Asking:
    """Every search of every question goes through here, so that nothing is left out in silence."""

    def __init__(
        self,
        cluster: Cluster,
        starting: Starting,
        org_id: OrgId,
        *,
        timeout_ms: float = DEFAULT_SECONDS * 1000,
    ) -> None:
        """`timeout_ms`: what all searches of the question may take together."""
        self.timed_out = False
        self._skipped: set[str] = set()
        self._cluster = cluster
        self._org_id = org_id
        self._patience = Patience(starting, timeout_ms / 1000)
        self._until = time.monotonic() + timeout_ms / 1000

    @property
    def skipped(self) -> tuple[str, ...]:
        """The partitions that could not be read, of those that may have the organisation's records."""
        return tuple(sorted(self._skipped))

    def search(self, body: Answer) -> Answer:
        """One search of all partitions."""
        return self.searches([body])[0]

    def searches(self, bodies: Sequence[Answer], *, filter_path: str = "") -> list[Answer]:
        """Many in one round trip; `filter_path`: what of the answers is told."""
        if not bodies:
            return []
        answers = self._when_started(bodies, filter_path)
        self._skipped.update(broken_partitions(self._cluster, answers, self._org_id))
        self.timed_out = self.timed_out or any(answer["timed_out"] for answer in answers)
        return answers

    def _when_started(self, bodies: Sequence[Answer], filter_path: str) -> list[Answer]:
        """What Elasticsearch answers once the partitions that are just being made do too."""
        while True:
            try:
                answers = self._asked(bodies, filter_path)
            except NotStarted as error:
                if not self._patience.wait(error.indices):
                    raise
                continue
            starting = not_started(answers)
            if not starting or not self._patience.wait(starting):
                return answers

    def _asked(self, bodies: Sequence[Answer], filter_path: str) -> list[Answer]:
        # Elasticsearch itself stops there, and answers with what it has.
        left_ms = max(1, int((self._until - time.monotonic()) * 1000))
        bounded = [{**body, "timeout": f"{left_ms}ms"} for body in bodies]
        pattern, seconds = self._cluster.partitions, left_ms / 1000
        if len(bounded) == 1:
            return [
                self._cluster.search(pattern, bounded[0], seconds=seconds, filter_path=filter_path)
            ]
        return self._cluster.searches(pattern, bounded, seconds=seconds, filter_path=filter_path)
