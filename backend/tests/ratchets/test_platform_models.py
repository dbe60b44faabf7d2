"""What every model and every query of ours keeps to, so that one set of them serves both databases
and no tenant is ever asked for without a scope. See mongodb.md and the rules of the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from app.core.fields import UUIDAutoField, UUIDModel
from app.core.tenancy import TenantManager, TenantModel, UnscopedManager

APP = Path(__file__).resolve().parents[2] / "app"
OWN = [model for model in apps.get_models() if model.__module__.startswith("app.")]
# Django names this primary key itself: a session is found by its key.
NOT_OURS = {"sessions.Session"}

# What Django has and MongoDB lacks, does wrongly, or silently leaves out.
BANNED_CALLS = {
    "select_for_update": "a no-op on MongoDB: use a compare-and-set",
    "raw": "there is no SQL on MongoDB",
    "extra": "there is no SQL on MongoDB",
    "RawSQL": "there is no SQL on MongoDB",
    "RunSQL": "there is no SQL on MongoDB",
    "on_commit": "use app.core.db.after_commit",
    "GeneratedField": "not on MongoDB",
    "CompositePrimaryKey": "not on MongoDB",
    "ManyToManyField": "name the model between the two",
    "Window": "not on MongoDB",
}
BANNED_ARGUMENTS = {
    "db_default",
    "db_collation",
    "nulls_distinct",
    "deferrable",
    "ignore_conflicts",
}
# Who may look past the scope: the base of it, validation and the admin.
MAY_USE_UNSCOPED = {"core/tenancy.py"}


def sources() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(APP.rglob("*.py")):
        yield str(path.relative_to(APP)), ast.parse(path.read_text(encoding="utf-8"))


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


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


def test_relations_of_many_to_many_have_a_model_of_their_own() -> None:
    for model in OWN:
        assert model._meta.local_many_to_many == [], model


def test_nothing_is_used_that_only_one_of_the_databases_has() -> None:
    wrong = [
        f"{path}:{node.lineno} {name_of(node)}: {BANNED_CALLS[name_of(node)]}"
        for path, tree in sources()
        if path != "core/db.py" and not path.startswith("journal/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node) in BANNED_CALLS
    ]
    wrong += [
        f"{path}:{node.value.lineno} {node.arg}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in BANNED_ARGUMENTS
    ]
    assert wrong == []


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


def test_a_save_names_its_columns() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if not path.startswith("cli/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "save"
        and not {"update_fields", "using"} & {argument.arg for argument in node.keywords}
        and not (isinstance(node.func.value, ast.Call) and name_of(node.func.value) == "super")
    ]
    assert wrong == []


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
