"""Indices of a test's own on the server that ELASTICSEARCH_HOSTS names, and how it is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.logstore.elastic.cluster import Cluster, Missing
from app.logstore.interface import LogReader, LogWriter
from app.logstore.types import StoreHealth
from tests.shipping import until

_PATIENCE_SECONDS = 120.0
_TOO_LATE = "the log store did not answer in time"


@contextmanager
def own_indices() -> Iterator[Path]:
    """The hosts with a prefix that nobody else has; what begins with it is deleted afterwards."""
    prefix = f"t{os.urandom(6).hex()}"
    location = Path(f"{os.environ['ELASTICSEARCH_HOSTS']}#{prefix}")
    cluster = Cluster(location)
    # It is there, or the test fails here.
    cluster.call("GET", "/_cluster/health")
    try:
        yield location
    finally:
        cluster.close()
        delete_indices(prefix)


def delete_indices(prefix: str) -> None:
    """Deletes whatever begins so on the server that ELASTICSEARCH_HOSTS names.

    The last wish of a process that was killed may still be under way there: what it deletes itself is
    missing from a pattern's answer, and what it makes comes after it. So it is asked again until
    nothing is left.
    """
    cluster = Cluster(os.environ["ELASTICSEARCH_HOSTS"])

    def are_gone() -> bool:
        with suppress(Missing):
            cluster.call("DELETE", f"/{prefix}*")
        return not cluster.call("GET", f"/{prefix}*/_settings/index.uuid")

    until(are_gone)
    with suppress(Missing):
        cluster.call("DELETE", f"/_index_template/{prefix}*")
    cluster.close()


def set_flood_block(cluster: Cluster, days: int, *, is_on: bool) -> None:
    """What Elasticsearch sets itself when its disk is full: partitions of this class take nothing."""
    body = {"index.blocks.read_only_allow_delete": True if is_on else None}
    cluster.call("PUT", f"/{cluster.prefix}-{days}d-*/_settings", body=body)


def answered_health(store: LogReader | LogWriter) -> StoreHealth:
    """What a store says of itself once its server answers within the second that health may take,
    for which tests beside this one may keep it too busy."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (health := store.health()).detail == _TOO_LATE and time.monotonic() < deadline:
        time.sleep(0.1)
    return health
