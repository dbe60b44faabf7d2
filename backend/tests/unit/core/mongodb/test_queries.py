"""What clients send stays a value, and look-ups use the index that is there for them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.paginator import Paginator
from django.db import IntegrityError, connections, models
from django.db.models import Count, Max, Q, QuerySet
from django.test.utils import isolate_apps

from app.audit.models import AuditEntry
from app.core.ids import uuid7
from app.streams.models import Stream
from app.users.models import ApiKey, Membership, Organisation, RefreshToken, User
from tests.conftest import Person
from tests.query_plans import faults_of, stages_of

pytestmark = pytest.mark.django_db
connection = connections["default"]


def command_of(rows: QuerySet[Any]) -> dict[str, Any]:
    """What the query sends."""
    compiler = rows.query.get_compiler("default")
    compiler.pre_sql_setup()
    query = rows.query
    narrowed = query.annotations or not query.default_cols or query.distinct
    pipeline = compiler.build_query(compiler.columns if narrowed else None).get_pipeline()
    return {"aggregate": rows.model._meta.db_table, "pipeline": pipeline, "cursor": {}}


def plan_of(rows: QuerySet[Any]) -> tuple[set[str], set[str]]:
    """(the stages, what is wrong with them)."""
    command = command_of(rows)
    return stages_of(connection.database, command), faults_of(connection.database, command)


@pytest.fixture
def audited(alice: Person) -> QuerySet[AuditEntry]:
    for state in ("on", "off"):
        AuditEntry.objects.create_for(alice.scope, action="switched", after={"state": state})
    return AuditEntry.objects.for_scope(alice.scope).filter(action="switched")


def test_case_insensitive_equality_takes_no_regular_expression(db: None) -> None:
    User.objects.create_user("first", "first+tag@example.com", "x")
    for pattern in ("first.*", ".*", "first.tag@example.com", "f|x", "^first"):
        assert not User.objects.filter(email__iexact=pattern).exists(), pattern
    assert User.objects.get(email__iexact="FIRST+tag@example.com").username == "first"


@pytest.mark.parametrize("lookup", ["contains", "icontains", "startswith", "iendswith"])
def test_pieces_of_texts_are_no_regular_expressions(lookup: str) -> None:
    User.objects.create_user("first", "first@example.com", "x")
    assert not User.objects.filter(**{f"email__{lookup}": ".*"}).exists()
    assert User.objects.filter(email__contains="first@").exists()


@pytest.mark.parametrize(
    "value", [{"$ne": "x"}, {"$exists": True}, {"$gt": ""}, {"$in": ["on", "off"]}, {"$regex": ""}]
)
def test_an_object_from_a_client_is_no_operator(
    audited: QuerySet[AuditEntry], value: dict[str, Any]
) -> None:
    assert not audited.filter(after=value).exists()
    assert not audited.filter(after__state=value).exists()
    assert not audited.filter(Q(after__state=value) | Q(after=value)).exists()
    assert audited.exclude(after__state=value).count() == 2
    assert audited.filter(after__state="on").count() == 1
    assert audited.filter(after={"state": "on"}).count() == 1


def test_what_looks_like_an_operator_is_kept_as_it_is(alice: Person) -> None:
    odd = {"$ne": 1, "a.b": {"$where": "1"}, "": [], "$": None}
    entry = AuditEntry.objects.create_for(alice.scope, action="odd", before=odd, after=[])
    entry.refresh_from_db()
    assert (entry.before, entry.after) == (odd, [])
    assert AuditEntry.objects.for_scope(alice.scope).filter(before=odd).exists()


@pytest.mark.parametrize(
    "rows",
    [
        lambda: User.objects.filter(pk=uuid7()),
        lambda: User.objects.filter(login_name="alice"),
        lambda: User.objects.filter(email="alice@example.com"),
        lambda: Organisation.objects.filter(slug="acme"),
        lambda: ApiKey.objects.by_hash("0" * 64),
        lambda: RefreshToken.objects.filter(jti="x"),
        lambda: Session.objects.filter(session_key="x"),
        lambda: Group.objects.filter(name="x"),
    ],
)
def test_a_unique_value_is_looked_up_in_its_index(rows: Any) -> None:
    for asked in (rows(), rows().order_by("pk")[:1], rows().values_list("pk").order_by("pk")[:1]):
        stages, faults = plan_of(asked)
        assert stages & {"IXSCAN", "IDHACK"}, stages
        assert not faults


def test_rows_of_many_ids_are_fetched_by_their_key(alice: Person, bob: Person) -> None:
    ids = list(User.objects.values_list("pk", flat=True))
    for given in (ids, set(ids), tuple(ids)):
        stages, faults = plan_of(User.objects.filter(pk__in=given).order_by())
        assert "IXSCAN" in stages
        assert not faults


@pytest.mark.parametrize("order", [("-id",), ("id",)])
def test_a_list_is_read_in_the_order_of_its_index(alice: Person, order: tuple[str]) -> None:
    rows = AuditEntry.objects.for_scope(alice.scope).order_by(*order)
    for asked in (rows[:20], rows[20:40], rows.values_list("action", flat=True)[:20]):
        stages, faults = plan_of(asked)
        assert "IXSCAN" in stages
        assert not faults


def test_a_list_joins_only_the_rows_that_it_shows(alice: Person) -> None:
    for number in range(200):
        Stream.objects.create_for(alice.scope, name=f"s{number:03}")
    rows = Stream.objects.for_scope(alice.scope).select_related("organisation").order_by("name")
    command = command_of(rows[:5])
    assert [next(iter(stage)) for stage in command["pipeline"]] == [
        "$match",
        "$sort",
        "$lookup",
        "$unwind",
        "$limit",
    ]
    done = connection.database.command("explain", command, verbosity="executionStats")
    join = next(stage for stage in done["stages"] if "$lookup" in stage)
    assert join["totalDocsExamined"] < 20
    assert [row.name for row in rows[3:6]] == ["s002", "s003", "s004"]
    assert rows[0].organisation.slug == alice.slug


def test_an_order_or_a_filter_by_the_joined_row_still_holds(alice: Person, charlie: Person) -> None:
    by_user = Membership.unscoped.select_related("user").order_by("-user__login_name")
    assert [row.user.login_name for row in by_user] == ["charlie", "alice"]
    theirs = Membership.unscoped.select_related("user").filter(user__login_name="alice")
    assert [row.user_id for row in theirs.order_by("id")] == [alice.user_id]
    either = Membership.unscoped.filter(Q(user__login_name="alice") | Q(role="none"))
    assert [row.user_id for row in either.order_by("-id")] == [alice.user_id]
    assert (
        Membership.unscoped.filter(user__login_name="alice")
        .values_list("user__email", flat=True)
        .order_by("id")
        .first()
        == "alice@example.com"
    )


def test_a_prefetch_asks_for_its_rows_alone(alice: Person, charlie: Person) -> None:
    rows = Membership.unscoped.prefetch_related("organisation", "user").order_by("id")
    assert [(row.organisation.slug, row.user.username) for row in rows] == [
        (alice.slug, "alice"),
        (charlie.slug, "charlie"),
    ]


def test_orders_by_what_is_made_in_the_query_hold(alice: Person, charlie: Person) -> None:
    Stream.objects.create_for(charlie.scope, name="more")
    busiest = (
        Stream.unscoped.values("organisation_id").annotate(streams=Count("id")).order_by("-streams")
    )
    assert [row["streams"] for row in busiest] == [2, 1]
    distinct = Stream.unscoped.values_list("name", flat=True).distinct().order_by("-name")
    assert list(distinct) == ["more", "default"]
    names = Stream.unscoped.filter(name="more").union(Stream.unscoped.filter(name="default"))
    assert names.count() == 3


def test_an_aggregate_over_no_rows_is_none() -> None:
    nobody = User.objects.filter(login_name="nobody")
    for rows in (nobody, nobody.distinct(), nobody[:5], nobody.annotate(n=Count("id"))):
        assert rows.aggregate(latest=Max("created_at")) == {"latest": None}


def test_pages_neither_repeat_nor_skip_a_row(alice: Person) -> None:
    for number in range(25):
        Stream.objects.create_for(alice.scope, name=f"s{number:02}")
    rows = Stream.objects.for_scope(alice.scope).exclude(name="default").order_by("name")
    pages = Paginator(rows, 10)
    assert [row.name for page in pages for row in page] == [f"s{n:02}" for n in range(25)]


@isolate_apps("app.users")
def test_a_column_is_added_with_whatever_default_it_has() -> None:
    class Thing(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid7, db_column="_id")

        class Meta:
            app_label = "users"

    with connection.schema_editor() as editor:
        editor.create_model(Thing)
        kept = Thing.objects.create()
        added = {
            "settings": models.JSONField(default=dict),
            "path": models.CharField(max_length=9, default="$_id"),
            "tags": models.JSONField(default=list),
        }
        for name, field in added.items():
            field.contribute_to_class(Thing, name)
            editor.add_field(Thing, field)
    try:
        row = Thing.objects.get(pk=kept.pk)
        assert (row.settings, row.path, row.tags) == ({}, "$_id", [])  # type: ignore[attr-defined]
        assert isinstance(row.pk, UUID)
    finally:
        connection.database.drop_collection("users_thing")


@isolate_apps("app.users")
def test_a_nullable_unique_text_may_be_missing_often_and_is_found_by_index() -> None:
    class Phone(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid7, db_column="_id")
        number = models.CharField(max_length=9, unique=True, null=True)  # noqa: DJ001

        class Meta:
            app_label = "users"

    with connection.schema_editor() as editor:
        editor.create_model(Phone)
    try:
        for number in (None, None, "1", "2"):
            Phone.objects.create(number=number)
        stages, faults = plan_of(Phone.objects.filter(number="2"))
        assert "IXSCAN" in stages
        assert not faults
        with pytest.raises(IntegrityError, match=r"^duplicate key in number$"):
            Phone.objects.create(number="2")
    finally:
        connection.database.drop_collection("users_phone")
