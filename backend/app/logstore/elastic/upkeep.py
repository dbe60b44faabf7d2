"""What partitions need done when no shipper runs: the next ones made, the expired ones deleted."""

from __future__ import annotations

from contextlib import closing

from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.shelf import AHEAD_NS, Shelf
from app.logstore.places import all_shared


def keep_up(location: Location, now_ns: int, *, ahead_ns: int = AHEAD_NS) -> None:
    """Does it once. Any number may at the same time, shippers too: what another one has done is
    found done. `ahead_ns`: how long before its first record a period's index is made."""
    with closing(Cluster(location)) as cluster:
        # Which organisation is where does not matter: a group of partitions goes on as it is.
        Shelf(cluster, all_shared, ahead_ns=ahead_ns).keep_up(now_ns)
