"""A real Elasticsearch, named by ELASTICSEARCH_HOSTS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.logstore.elastic.cluster import Cluster, Missing

HOSTS = os.environ.get("ELASTICSEARCH_HOSTS")


@pytest.fixture
def location() -> Iterator[Path]:
    """Hosts with a prefix of this test's own."""
    prefix = f"u{os.urandom(6).hex()}"
    cluster = Cluster(f"{HOSTS}#{prefix}")
    # It is there, or the test fails here.
    cluster.call("GET", "/_cluster/health")
    yield Path(f"{HOSTS}#{prefix}")
    cluster.call("DELETE", f"/{prefix}-*")
    with suppress(Missing):
        cluster.call("DELETE", f"/_index_template/{prefix}")
    cluster.close()


@pytest.fixture
def cluster(location: Path) -> Iterator[Cluster]:
    """The same, to look and to break things."""
    opened = Cluster(location)
    yield opened
    opened.close()
