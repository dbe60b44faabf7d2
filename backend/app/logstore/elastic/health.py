"""How the cluster is, and which partitions cannot be read or take no records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic.cluster import Answer, Cluster
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
    named = {name for answer in answers for name in answer.get("closed", ())}
    if any(answer["_shards"]["failed"] for answer in answers):
        failures = [one for answer in answers for one in answer["_shards"].get("failures", ())]
        failed = {one["index"] for one in failures if one.get("index")} or set(red_indices(cluster))
        if not failed:
            raise Unavailable("some partitions could not be searched")
        named |= failed
    return tuple(sorted(partition_name(cluster.prefix, name) for name in named))


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


def blocked_indices(cluster: Cluster, *, seconds: float = 5.0) -> list[str]:
    """The partitions' indices that take no records (an operator's block, a full disk, closed)."""
    answer = cluster.call(
        "GET",
        # The second one is set while an index is closed.
        f"/{cluster.partitions}/_settings/index.blocks.*,index.verified_before_close",
        params={
            "flat_settings": "true",
            "allow_no_indices": "true",
            "expand_wildcards": "open,closed",
        },
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
        partitions = _partitions_health(cluster, _HEALTH_SECONDS)
        blocked = blocked_indices(cluster, seconds=_HEALTH_SECONDS)
    except ElkError as error:
        return StoreHealth("down", "elasticsearch", detail=error.detail)
    red, color = _red(partitions), partitions["status"]
    names = {partition_name(cluster.prefix, name) for name in (*red, *blocked)}
    if not names:
        return StoreHealth("up", "elasticsearch", cluster_status=color)
    reasons = ["cannot be read"] * bool(red) + ["take no records"] * bool(blocked)
    detail = f"some partitions {' or '.join(reasons)}"
    broken = tuple(sorted(names))
    return StoreHealth(
        "degraded", "elasticsearch", detail=detail, broken=broken, cluster_status=color
    )
