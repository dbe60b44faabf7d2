"""How the cluster is, and which partitions cannot be read or take no records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.names import home_of_index
from app.logstore.types import StoreHealth

# Two requests have to fit into the second that health may take.
_HEALTH_SECONDS = 0.45


def partition_name(prefix: str, index: str) -> str:
    """What a partition is called in answers: without its prefix, as on every other store."""
    home = home_of_index(prefix, index)
    return index if home is None else home.name


def broken_partitions(cluster: Cluster, answers: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The partitions that were left out of answers."""
    if not any(answer["_shards"]["failed"] for answer in answers):
        return ()
    failures = [one for answer in answers for one in answer["_shards"].get("failures", ())]
    named = {one["index"] for one in failures if one.get("index")}
    if not named:
        named = set(red_indices(cluster))
    if not named:
        raise Unavailable("some partitions could not be searched")
    return tuple(sorted(partition_name(cluster.prefix, name) for name in named))


def red_indices(cluster: Cluster, *, seconds: float = 5.0) -> list[str]:
    """The partitions' indices of which a part is on no node."""
    answer = cluster.call(
        "GET",
        f"/_cluster/health/{cluster.partitions}",
        params={"level": "indices", "ignore_unavailable": "true", "timeout": "1s"},
        seconds=seconds,
    )
    found: dict[str, dict[str, Any]] = answer.get("indices", {})
    return sorted(name for name, one in found.items() if one["status"] == "red")


def blocked_indices(cluster: Cluster, *, seconds: float = 5.0) -> list[str]:
    """The partitions' indices that take no records (an operator's block, a full disk)."""
    answer = cluster.call(
        "GET",
        f"/{cluster.partitions}/_settings/index.blocks.*",
        params={"flat_settings": "true", "allow_no_indices": "true"},
        seconds=seconds,
    )
    return sorted(
        name
        for name, one in answer.items()
        if any(value == "true" for value in one["settings"].values())
    )


def cluster_health(cluster: Cluster) -> StoreHealth:
    """Up; degraded while partitions are red or take no records; down when nobody answers."""
    try:
        red = red_indices(cluster, seconds=_HEALTH_SECONDS)
        blocked = blocked_indices(cluster, seconds=_HEALTH_SECONDS)
    except ElkError as error:
        return StoreHealth("down", "elasticsearch", detail=error.detail)
    names = {partition_name(cluster.prefix, name) for name in (*red, *blocked)}
    if not names:
        return StoreHealth("up", "elasticsearch")
    reasons = ["cannot be read"] * bool(red) + ["take no records"] * bool(blocked)
    detail = f"some partitions {' or '.join(reasons)}"
    return StoreHealth("degraded", "elasticsearch", detail=detail, broken=tuple(sorted(names)))
