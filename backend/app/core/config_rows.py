"""The config database as lines of JSON, which are the same whatever database holds it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import ForeignKey, Model

from app.core.errors import Invalid
from app.core.tenancy import every_row

# Whoever was signed in to the admin signs in again.
_LEFT_OUT = {"sessions.session"}
# Good for days, and spent or revoked with every use.
_SIGNED_IN = "users.refreshtoken"
# Every migrated database has rows of these: it counts as empty all the same.
_MADE_BY_MIGRATE = {"contenttypes.contenttype", "auth.permission"}
_ROWS_AT_ONCE = 500
_DIGEST_BYTES = 32


@dataclass(slots=True)
class Summary:
    """How many rows of each model there are, and a digest of all their values."""

    counts: dict[str, int] = field(default_factory=dict)
    digest: str = ""


class Tally:
    """Sums lines up as they pass."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._counts: dict[str, int] = {}

    def add(self, label: str, line: bytes) -> None:
        self._hash.update(line)
        self._hash.update(b"\n")
        self._counts[label] = self._counts.get(label, 0) + 1

    def summary(self) -> Summary:
        return Summary(dict(sorted(self._counts.items())), self._hash.hexdigest())


def lines_of(using: str) -> Iterator[tuple[str, bytes]]:
    """Every row as (its model, its line), models by name and rows by key.

    Times are cut to milliseconds, which is what every database keeps.
    """
    for model in _models():
        label = model._meta.label_lower
        for row in every_row(model, using=using).order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE):
            values = {
                column.attname: column.value_from_object(row)
                for column in model._meta.local_concrete_fields
            }
            yield label, encode({"model": label, "row": values})


def summary_of(using: str) -> Summary:
    """What a database holds."""
    tally = Tally()
    for label, line in lines_of(using):
        tally.add(label, line)
    return tally.summary()


def is_empty(using: str) -> bool:
    """Whether nothing but what migrating makes is there."""
    return not any(
        every_row(model, using=using).exists()
        for model in _models()
        if model._meta.label_lower not in _MADE_BY_MIGRATE
    )


def tables() -> list[str]:
    """Where rows are kept, also those of sessions."""
    return sorted(model._meta.db_table for model in _every_model())


def delete_rows(using: str) -> None:
    """Deletes everything, also sessions: they may be of people who are not there any more."""
    for model in _every_model():
        every_row(model, using=using)._raw_delete(using)


def end_sessions(using: str) -> None:
    """Whoever was signed in signs in again: of what was ended later the rows know nothing."""
    every_row(apps.get_model(_SIGNED_IN), using=using)._raw_delete(using)


class References:
    """Which rows the rows that pass by name, and whether those pass too."""

    def __init__(self) -> None:
        self._columns: dict[str, list[tuple[str, str]]] = {}
        for model in _models():
            self._columns[model._meta.label_lower] = [
                (column.attname, column.related_model._meta.label_lower)
                for column in model._meta.local_concrete_fields
                if isinstance(column, ForeignKey) and column.target_field.primary_key
            ]
        self._keys = {model._meta.label_lower: model._meta.pk.attname for model in _models()}
        self._targets = {target for columns in self._columns.values() for _, target in columns}
        self._there: dict[str, set[Any]] = {label: set() for label in self._targets}
        self._named: dict[tuple[str, str, str], set[Any]] = {}

    def add(self, label: str, values: Mapping[str, Any]) -> None:
        if label in self._targets:
            self._there[label].add(values.get(self._keys[label]))
        for name, target in self._columns.get(label, ()):
            value = values.get(name)
            if value is not None:
                self._named.setdefault((label, name, target), set()).add(value)

    def missing(self) -> list[str]:
        """A sentence about each column whose rows name some that are not there."""
        return [
            f"{label}.{name} names {len(lost)} of {target} that are not there"
            for (label, name, target), named in sorted(self._named.items())
            if (lost := named - self._there[target])
        ]


def insert_rows(entries: Iterable[Mapping[str, Any]], *, using: str) -> None:
    """Writes rows as `lines_of` gave them, which come with the rows of a model in one run."""
    known = {model._meta.label_lower: model for model in _models()}
    run: list[Model] = []
    for entry in entries:
        model = known.get(entry["model"])
        if model is None:
            raise Invalid(f"there is no model {entry['model']!r} here")
        if run and (type(run[0]) is not model or len(run) == _ROWS_AT_ONCE):
            _insert(run, using)
            run = []
        run.append(_row_of(model, entry["row"]))
    _insert(run, using)


def encode(value: Mapping[str, Any]) -> bytes:
    """One line without its end: the same bytes for the same values."""
    return json.dumps(
        value,
        cls=DjangoJSONEncoder,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def _row_of(model: type[Model], values: Mapping[str, Any]) -> Model:
    columns = {column.attname: column for column in model._meta.local_concrete_fields}
    if columns.keys() != values.keys():
        raise Invalid(f"the columns of {model._meta.label_lower!r} are others here")
    try:
        return model(**{name: columns[name].to_python(value) for name, value in values.items()})
    except ValidationError as error:
        raise Invalid(
            f"a row of {model._meta.label_lower!r} cannot be read: {'; '.join(error.messages)}"
        ) from error


def _insert(run: list[Model], using: str) -> None:
    if run:
        every_row(type(run[0]), using=using).bulk_create(run)


def _models() -> list[type[Model]]:
    found = [model for model in _every_model() if model._meta.label_lower not in _LEFT_OUT]
    return sorted(found, key=lambda model: model._meta.label_lower)


def _every_model() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not model._meta.swapped
    ]
