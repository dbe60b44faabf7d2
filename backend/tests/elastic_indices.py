"""Indices of a test's own on the server that ELASTICSEARCH_HOSTS names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.logstore.elastic.cluster import Cluster, Missing


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
        cluster.call("DELETE", f"/{prefix}-*")
        with suppress(Missing):
            cluster.call("DELETE", f"/_index_template/{prefix}*")
        cluster.close()
