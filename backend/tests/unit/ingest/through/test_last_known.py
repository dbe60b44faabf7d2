"""Streams while the database is away."""

from __future__ import annotations

import pytest

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.directory import StreamTarget
from app.ingest.through import last_known
from app.ingest.through.last_known import OUTAGE_SECONDS, LastKnown
from tests.conformance.cast import ACME, GLOBEX


class Database:
    """What is asked, and a clock moved by hand."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.days = 30
        self.is_away = False
        self.seconds = 1000.0

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        self.asked.append(stream_name)
        if self.is_away:
            raise Unavailable("the database does not answer", code="database_unavailable")
        return StreamTarget(stream_name, self.days)

    def now_ns(self) -> int:
        return int(self.seconds * 1e9)

    def monotonic(self) -> float:
        return self.seconds


def test_what_was_known_goes_on_and_all_else_is_refused() -> None:
    database = Database()
    streams = LastKnown(database, database)
    streams(ACME, "web")
    database.is_away = True
    database.days = 90
    assert streams(ACME, "web") == StreamTarget("web", 30)
    for _ in range(3):
        assert streams(ACME, "web") == StreamTarget("web", 30)
        with pytest.raises(Unavailable) as refused:
            streams(GLOBEX, "web")
    assert refused.value.code == "database_unavailable"
    database.is_away = False
    assert streams(ACME, "web") == StreamTarget("web", 90)
    assert streams(GLOBEX, "web") == StreamTarget("web", 90)


def test_an_outage_without_end_is_not_got_over() -> None:
    database = Database()
    streams = LastKnown(database, database)
    streams(ACME, "web")
    database.is_away = True
    database.seconds += OUTAGE_SECONDS - 1
    streams(ACME, "web")
    database.seconds += 2
    with pytest.raises(Unavailable):
        streams(ACME, "web")


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_known, "MAX_HELD", 2)
    database = Database()
    streams = LastKnown(database, database)
    for name in ("a", "b", "c"):
        streams(ACME, name)
    database.is_away = True
    assert streams(ACME, "c").name == "c"
    with pytest.raises(Unavailable):
        streams(ACME, "a")
