"""How the cluster is, and which partitions cannot be read or take no records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import ElkError, Unavailable
from app.core.ids import OrgId
from app.logstore.elastic import metrics
from app.logstore.elastic.cluster import Answer, Cluster
from app.logstore.elastic.lanes import Waiting
from app.logstore.elastic.names import home_of_index
from app.logstore.places import is_shared
from app.logstore.types import NS_PER_SECOND, StoreHealth

# Two requests have to fit into the second that health may take.
_HEALTH_SECONDS = 0.45
_MOST_TOLD = 5


def partition_name(prefix: str, index: str) -> str:
    """What a partition is called in answers: without its prefix, as on every other store."""
    home = home_of_index(prefix, index)
    return index if home is None else home.name


def broken_partitions(
    cluster: Cluster, answers: Sequence[dict[str, Any]], org_id: OrgId
) -> tuple[str, ...]:
    """The partitions that were left out of answers, but for those of other organisations alone."""
    named = {name for answer in answers for name in answer.get("closed", ())}
    if any(answer["_shards"]["failed"] for answer in answers):
        failures = [one for answer in answers for one in answer["_shards"].get("failures", ())]
        failed = {one["index"] for one in failures if one.get("index")} or set(red_indices(cluster))
        if not failed:
            raise Unavailable("some partitions could not be searched")
        named |= failed
    homes = {name: home_of_index(cluster.prefix, name) for name in named}
    return tuple(
        sorted(
            partition_name(cluster.prefix, name)
            for name, home in homes.items()
            if home is None or is_shared(home) or home.pool == str(org_id)
        )
    )


def red_indices(cluster: Cluster, *, seconds: float = 5.0) -> list[str]:
    """The partitions' indices of which a part is on no node."""
    return _red(_partitions_health(cluster, seconds))


def _partitions_health(cluster: Cluster, seconds: float) -> Answer:
    return cluster.call(
        "GET",
        f"/_cluster/health/{cluster.partitions}",
        params={"level": "indices", "ignore_unavailable": "true", "timeout": "1s"},
        seconds=seconds,
    )


def _red(answer: Answer) -> list[str]:
    found: dict[str, dict[str, Any]] = answer.get("indices", {})
    return sorted(name for name, one in found.items() if one["status"] == "red")


def _blocks(cluster: Cluster, seconds: float) -> tuple[list[str], list[str]]:
    """The blocks on all writing, by what they say, and the partitions' indices that take no records:
    an operator's block, a full disk, closed."""
    answer = cluster.call(
        "GET",
        f"/_cluster/state/blocks/{cluster.partitions}",
        params={"expand_wildcards": "all", "allow_no_indices": "true"},
        seconds=seconds,
    )
    blocks = answer["blocks"]
    everywhere = [one["description"] for one in _writing(blocks.get("global", {}))]
    # Of all indices, whatever was asked for: others' are their own business.
    indices: dict[str, dict[str, Any]] = blocks.get("indices", {})
    ours = (name for name, one in indices.items() if _writing(one))
    return everywhere, sorted(name for name in ours if home_of_index(cluster.prefix, name))


def _writing(blocks: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in blocks.values() if "write" in one["levels"]]


def cluster_health(cluster: Cluster) -> StoreHealth:
    """Up; degraded while partitions are red or take no records; down when nobody answers."""
    try:
        partitions = _partitions_health(cluster, _HEALTH_SECONDS)
        everywhere, blocked = _blocks(cluster, _HEALTH_SECONDS)
    except ElkError as error:
        return StoreHealth("down", "elasticsearch", detail=error.detail)
    red, color = _red(partitions), partitions["status"]
    names = {partition_name(cluster.prefix, name) for name in (*red, *blocked)}
    if not names and not everywhere:
        return StoreHealth("up", "elasticsearch", cluster_status=color)
    reasons = ["cannot be read"] * bool(red) + ["take no records"] * bool(blocked)
    told = [f"some partitions {' or '.join(reasons)}"] * bool(names)
    told += [f"nothing is taken in: {one}" for one in everywhere]
    return StoreHealth(
        "degraded",
        "elasticsearch",
        detail="; ".join(told),
        broken=tuple(sorted(names)),
        cluster_status=color,
    )


def with_held(
    health: StoreHealth, prefix: str, held: Sequence[Waiting], *, full_budgets: int
) -> StoreHealth:
    """The health as a shipper sees it: also what waits for which partition, and since when."""
    if health.status == "down":
        return health
    if not held:
        if health.detail is None and full_budgets:
            many = f"{full_budgets} organisations have more fields than are mapped"
            return replace(health, detail=many)
        return health
    names = {partition_name(prefix, one.index) for one in held}
    broken = tuple(sorted(names.union(health.broken)))
    told = [_told(prefix, one) for one in held[:_MOST_TOLD]]
    if len(held) > _MOST_TOLD:
        told.append(f"and {len(held) - _MOST_TOLD} more")
    return replace(health, status="degraded", detail="; ".join(told), broken=broken)


def _told(prefix: str, held: Waiting) -> str:
    since = datetime.fromtimestamp(held.since_ns // NS_PER_SECOND, UTC).isoformat()
    name = partition_name(prefix, held.index)
    why = f" ({held.reason})" if held.reason else ""
    return f"{held.records} records wait for {name} since {since.replace('+00:00', 'Z')}{why}"


class HeldMetrics:
    """Shows what is held back, and that nothing is any more where something was."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._shown: set[str] = set()

    def show(self, held: Sequence[Waiting]) -> None:
        """What is held back now."""
        now_ns = SYSTEM_CLOCK.now_ns()
        names = set()
        for one in held:
            name = partition_name(self._prefix, one.index)
            names.add(name)
            metrics.HELD_RECORDS.labels(name).set(one.records)
            metrics.HELD_SECONDS.labels(name).set((now_ns - one.since_ns) / NS_PER_SECOND)
        for name in self._shown - names:
            metrics.HELD_RECORDS.labels(name).set(0)
            metrics.HELD_SECONDS.labels(name).set(0)
        self._shown = names
        metrics.HELD_BYTES.set(sum(one.bytes for one in held))
