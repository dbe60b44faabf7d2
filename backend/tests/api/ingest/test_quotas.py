"""Quotas of organisations: set by operators, written down, known to the edge."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from app.audit.selectors import list_audit_entries
from app.core.pagination import ListRequest
from app.ingest.edge.quotas import Quota
from app.ingest.edge.stored.quotas import find_quota, load_quotas, set_quota
from tests.conftest import Person


def command(*arguments: str) -> str:
    said = io.StringIO()
    call_command("set_quota", *arguments, stdout=said)
    return said.getvalue().strip()


def test_a_quota_is_set_changed_and_taken_away(alice: Person, charlie: Person) -> None:
    assert load_quotas() == {}
    assert command("acme") == "as the settings say"
    said = command("ACME", "--records-per-second", "500")
    assert said == "500 records a second, any number of bytes a day"
    said = command("acme", "--bytes-per-day", "1000")
    assert said == "500 records a second, 1000 bytes a day"
    assert load_quotas() == {alice.org_id: Quota(500, 1000)}
    assert find_quota(charlie.scope) is None
    assert command("acme", "--default") == "as the settings say"
    assert load_quotas() == {}


def test_changes_are_written_down(alice: Person) -> None:
    set_quota(alice.scope, quota=Quota(1, 2))
    set_quota(alice.scope, quota=None)
    last, first = [
        (entry.before, entry.after)
        for entry in list_audit_entries(alice.scope, ListRequest()).items
        if entry.action == "ingest_quota_changed"
    ]
    kept = {"records_per_second": 1, "bytes_per_day": 2}
    assert (first, last) == ((None, kept), (kept, None))


def test_the_quotas_of_many_are_known_together(alice: Person, charlie: Person) -> None:
    set_quota(alice.scope, quota=Quota(1, 0))
    set_quota(charlie.scope, quota=Quota(0, 2))
    assert load_quotas() == {alice.org_id: Quota(1, 0), charlie.org_id: Quota(0, 2)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody", "--bytes-per-day", "1"),
        ("acme", "--bytes-per-day", "-1"),
        ("acme", "--records-per-second", str(2**70)),
        ("acme", "--default", "--bytes-per-day", "1"),
    ],
)
def test_what_cannot_be_set_is_refused(alice: Person, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        command(*arguments)
    assert load_quotas() == {}
