"""How much everybody has brought to Elasticsearch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.names import home_of_index
from app.logstore.elastic.questions import Query, whole_organisation, within
from app.logstore.measuring import Measured
from app.logstore.partitions import Home, period_bounds

# So many organisations are counted in one round trip.
_AT_ONCE = 250


class ElasticScales:
    """See `Scales`."""

    def __init__(self, location: Location) -> None:
        self._cluster = Cluster(location)

    def measure(self, organisations: Collection[OrgId], from_ns: int, to_ns: int) -> list[Measured]:
        """See `Scales`."""
        stats = self._cluster.call(
            "GET",
            f"/{self._cluster.partitions}/_stats/store,docs",
            params={"filter_path": "indices.*.primaries"},
        )
        measured = []
        for index, told in sorted(stats.get("indices", {}).items()):
            home = home_of_index(self._cluster.prefix, index)
            if home is None or not _overlaps(home, from_ns, to_ns):
                continue
            primaries = told["primaries"]
            recent = self._recent(index, sorted(organisations), within("observed", from_ns, to_ns))
            size, records = primaries["store"]["size_in_bytes"], primaries["docs"]["count"]
            measured.append(Measured(home, size, records, recent))
        return measured

    def close(self) -> None:
        """See `Scales`."""
        self._cluster.close()

    def _recent(self, index: str, organisations: list[OrgId], query: Query) -> dict[OrgId, int]:
        found: dict[OrgId, int] = {}
        for start in range(0, len(organisations), _AT_ONCE):
            some = organisations[start : start + _AT_ONCE]
            bodies: list[dict[str, Any]] = [
                {"query": whole_organisation(one, query), "size": 0, "track_total_hits": True}
                for one in some
            ]
            answers = self._cluster.searches(index, bodies)
            counts = [answer["hits"]["total"]["value"] for answer in answers]
            found |= {one: count for one, count in zip(some, counts, strict=True) if count}
        return found


def _overlaps(home: Home, from_ns: int, to_ns: int) -> bool:
    start, end = period_bounds(home.period)
    return start < to_ns and end > from_ns
