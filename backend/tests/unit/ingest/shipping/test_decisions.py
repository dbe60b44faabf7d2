"""A record that is shipped twice goes to the same partition twice, whatever changed meanwhile."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.ingest.decisions import ASK_AGAIN_SECONDS, FILE_NAME, MAX_HELD, Decisions
from app.ingest.directory import StreamTarget

ACME = OrgId(UUID(int=1))
GLOBEX = OrgId(UUID(int=2))


class Changing:
    """A directory whose answer changes, and that may be down."""

    def __init__(self) -> None:
        self.days = 30
        self.is_down = False
        self.asked = 0

    def __call__(self, org_id: OrgId, stream_name: str) -> StreamTarget:
        self.asked += 1
        if self.is_down:
            raise Unavailable("down")
        return StreamTarget(stream_name or "default", self.days)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ns(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


def test_a_decision_holds_until_it_is_renewed(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    decisions = Decisions(streams, tmp_path, clock=clock)
    assert decisions(ACME, "") == StreamTarget("default", 30)
    streams.days = 90
    clock.seconds += ASK_AGAIN_SECONDS - 1
    assert decisions(ACME, "") == StreamTarget("default", 30)
    assert (streams.asked, decisions.has_news) == (1, False)
    clock.seconds += 1
    assert decisions(ACME, "") == StreamTarget("default", 30)
    assert (streams.asked, decisions.has_news) == (2, True)
    decisions.renew()
    assert not decisions.has_news
    assert decisions(ACME, "") == StreamTarget("default", 90)


def test_a_decision_survives_a_crash_that_cuts_the_file_short(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    first = Decisions(streams, tmp_path, clock=clock)
    first(ACME, "")
    first(GLOBEX, 'odd\n"name"')
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b'["000')
    streams.days = 90
    second = Decisions(streams, tmp_path, clock=clock)
    assert second(ACME, "") == StreamTarget("default", 30)
    assert second(GLOBEX, 'odd\n"name"').retention_class == 30
    assert second.has_news
    second(ACME, "new")
    assert Decisions(streams, tmp_path, clock=clock)(ACME, "new") == StreamTarget("new", 90)


def test_known_streams_go_on_while_the_directory_is_down(tmp_path: Path) -> None:
    streams, clock = Changing(), HandClock()
    decisions = Decisions(streams, tmp_path, clock=clock)
    decisions(ACME, "")
    streams.is_down = True
    clock.seconds += ASK_AGAIN_SECONDS
    assert decisions(ACME, "") == StreamTarget("default", 30)
    assert not decisions.has_news
    with pytest.raises(Unavailable):
        decisions(GLOBEX, "")


def test_senders_cannot_make_it_remember_names_without_end(tmp_path: Path) -> None:
    lines = [f'["{ACME}","{number}","{number}",30]' for number in range(MAX_HELD)]
    (tmp_path / FILE_NAME).write_text("\n".join(lines) + "\n")
    decisions = Decisions(Changing(), tmp_path, clock=HandClock())
    had_news = []
    for name in ("1", "one more"):
        decisions(ACME, name)
        had_news.append(decisions.has_news)
    assert had_news == [False, True]
    decisions.renew()
    assert not (tmp_path / FILE_NAME).exists()
