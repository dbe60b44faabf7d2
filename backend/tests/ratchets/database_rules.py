"""What code and models keep to, so that one set of them serves SQLite and MongoDB.

Each rule is something that Django has and MongoDB lacks, does wrongly, or silently leaves out. What
ruff can see by itself (imports) is in pyproject.toml.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.db.models.constraints import BaseConstraint
from django.db.models.lookups import IsNull

BANNED_CALLS = {
    "select_for_update": "a no-op on MongoDB: use a compare-and-set",
    "select_related": "joins every row before the first is chosen: prefetch, or fetch by ids",
    "raw": "there is no SQL on MongoDB",
    "extra": "there is no SQL on MongoDB",
    "RawSQL": "there is no SQL on MongoDB",
    "RunSQL": "there is no SQL on MongoDB",
    "cursor": "there is no SQL on MongoDB",
    "on_commit": "use app.core.db.after_commit",
    "GeneratedField": "not on MongoDB",
    "CompositePrimaryKey": "not on MongoDB",
    "CheckConstraint": "not enforced on MongoDB: check the value before it is saved",
    "ManyToManyField": "cannot be prefetched on MongoDB: name the model between the two",
    "Window": "not on MongoDB",
    "activate": "days are those of UTC on MongoDB: use ranges of instants",
}
BANNED_ARGUMENTS = {
    "db_default": "not on MongoDB",
    "db_collation": "not on MongoDB: keep a lower-cased column",
    "nulls_distinct": "not on MongoDB",
    "deferrable": "not on MongoDB",
    "ignore_conflicts": "not on MongoDB: get_or_create in a loop",
    "update_conflicts": "not on MongoDB: update_or_create in a loop",
}
# Work that takes long or reaches out: a transaction with it inside cannot be short or repeated.
REACHING_OUT = {"delay", "apply_async", "sleep", "urlopen", "request"}
CLIENTS = {"httpx", "requests", "smtplib"}
INTEGRITY = {"IntegrityError", "DatabaseError"}
FILTERS = {"filter", "exclude", "get", "get_or_create", "update_or_create"}
LOOKUPS = {
    *("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith"),
    *("iendswith", "in", "gt", "gte", "lt", "lte", "range", "isnull", "date", "year", "hour"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a rule is broken, and what it says."""

    line: int
    rule: str


def faults_of_source(text: str) -> list[Fault]:
    """Every rule that a module breaks."""
    tree = ast.parse(text)
    found = [fault for node in ast.walk(tree) for fault in _of_node(node)]
    for body in _transactions(tree):
        found.extend(fault for part in body for fault in _in_transaction(part))
    return sorted(set(found), key=lambda fault: (fault.line, fault.rule))


def _of_node(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.keyword) and node.arg in BANNED_ARGUMENTS:
        yield Fault(node.value.lineno, f"{node.arg}: {BANNED_ARGUMENTS[node.arg]}")
    if not isinstance(node, ast.Call):
        return
    name = _name(node)
    if name in BANNED_CALLS:
        yield Fault(node.lineno, f"{name}: {BANNED_CALLS[name]}")
    if name == "save" and _is_whole_save(node):
        yield Fault(node.lineno, "save: names its update_fields")
    if name in FILTERS and any(
        part.arg is None and not isinstance(part.value, ast.Name) for part in node.keywords
    ):
        yield Fault(node.lineno, f"{name}: its columns are written out, never a client's")
    if name in {"update", "delete"} and (joined := _joined_columns(node)):
        yield Fault(node.lineno, f"{name}: not across a join ({', '.join(joined)}): ids first")


def _is_whole_save(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.args:
        return False
    owner = call.func.value
    if isinstance(owner, ast.Call) and _name(owner) == "super":
        return False
    return not {"update_fields", "using"} & {part.arg for part in call.keywords}


def _joined_columns(call: ast.Call) -> list[str]:
    """Columns of other tables in the filters of the chain that ends in this call."""
    found = []
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    while isinstance(owner, ast.Call):
        if _name(owner) in FILTERS:
            found += [part.arg for part in owner.keywords if part.arg and _is_joined(part.arg)]
        owner = owner.func.value if isinstance(owner.func, ast.Attribute) else None
    return found


def _is_joined(column: str) -> bool:
    parts = column.split("__")
    while len(parts) > 1 and parts[-1] in LOOKUPS:
        parts.pop()
    return len(parts) > 1


def _transactions(tree: ast.AST) -> Iterator[list[ast.stmt] | list[ast.expr]]:
    """What runs inside `with atomic()`, and the functions that are given to `run_atomic`."""
    functions = {
        node.name: node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            isinstance(item.context_expr, ast.Call) and _name(item.context_expr) == "atomic"
            for item in node.items
        ):
            yield node.body
        if isinstance(node, ast.Call) and _name(node) == "run_atomic":
            for given in node.args:
                if isinstance(given, ast.Lambda):
                    yield [given.body]
                elif isinstance(given, ast.Name) and given.id in functions:
                    yield functions[given.id]


def _in_transaction(part: ast.AST) -> Iterator[Fault]:
    for node in ast.walk(part):
        if isinstance(node, ast.ExceptHandler) and INTEGRITY & _names_in(node.type):
            yield Fault(node.lineno, "atomic: an IntegrityError ends it, and is caught outside")
        if isinstance(node, ast.Call) and (
            _name(node) in REACHING_OUT or CLIENTS & _names_in(node.func)
        ):
            yield Fault(node.lineno, f"atomic: no {_name(node)} inside, it is short: after_commit")


def _names_in(node: ast.AST | None) -> set[str]:
    names = ast.walk(node) if node is not None else ()
    return {name.id for name in names if isinstance(name, ast.Name)}


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def faults_of_model(model: type[models.Model]) -> list[str]:
    """Every rule that a model's own declarations break."""
    options = model._meta
    found = [f"index {index.name}: of columns only" for index in options.indexes if _odd(index)]
    for constraint in options.constraints:
        found.extend(_of_constraint(constraint))
    found += [f"{column.name}: many to many" for column in options.local_many_to_many]
    if options.pk.column != "_id" or not isinstance(options.pk, models.UUIDField):
        found.append(f"{options.pk.name}: keys are UUIDs in the column _id")
    return found


def _odd(index: models.Index) -> bool:
    return bool(index.expressions or index.condition or index.include or index.opclasses)


def _of_constraint(constraint: BaseConstraint) -> Iterator[str]:
    if not isinstance(constraint, models.UniqueConstraint):
        yield f"constraint {constraint.name}: MongoDB does not enforce it"
        return
    if constraint.expressions:
        yield f"constraint {constraint.name}: of columns only"
    if constraint.condition is not None and not _is_usable(constraint.condition):
        yield f"constraint {constraint.name}: its condition is not one of MongoDB's partial indexes"


def _is_usable(condition: models.Q) -> bool:
    """Without NOT and NULL: those cannot stand in a partial index."""
    if condition.negated:
        return False
    return all(
        _is_usable(part)
        if isinstance(part, models.Q)
        else part[0].rpartition("__")[2] != IsNull.lookup_name and part[1] is not None
        for part in condition.children
    )
