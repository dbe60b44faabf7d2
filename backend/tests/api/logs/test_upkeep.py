"""Partitions are made and expire while no shipper runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from app.core.clock import SYSTEM_CLOCK, utc_now
from app.core.due_work import oldest_due
from app.core.errors import Unavailable
from app.logs.tasks import maintain_store
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import NS_PER_DAY, Position
from config.queues import schedule
from tests.conformance.records import a_record
from tests.elastic_indices import own_indices


@pytest.fixture
def cluster(settings: Settings) -> Iterator[Cluster]:
    """An Elasticsearch of this test's own, and settings that name it."""
    with own_indices() as own:
        settings.LOG_STORE, settings.LOG_STORE_LOCATION = "elastic", own
        opened = Cluster(own)
        yield opened
        opened.close()


@pytest.mark.elastic
@pytest.mark.usefixtures("db")
def test_the_job_deletes_what_has_expired_once_it_is_due(
    cluster: Cluster, settings: Settings
) -> None:
    now_ns = SYSTEM_CLOCK.now_ns()
    writer = ElasticWriter(settings.LOG_STORE_LOCATION)
    for number, at in enumerate((now_ns, now_ns - 10 * NS_PER_DAY), start=1):
        record = a_record(received=at, at=at, retention_class=3)
        writer.append([record], position=Position("j", number))
    writer.close()
    assert len(_partitions(cluster)) == 2
    maintain_store()
    kept = _partitions(cluster)
    assert any(name.startswith(f"{cluster.prefix}-3d-pool0-") for name in kept)
    # At the end of a day the next one's is there as well.
    assert len(kept) in {1, 2}
    maintain_store()
    assert _partitions(cluster) == kept


@pytest.mark.usefixtures("db")
def test_a_store_that_is_away_is_tried_again_soon(settings: Settings) -> None:
    settings.LOG_STORE = "elastic"
    settings.LOG_STORE_LOCATION = Path("http://127.0.0.1:1#nobody")
    began = utc_now()
    with pytest.raises(Unavailable):
        maintain_store()
    due = oldest_due("periodic")
    assert due is not None
    assert began <= due - timedelta(seconds=30) <= utc_now()


def test_the_job_is_scheduled_for_elasticsearch_alone() -> None:
    assert "logs.maintain_store" in schedule("elastic")
    assert "logs.maintain_store" not in schedule("embedded")


def _partitions(cluster: Cluster) -> list[str]:
    return sorted(cluster.call("GET", f"/{cluster.partitions}/_settings/index.uuid"))
