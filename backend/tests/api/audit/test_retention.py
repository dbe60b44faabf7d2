"""How long the audit remembers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from pytest_django import Settings

from app.audit import services
from app.audit.models import AuditEntry
from app.audit.services import forget_entries
from app.audit.tasks import forget_old
from app.core.clock import utc_now
from app.core.ids import uuid7
from app.core.models import DueWork
from tests.conftest import Person


def remember(person: Person, action: str, *, at: datetime) -> None:
    AuditEntry.objects.create_for(
        person.scope, id=uuid7(unix_ns=int(at.timestamp() * 1e9)), at=at, action=action
    )


def actions(*people: Person) -> list[str]:
    """What is known of them, the newest last, but for how they came to be."""
    rows = [
        row
        for person in people
        for row in AuditEntry.objects.for_scope(person.scope).order_by("-id")
        if row.action != "organisation_created"
    ]
    return [row.action for row in sorted(rows, key=lambda row: row.id)]


@pytest.fixture
def of_two_years(alice: Person, charlie: Person) -> datetime:
    """Entries of two organisations: two of long ago, one from just before its time is up."""
    now = utc_now()
    remember(alice, "ancient", at=now - timedelta(days=800))
    remember(charlie, "old", at=now - timedelta(days=401))
    remember(charlie, "kept", at=now - timedelta(days=399))
    remember(alice, "new", at=now)
    return now


def test_what_is_older_than_the_retention_is_forgotten_of_every_organisation(
    of_two_years: datetime, alice: Person, charlie: Person
) -> None:
    before = REGISTRY.get_sample_value("elkv_audit_forgotten_entries_total") or 0
    forget_old.apply(throw=True)
    assert actions(alice, charlie) == ["kept", "new"]
    assert REGISTRY.get_sample_value("elkv_audit_forgotten_entries_total") == before + 2


@pytest.mark.parametrize(
    ("days", "left"), [(0, 4), (36_500, 4), (700, 3), (1, 1)], ids=["never", "most", "long", "day"]
)
def test_the_settings_say_for_how_long(
    of_two_years: datetime,
    alice: Person,
    charlie: Person,
    settings: Settings,
    days: int,
    left: int,
) -> None:
    settings.AUDIT_RETENTION_DAYS = days
    forget_old.apply(throw=True)
    assert len(actions(alice, charlie)) == left


def test_much_is_deleted_in_small_steps_and_what_is_left_the_next_time(
    of_two_years: datetime, alice: Person, charlie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_CHUNK", 2)
    for days in range(500, 505):
        remember(alice, "old too", at=of_two_years - timedelta(days=days))
    limit = of_two_years - timedelta(days=400)
    assert forget_entries(before=limit, most=3) == 4
    assert actions(alice, charlie) == ["old too", "old too", "old", "kept", "new"]
    assert forget_entries(before=limit, most=100) == 3
    assert forget_entries(before=limit, most=100) == 0
    assert actions(alice, charlie) == ["kept", "new"]


def test_it_is_looked_at_when_it_is_due_however_often_somebody_asks(
    of_two_years: datetime, alice: Person, charlie: Person
) -> None:
    forget_old.apply(throw=True)
    remember(alice, "late", at=of_two_years - timedelta(days=500))
    forget_old.apply(throw=True)
    assert "late" in actions(alice, charlie)
    DueWork.objects.update(claimable_at=utc_now())
    forget_old.apply(throw=True)
    assert "late" not in actions(alice, charlie)
