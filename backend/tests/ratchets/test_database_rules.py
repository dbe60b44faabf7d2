"""Each rule about databases objects to what it is there for, and to nothing beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.test.utils import isolate_apps

from app.core.ids import uuid7
from tests.ratchets.database_rules import (
    BANNED_ARGUMENTS,
    BANNED_CALLS,
    faults_of_model,
    faults_of_source,
)

BACKEND = Path(__file__).resolve().parents[2]
RUFF = Path(sys.executable).with_name("ruff")

WRONG = [
    *((f"rows.{name}()", name) for name in BANNED_CALLS),
    *((f"{name}()", name) for name in BANNED_CALLS),
    *((f"thing({name}=True)", name) for name in BANNED_ARGUMENTS),
    ("row.save()", "save"),
    ("rows.filter(**request.data)", "filter"),
    ("rows.get(**dict(body))", "get"),
    ("rows.exclude(**serializer.validated_data)", "exclude"),
    ("rows.filter(rule__state=1).delete()", "delete"),
    ("rows.filter(organisation__slug__in=[1]).update(a=1)", "update"),
    ("rows.filter(a=1).filter(user__id=1).order_by('a').update(a=1)", "update"),
    ("with atomic():\n try: make()\n except IntegrityError: pass", "atomic"),
    (
        "with atomic():\n try: make()\n except (KeyError, db.DatabaseError, IntegrityError): pass",
        "atomic",
    ),
    ("def work():\n try: make()\n except IntegrityError: pass\nrun_atomic(work)", "atomic"),
    ("with atomic():\n send_mail.delay(1)", "atomic"),
    ("with db.atomic():\n httpx.post(url)", "atomic"),
    ("def work():\n  time.sleep(1)\nx = run_atomic(work)", "atomic"),
    ("run_atomic(lambda: task.apply_async())", "atomic"),
]
RIGHT = [
    "row.save(update_fields=['a'])",
    "super().save(*args)",
    "rows.filter(pk__in=[1], expires_at__lt=now).delete()",
    "rows.filter(rule__state=1).first()",
    "rows.filter(**columns)",
    "try:\n with atomic(): make()\nexcept IntegrityError: pass",
    "try:\n run_atomic(work)\nexcept IntegrityError: pass",
    "with atomic():\n after_commit(lambda: 1)",
    "httpx.get(url)",
]
IMPORTS = [
    "from django.db.transaction import atomic",
    "from django.db import transaction",
    "from django.db import connection",
    "from django.db.models import ManyToManyField",
    "from django.utils.timezone import now",
    "from django.utils import timezone; timezone.activate(zone)",
    "from datetime import datetime; datetime.now()",
]


@pytest.mark.parametrize(("text", "rule"), WRONG)
def test_what_is_wrong_is_named(text: str, rule: str) -> None:
    assert rule in [fault.rule.partition(":")[0] for fault in faults_of_source(text)]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert faults_of_source(text) == []


@pytest.mark.parametrize("line", IMPORTS)
def test_a_banned_import_is_refused_by_ruff(line: str) -> None:
    done = subprocess.run(
        [RUFF, "check", "--no-cache", "--select=TID251", "--stdin-filename=app/x.py", "-"],
        cwd=BACKEND,
        input=f"{line}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "TID251" in done.stdout


class Named(models.Model):
    """A key as it has to be; everything else is each test's own."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_column="_id")
    name = models.CharField(max_length=9)

    class Meta:
        abstract = True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"indexes": [models.Index(Lower("name"), name="i")]}, "index i"),
        ({"indexes": [models.Index(fields=["name"], name="i", include=["id"])]}, "index i"),
        (
            {"indexes": [models.Index(fields=["name"], name="i", condition=Q(name="a"))]},
            "index i",
        ),
        (
            {"constraints": [models.CheckConstraint(condition=Q(name="a"), name="c")]},
            "constraint c: MongoDB does not enforce it",
        ),
        ({"constraints": [models.UniqueConstraint(Lower("name"), name="c")]}, "constraint c: of"),
        *(
            (
                {
                    "constraints": [
                        models.UniqueConstraint(fields=["name"], name="c", condition=condition)
                    ]
                },
                "constraint c: its condition",
            )
            for condition in (
                Q(name__isnull=False),
                ~Q(name="a"),
                Q(name=None),
                Q(name="a") & ~Q(name="b"),
            )
        ),
    ],
)
@isolate_apps("app.users")
def test_a_model_is_told_what_mongodb_lacks(options: dict[str, Any], said: str) -> None:
    meta = type("Meta", (), {"app_label": "users", **options})
    thing = type("Thing", (Named,), {"__module__": __name__, "Meta": meta})
    faults = faults_of_model(thing)
    assert len(faults) == 1
    assert faults[0].startswith(said)


@isolate_apps("app.users")
def test_a_key_that_is_none_of_mongodb_is_told() -> None:
    class Numbered(models.Model):
        id = models.BigAutoField(primary_key=True)

        class Meta:
            app_label = "users"

    class Elsewhere(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid7)

        class Meta:
            app_label = "users"

    for model in (Numbered, Elsewhere):
        assert faults_of_model(model) == ["id: keys are UUIDs in the column _id"]


@isolate_apps("app.users")
def test_a_model_as_it_should_be_is_left_alone() -> None:
    class Fine(Named):
        class Meta:
            app_label = "users"
            indexes = (models.Index(fields=["name", "id"], name="i"),)
            constraints = (
                models.UniqueConstraint(fields=["name"], name="c", condition=Q(name__in=["a"])),
            )

    assert faults_of_model(Fine) == []
