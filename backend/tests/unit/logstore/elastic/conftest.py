"""A real Elasticsearch, named by ELASTICSEARCH_HOSTS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import DEFAULT_LIMITS, ElasticWriter, Limits
from tests.elastic_indices import own_indices
from tests.recording_proxy import RecordingProxy


@pytest.fixture
def location() -> Iterator[Path]:
    """Hosts with a prefix of this test's own."""
    with own_indices() as own:
        yield own


@pytest.fixture
def cluster(location: Path) -> Iterator[Cluster]:
    """The same, to look and to break things."""
    opened = Cluster(location)
    yield opened
    opened.close()


@pytest.fixture
def proxy() -> Iterator[RecordingProxy]:
    """Stands before Elasticsearch, remembers what is asked, and answers some requests itself."""
    opened = RecordingProxy(os.environ["ELASTICSEARCH_HOSTS"])
    yield opened
    opened.close()


@pytest.fixture
def through(location: Path, proxy: RecordingProxy) -> Path:
    """The same indices, behind it."""
    return proxy.before(location)


@pytest.fixture
def limits() -> Limits:
    """The writer's; a test may have its own."""
    return DEFAULT_LIMITS


@pytest.fixture
def writer(location: Path, limits: Limits) -> Iterator[ElasticWriter]:
    """A writer whose caller looks at the position that `commit` returns."""
    opened = ElasticWriter(location, holds_back=True, limits=limits)
    yield opened
    opened.close()


@pytest.fixture
def reader(location: Path) -> Iterator[ElasticReader]:
    """A reader of the same indices."""
    opened = ElasticReader(location)
    yield opened
    opened.close()
