"""Transactions and tenancy, on the real database."""

from __future__ import annotations

import os
import threading
import time

import pytest
from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, connections

from app.audit.models import AuditEntry
from app.audit.services import record
from app.core import db
from app.core.db import (
    after_commit,
    atomic,
    database_kind,
    is_transient,
    ping_database,
    run_atomic,
    snapshot,
)
from app.core.errors import Broken
from app.core.ids import uuid7
from app.core.request_context import RequestContext, answering
from app.streams.models import Stream
from app.users.models import ApiKey, Membership, Organisation
from tests.conftest import Person


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_failed_transaction_is_kept() -> None:
    followed: list[str] = []

    def work() -> None:
        Organisation.objects.create(name="x", slug="x")
        after_commit(lambda: followed.append("x"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_atomic(work)
    assert Organisation.objects.count() == 0
    with atomic():
        Organisation.objects.create(name="y", slug="y")
        after_commit(lambda: followed.append("y"))
        assert followed == []
    assert followed == ["y"]
    assert Organisation.objects.get().slug == "y"


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_lose_nothing() -> None:
    organisation = Organisation.objects.create(name="0", slug="counter")

    def work() -> None:
        row = Organisation.objects.get(pk=organisation.pk)
        Organisation.objects.filter(pk=row.pk).update(name=str(int(row.name) + 1))

    def add_ten() -> None:
        try:
            for _ in range(10):
                run_atomic(work)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Organisation.objects.get(pk=organisation.pk).name == "40"


@pytest.mark.django_db(transaction=True)
def test_who_reads_everything_of_one_moment_holds_up_no_writer() -> None:
    Organisation.objects.create(name="1", slug="one")
    written: list[str] = []

    def write() -> None:
        try:
            written.append(Organisation.objects.create(name="2", slug="two").slug)
        finally:
            connections.close_all()

    with snapshot(DEFAULT_DB_ALIAS):
        assert Organisation.objects.count() == 1
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert written == ["two"]
        assert Organisation.objects.count() == 1
    assert Organisation.objects.count() == 2
    Organisation.objects.create(name="3", slug="three")


def test_another_writer_in_the_way_is_worth_another_try() -> None:
    assert is_transient(OperationalError("database is locked"))
    assert not is_transient(OperationalError("disk I/O error"))


@pytest.mark.django_db(transaction=True)
def test_what_will_never_work_is_tried_once() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        raise OperationalError("disk I/O error")

    with pytest.raises(OperationalError):
        run_atomic(work)
    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_who_has_waited_long_for_another_writer_does_not_wait_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(db, "_PATIENCE_SECONDS", 0.1)
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        # As SQLite does, for its own time limit.
        time.sleep(0.06)
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        run_atomic(work)
    assert len(tries) <= 2


@pytest.mark.django_db(transaction=True)
def test_the_database_can_be_asked_whether_it_is_there() -> None:
    ping_database()
    assert database_kind() == ("mongodb" if os.environ.get("MONGO_HOST") else "sqlite")


@pytest.mark.parametrize("model", [Stream, ApiKey, Membership, AuditEntry])
def test_nothing_of_a_tenant_is_found_without_a_scope(model: type[Stream]) -> None:
    for ask in (
        model.objects.all,
        lambda: model.objects.filter(pk=uuid7()),
        lambda: model.objects.get(pk=uuid7()),
        model.objects.count,
        model.objects.create,
        lambda: list(model.objects.values()),
    ):
        with pytest.raises(Broken, match="without a scope"):
            ask()


def test_a_scope_finds_its_own_rows_only(alice: Person, charlie: Person) -> None:
    own = Stream.objects.for_scope(alice.scope)
    assert [row.organisation_id for row in own] == [alice.org_id]
    other = Stream.objects.for_scope(charlie.scope).get()
    assert not own.filter(pk=other.pk).exists()
    made = Stream.objects.create_for(charlie.scope, name="mine")
    assert made.organisation_id == charlie.org_id


def test_a_stream_has_its_name_once_in_each_organisation(alice: Person, charlie: Person) -> None:
    Stream.objects.create_for(alice.scope, name="nginx")
    Stream.objects.create_for(charlie.scope, name="nginx")
    with pytest.raises(IntegrityError), atomic():
        Stream.objects.create_for(alice.scope, name="nginx")


def test_what_was_audited_stays_as_it_was(alice: Person) -> None:
    with answering(RequestContext("r-9", "192.0.2.9")):
        record(
            alice.scope,
            action="thing_changed",
            subject=("thing", alice.user_id),
            before={"a": 1},
            after={"a": 2},
        )
    entry = AuditEntry.objects.for_scope(alice.scope).filter(action="thing_changed").get()
    assert (entry.before, entry.after) == ({"a": 1}, {"a": 2})
    assert (entry.request_id, entry.address) == ("r-9", "192.0.2.9")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(alice.user_id))
    with pytest.raises(Broken):
        entry.save()
    with pytest.raises(Broken):
        entry.delete()


def test_an_organisation_takes_everything_along_when_it_goes(alice: Person) -> None:
    Organisation.objects.get(pk=alice.org_id).delete()
    for model in (Stream, Membership, AuditEntry):
        assert not model.objects.for_scope(alice.scope).exists()
