"""What every model and every query of ours keeps to, so that one set of them serves both databases
and no tenant is ever asked for without a scope. See mongodb.md and the rules of the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import models

from app.core.fields import UUIDAutoField, UUIDModel
from app.core.tenancy import TenantManager, TenantModel, UnscopedManager
from tests.ratchets.database_rules import faults_of_model, faults_of_source

BACKEND = Path(__file__).resolve().parents[2]
APP = BACKEND / "app"
OWN = [model for model in apps.get_models() if model.__module__.startswith("app.")]
# Django names this primary key itself: a session is found by its key.
NOT_OURS = {"sessions.Session"}

# The one file that stands between all others and a database's own ways.
MAY_SPEAK_TO_A_DATABASE = "app/core/db.py"
# LMDB has cursors too.
NO_CONFIG_DATABASE = "app/journal/"
# The groups and permissions of Django's own accounts.
DJANGOS_OWN = ("third_party_migrations/auth/0001_initial.py", "ManyToManyField")
# Who may look past the scope: the base of it, validation and the admin.
MAY_USE_UNSCOPED = {"core/tenancy.py"}


def sources() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(APP.rglob("*.py")):
        yield str(path.relative_to(APP)), ast.parse(path.read_text(encoding="utf-8"))


def test_there_are_models_to_look_at() -> None:
    assert len(OWN) >= 7


def test_every_primary_key_is_a_uuid_in_the_column_of_mongodb() -> None:
    for model in apps.get_models():
        if model._meta.label in NOT_OURS:
            continue
        key = model._meta.pk
        assert key.column == "_id", model
        assert isinstance(key, UUIDAutoField if model not in OWN else models.UUIDField), model
    assert all(issubclass(model, UUIDModel) for model in OWN)


def test_a_model_of_an_organisation_is_a_tenant_model() -> None:
    for model in OWN:
        fields = {field.name for field in model._meta.get_fields()}
        assert ("organisation" in fields) == issubclass(model, TenantModel), model


def test_a_tenant_model_hides_its_rows_and_leaves_django_a_plain_manager() -> None:
    for model in OWN:
        if issubclass(model, TenantModel):
            assert isinstance(model.objects, TenantManager), model
            assert type(model._default_manager) is UnscopedManager, model
            assert type(model._base_manager) is UnscopedManager, model


def test_uniqueness_is_per_organisation_unless_nobody_can_guess_the_value() -> None:
    unguessable = {"users.ApiKey.key_hash"}
    for model in OWN:
        if not issubclass(model, TenantModel):
            continue
        for field in model._meta.local_fields:
            is_open = field.unique and not field.primary_key
            assert not is_open or f"{model._meta.label}.{field.name}" in unguessable
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                assert constraint.fields[0] == "organisation", constraint


def test_nothing_is_declared_that_only_one_of_the_databases_has() -> None:
    assert {model._meta.label: faults for model in OWN if (faults := faults_of_model(model))} == {}


def test_nothing_is_used_that_only_one_of_the_databases_has() -> None:
    looked_at = {
        str(path.relative_to(BACKEND)): path
        for package in ("app", "config", "third_party_migrations")
        for path in (BACKEND / package).rglob("*.py")
    }
    assert len(looked_at) > 100
    wrong = [
        f"{name}:{fault.line} {fault.rule}"
        for name, path in sorted(looked_at.items())
        for fault in faults_of_source(path.read_text(encoding="utf-8"))
        if name != MAY_SPEAK_TO_A_DATABASE
        and not name.startswith(NO_CONFIG_DATABASE)
        and (name, fault.rule.partition(":")[0]) != DJANGOS_OWN
    ]
    assert wrong == []


def test_days_are_those_of_utc_and_nothing_shared_is_kept_in_tables() -> None:
    assert (settings.TIME_ZONE, settings.USE_TZ) == ("UTC", True)
    for cache in settings.CACHES.values():
        assert "DatabaseCache" not in cache["BACKEND"]


def test_nobody_looks_past_the_scope() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if path not in MAY_USE_UNSCOPED
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"unscoped", "_default_manager", "_base_manager"}
    ]
    assert wrong == []


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
