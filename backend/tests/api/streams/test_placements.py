"""What the config database says about where records belong, and who may change it when."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import QuerySet
from pytest_django import Settings

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import Broken, Conflict, Invalid, Unavailable
from app.core.ids import OrgId
from app.core.scope import system_scope
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.partitions import Home, expires_ns, period_bounds, period_of
from app.logstore.places import LEAD_NS, OWN, Assignment, Emptied, Hidden, Places
from app.logstore.types import RETENTION_CLASSES, Position
from app.streams.engine import placing
from app.streams.known_places import Known, known_places
from app.streams.selectors import (
    TO_OWN,
    assignments_of,
    everybodys_hidden,
    everybodys_places,
    list_moves,
)
from app.streams.services import (
    advance_move,
    begin_move,
    forget_expired_moves,
    next_period_ns,
    place,
)
from app.streams.tasks import place_records
from tests.conformance.cast import ACME
from tests.conformance.records import JOURNAL, NOON_NS, a_record
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)

NEXT_NS = next_period_ns(30, NOON_NS)
OWN_FROM_NEXT = Assignment(30, NEXT_NS, OWN)
HOME = Home(30, "pool0", period_of(30, NOON_NS))


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now_ns(self) -> int:
        return NOON_NS

    def monotonic(self) -> float:
        return self.seconds


def test_who_said_something_about_a_period_first_is_right(alice: Person, charlie: Person) -> None:
    assert place(alice.scope, OWN_FROM_NEXT, reason="operator", now_ns=NOON_NS)
    bucket = OWN_FROM_NEXT._replace(pool="pool1")
    assert not place(alice.scope, bucket, reason="size", now_ns=NOON_NS)
    assert assignments_of(alice.scope) == (OWN_FROM_NEXT,)
    assert assignments_of(charlie.scope) == ()
    assert everybodys_places() == {alice.org_id: Places((OWN_FROM_NEXT,))}


def test_nothing_is_said_about_a_period_that_begins_too_soon(alice: Person) -> None:
    for now_ns in (NEXT_NS - LEAD_NS, NEXT_NS, NEXT_NS + 1):
        with pytest.raises(Conflict):
            place(alice.scope, OWN_FROM_NEXT, reason="operator", now_ns=now_ns)
    assert next_period_ns(30, NEXT_NS - LEAD_NS) == period_bounds(period_of(30, NEXT_NS))[1]
    assert place(alice.scope, OWN_FROM_NEXT, reason="operator", now_ns=NEXT_NS - LEAD_NS - 1)


@pytest.mark.parametrize(
    "assignment",
    [
        OWN_FROM_NEXT._replace(retention_class=31),
        OWN_FROM_NEXT._replace(pool="elsewhere"),
        OWN_FROM_NEXT._replace(pool="pool"),
        OWN_FROM_NEXT._replace(pool="5"),
        OWN_FROM_NEXT._replace(pool="pool07"),
        OWN_FROM_NEXT._replace(pool="pool\u0663"),
        OWN_FROM_NEXT._replace(pool=f"pool{'1' * 40}"),
        OWN_FROM_NEXT._replace(from_ns=NEXT_NS + 1),
    ],
)
def test_what_cannot_be_is_refused(alice: Person, assignment: Assignment) -> None:
    with pytest.raises(Invalid):
        place(alice.scope, assignment, reason="operator", now_ns=NOON_NS)


def test_a_writer_goes_on_with_what_it_knows_for_a_while(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    known = Known(everybodys_places, Places(), fresh_seconds=30, held_seconds=600, clock=clock)
    assert known(alice.org_id) == Places()
    place(alice.scope, OWN_FROM_NEXT, reason="operator", now_ns=NOON_NS)
    assert known(alice.org_id) == Places()
    clock.seconds += 30
    assert known(alice.org_id) == Places((OWN_FROM_NEXT,))

    def broken(*_arguments: object, **_named: object) -> None:
        raise OperationalError("no")

    with monkeypatch.context() as patched:
        patched.setattr(QuerySet, "__iter__", broken)
        clock.seconds += 600
        assert known(alice.org_id) == Places((OWN_FROM_NEXT,))
        clock.seconds += 1
        with pytest.raises(Unavailable):
            known(alice.org_id)
    clock.seconds += 1
    assert known(alice.org_id) == Places((OWN_FROM_NEXT,))


def test_a_database_that_hangs_is_not_waited_for_by_one_after_the_other() -> None:
    clock = Hands()
    asked: list[float] = []

    def load() -> dict[OrgId, Places]:
        asked.append(clock.seconds)
        if len(asked) > 1:
            clock.seconds += 3
            raise OperationalError("timed out")
        return {}

    known = Known(load, Places(), fresh_seconds=5, held_seconds=20, clock=clock)
    assert known(ACME) == Places()
    clock.seconds += 5
    for _ in range(3):
        assert known(ACME) == Places()
    assert len(asked) == 2
    clock.seconds += 1
    assert known(ACME) == Places()
    assert len(asked) == 3


def test_what_a_writer_holds_must_not_outlast_the_lead_of_decisions() -> None:
    with pytest.raises(Broken):
        known_places(held_seconds=1_801)


def test_a_move_hides_copies_and_then_originals(alice: Person, charlie: Person) -> None:
    move = begin_move(alice.scope, TO_OWN, HOME)
    assert begin_move(alice.scope, TO_OWN, HOME) == move
    assert everybodys_hidden() == {alice.org_id: Hidden(marks=(move.mark,))}
    assert everybodys_places() == {alice.org_id: Places(moved=frozenset([HOME]))}
    emptying = advance_move(
        alice.scope, TO_OWN, replace(move, records=3, through=7, digest="d"), to="emptying"
    )
    assert everybodys_hidden() == {alice.org_id: Hidden(emptied=(Emptied(HOME, 7),))}
    assert list_moves(alice.scope, TO_OWN) == [emptying]
    done = advance_move(alice.scope, TO_OWN, emptying, to="done")
    assert everybodys_hidden() == {}
    assert everybodys_places() == {alice.org_id: Places(moved=frozenset([HOME]))}
    again = begin_move(alice.scope, TO_OWN, HOME)
    assert again.mark != done.mark
    assert list_moves(charlie.scope, TO_OWN) == []


def test_of_two_that_move_the_same_one_is_told(alice: Person) -> None:
    move = begin_move(alice.scope, TO_OWN, HOME)
    advance_move(alice.scope, TO_OWN, move, to="emptying")
    with pytest.raises(Conflict):
        advance_move(alice.scope, TO_OWN, move, to="emptying")


def test_a_move_between_stores_hides_nothing(alice: Person) -> None:
    begin_move(alice.scope, "embedded>elastic", HOME)
    assert everybodys_hidden() == {}
    assert everybodys_places() == {}


def test_moves_are_forgotten_with_their_partitions(alice: Person) -> None:
    scope = system_scope(alice.org_id, "test")
    begin_move(scope, TO_OWN, HOME)
    assert forget_expired_moves(scope, now_ns=expires_ns(HOME) - 1) == 0
    assert forget_expired_moves(scope, now_ns=expires_ns(HOME)) == 1
    assert list_moves(scope, TO_OWN) == []


def said(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("place_logs", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_operator_says_where_records_go_and_sees_it(alice: Person, charlie: Person) -> None:
    assert said(alice.slug) == []
    (line,) = said(alice.slug, "--pool", "own", "--days", "30")
    assert line.startswith("30 days: own from 20")
    assert len(said(alice.slug, "--pool", "pool2", "--days", "7")) == 2
    assert said(charlie.slug) == []
    assert {one.pool for one in assignments_of(alice.scope)} == {"own", "pool2"}
    assert len(said(charlie.slug, "--pool", "own")) == len(RETENTION_CLASSES)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody"], "there is no organisation 'nobody'"),
        (["acme", "--pool", "mine"], "'mine' is no pool"),
        (["acme", "--pool", "own", "--days", "30"], "was said already"),
    ],
)
def test_what_the_operator_cannot_say_is_refused(
    alice: Person, arguments: list[str], why: str
) -> None:
    said(alice.slug, "--pool", "pool1", "--days", "30")
    with pytest.raises(CommandError, match=why):
        said(*(alice.slug if one == "acme" else one for one in arguments))


def test_what_was_said_of_one_class_is_named_and_does_not_hinder_the_others(alice: Person) -> None:
    said(alice.slug, "--pool", "pool1", "--days", str(RETENTION_CLASSES[1]))
    with pytest.raises(CommandError, match=f"of {RETENTION_CLASSES[1]} days .* was said already"):
        said(alice.slug, "--pool", "own")
    pools = {one.retention_class: one.pool for one in assignments_of(alice.scope)}
    assert pools.pop(RETENTION_CLASSES[1]) == "pool1"
    assert len(pools) == len(RETENTION_CLASSES) - 1
    assert set(pools.values()) == {"own"}


def test_the_job_places_and_forgets_when_it_is_due(
    alice: Person, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "OWN_LEAST_RECORDS", 20)
    settings.LOG_STORE, settings.LOG_STORE_LOCATION = "embedded", tmp_path
    writer = EmbeddedWriter(tmp_path)
    now_ns = SYSTEM_CLOCK.now_ns()
    records = [a_record(f"{i}", org_id=alice.org_id, received=now_ns - i) for i in range(40)]
    writer.append(records, position=Position(JOURNAL, 1))
    writer.close()
    begin_move(alice.scope, TO_OWN, Home(3, "pool0", "2020-01-01"))
    place_records()
    assert {one.pool for one in assignments_of(alice.scope)} == {"own"}
    assert list_moves(alice.scope, TO_OWN) == []
    # Not again within the quarter of an hour, whoever asks.
    begin_move(alice.scope, TO_OWN, Home(3, "pool0", "2020-01-01"))
    place_records()
    assert len(list_moves(alice.scope, TO_OWN)) == 1
