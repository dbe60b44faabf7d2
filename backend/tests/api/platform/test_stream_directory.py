"""The shipper's view of streams."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries, Settings

from app.core.errors import Unavailable
from app.streams.models import Stream
from app.streams.selectors import stream_target
from config.stream_directory import PAUSE_SECONDS, StoredStreams
from tests.conftest import Person

# The directory opens and closes connections of its own, as the shipper's threads do.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_record_goes_to_its_stream_or_to_the_default_one(alice: Person, charlie: Person) -> None:
    Stream.objects.create_for(alice.scope, name="nginx", retention_days=8)
    streams = StoredStreams()
    own = streams(alice.org_id, "nginx")
    assert (own.name, own.retention_class) == ("nginx", 14)
    for name in ("", "default", "unknown"):
        assert streams(alice.org_id, name).name == "default"
    assert streams(charlie.org_id, "nginx").name == "default"


def test_a_stream_without_its_own_retention_follows_the_settings(
    alice: Person, settings: Settings
) -> None:
    for days, kept in ((1, 3), (30, 30), (31, 90), (1000, 365)):
        settings.RETENTION_DAYS = days
        target = stream_target(alice.org_id, "default")
        assert target is not None
        assert target.retention_class == kept


def test_the_default_stream_is_there_whatever_became_of_its_row(alice: Person) -> None:
    Stream.objects.for_scope(alice.scope).delete()
    assert StoredStreams()(alice.org_id, "default").name == "default"


def test_streams_are_remembered(
    alice: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    streams = StoredStreams()
    streams(alice.org_id, "")
    with django_assert_num_queries(0):
        streams(alice.org_id, "")
        streams(alice.org_id, "default")


def test_without_a_database_nothing_is_guessed(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise OperationalError("no")

    monkeypatch.setattr(QuerySet, "values_list", broken)
    with pytest.raises(Unavailable):
        StoredStreams()(alice.org_id, "default")


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now_ns(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


def test_a_database_that_is_away_is_asked_once_in_a_while_for_all_streams(
    alice: Person, charlie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    streams = StoredStreams(clock)
    streams(alice.org_id, "default")
    asked: list[float] = []

    def hangs(*_arguments: object, **_named: object) -> None:
        asked.append(clock.seconds)
        clock.seconds += 3
        raise OperationalError("timed out")

    with monkeypatch.context() as away:
        away.setattr(QuerySet, "values_list", hangs)
        for org_id in (charlie.org_id, charlie.org_id, charlie.org_id):
            with pytest.raises(Unavailable) as refused:
                streams(org_id, "web")
        assert refused.value.code == "database_unavailable"
        assert refused.value.retry_after_seconds == PAUSE_SECONDS
        # What is remembered needs no database.
        assert streams(alice.org_id, "default").name == "default"
        assert len(asked) == 1
        clock.seconds += PAUSE_SECONDS
        with pytest.raises(Unavailable):
            streams(charlie.org_id, "default")
        assert len(asked) == 2
    clock.seconds += PAUSE_SECONDS
    assert streams(charlie.org_id, "web").name == "default"
