"""Partitions that were made a moment ago, and whose shards do not answer yet.

An index is there before its shard is, and is still there when its shard is gone: whoever searches in
between is told that no shard is available, of this index or of all. That takes milliseconds, so it is
waited for.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import NO_SHARD, Answer, Cluster

# So often one question waits for the same partition.
_ATTEMPTS = 4
_LONGEST_SECONDS = 2.0
_FIRST_NAP_SECONDS = 0.01
_LONGEST_NAP_SECONDS = 0.1
# What was lost, or did not start in time, is waited for by nobody for so long.
_LOST_SECONDS = 10.0
# More of them at once are not new, but lost with a node.
_MAX_NAMES = 20


class Starting:
    """For any number of threads; what one of them forgets costs another one a wait."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lost: dict[str, float] = {}

    def wait(self, indices: Collection[str], attempt: int, seconds: float) -> bool:
        """Waits until these have started; of no names: until all have. Whether it is worth asking
        again, for the first time (`attempt` 0) or once more."""
        now = time.monotonic()
        until = now + seconds
        names = [one for one in sorted(indices) if self._lost.get(one, 0.0) < now]
        if attempt == _ATTEMPTS:
            self._give_up(names)
            return False
        if seconds <= 0 or len(names) > _MAX_NAMES or (indices and not names):
            return False
        nap = _FIRST_NAP_SECONDS * 4**attempt
        try:
            while True:
                waiting = self._not_started(names)
                left = until - time.monotonic()
                if left <= 0:
                    self._give_up(waiting)
                if names and self._lost.keys() >= set(names):
                    return False
                # Also what has started, or what is just being deleted, takes a moment more.
                time.sleep(max(0.0, min(nap, left)))
                if left <= 0 or not waiting:
                    return True
                nap = min(_LONGEST_NAP_SECONDS, nap * 2)
        except Unavailable:
            return False

    def _not_started(self, names: Collection[str]) -> list[str]:
        """Those whose shards are coming. Elasticsearch calls red what is on no node: an index that
        is new is not."""
        # With a star an index that went meanwhile is not waited for.
        pattern = ",".join(f"{name}*" for name in names) or self._cluster.partitions
        answer = self._cluster.call(
            "GET",
            f"/_cluster/health/{pattern}",
            params={"level": "indices", "ignore_unavailable": "true", "timeout": "1s"},
            seconds=_LONGEST_SECONDS,
        )
        found: dict[str, dict[str, Any]] = answer.get("indices", {})
        self._give_up(
            name
            for name, one in found.items()
            if one["status"] == "red" and not one["initializing_shards"]
        )
        return [
            name
            for name, one in found.items()
            if one["active_primary_shards"] < one["number_of_shards"] and name not in self._lost
        ]

    def _give_up(self, names: Iterable[str]) -> None:
        now = time.monotonic()
        kept = {name: end for name, end in self._lost.items() if end >= now}
        self._lost = kept | dict.fromkeys(names, now + _LOST_SECONDS)


class Patience:
    """One question's."""

    def __init__(self, starting: Starting, seconds: float = math.inf) -> None:
        """`seconds`: what is left for the question, where that is bounded."""
        self._starting = starting
        # A part of it is for the answer.
        self._left = min(_LONGEST_SECONDS, seconds / 2)
        self._attempts: Counter[str] = Counter()

    def wait(self, indices: Collection[str]) -> bool:
        """See `Starting.wait`. While one partition starts the next one may be made."""
        names = indices or {""}
        attempt = min(self._attempts[name] for name in names)
        self._attempts.update(names)
        began = time.monotonic()
        is_worth_it = self._starting.wait(indices, attempt, self._left)
        self._left -= time.monotonic() - began
        return is_worth_it


def not_started(answers: Iterable[Answer]) -> set[str]:
    """The indices that answers leave out because no shard of them was there."""
    return {
        failure["index"]
        for answer in answers
        for failure in answer["_shards"].get("failures", ())
        if failure.get("index") and failure["reason"]["type"] == NO_SHARD
    }
