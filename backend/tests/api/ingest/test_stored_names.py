"""Declared names in the config database: per organisation, bounded, there after a restart."""

from __future__ import annotations

import pytest

from app.core.errors import OverLimit
from app.ingest.edge.elastic.declared import Declared, DeclaredLimits, Kind
from app.ingest.edge.stored.names import StoredNames
from app.ingest.models import DeclaredName
from tests.conftest import Person

TEMPLATE = Kind.INDEX_TEMPLATE


@pytest.fixture
def names() -> StoredNames:
    return StoredNames(DeclaredLimits(names=3, total_bytes=100))


def test_what_was_put_is_there_for_another_process(alice: Person, names: StoredNames) -> None:
    names.put(alice.scope, TEMPLATE, Declared("b", '{"n":1}'))
    names.put(alice.scope, TEMPLATE, Declared("a", '{"n":123456789012345678901234567890}'))

    assert StoredNames(DeclaredLimits()).names_of(alice.scope, TEMPLATE) == [
        Declared("a", '{"n":123456789012345678901234567890}'),
        Declared("b", '{"n":1}'),
    ]


def test_the_later_declaration_holds(alice: Person, names: StoredNames) -> None:
    for body in ("{}", '{"n":1}', '{"n":2}'):
        names.put(alice.scope, TEMPLATE, Declared("a", body))

    assert names.names_of(alice.scope, TEMPLATE) == [Declared("a", '{"n":2}')]


def test_kinds_are_apart(alice: Person, names: StoredNames) -> None:
    names.put(alice.scope, TEMPLATE, Declared("a", "{}"))

    assert names.names_of(alice.scope, Kind.TEMPLATE) == []
    assert not names.delete(alice.scope, Kind.TEMPLATE, "a")
    assert names.delete(alice.scope, TEMPLATE, "a")
    assert not names.delete(alice.scope, TEMPLATE, "a")
    assert names.names_of(alice.scope, TEMPLATE) == []


def test_charlie_sees_and_changes_nothing_of_alices(
    alice: Person, charlie: Person, names: StoredNames
) -> None:
    names.put(alice.scope, TEMPLATE, Declared("a", '{"whose":"alice"}'))

    assert names.names_of(charlie.scope, TEMPLATE) == []
    assert not names.delete(charlie.scope, TEMPLATE, "a")
    names.put(charlie.scope, TEMPLATE, Declared("a", '{"whose":"charlie"}'))
    assert names.names_of(alice.scope, TEMPLATE) == [Declared("a", '{"whose":"alice"}')]


def test_an_organisation_may_declare_so_many_names(
    alice: Person, charlie: Person, names: StoredNames
) -> None:
    for name in "abc":
        names.put(alice.scope, TEMPLATE, Declared(name, "{}"))
    with pytest.raises(OverLimit, match="may declare 3 names"):
        names.put(alice.scope, Kind.PIPELINE, Declared("d", "{}"))

    names.put(alice.scope, TEMPLATE, Declared("c", '{"again":1}'))
    names.put(charlie.scope, TEMPLATE, Declared("d", "{}"))
    assert DeclaredName.objects.for_scope(alice.scope).count() == 3


def test_an_organisation_may_declare_so_many_bytes(alice: Person, names: StoredNames) -> None:
    body = '{"x":"%s"}' % ("é" * 20)
    names.put(alice.scope, TEMPLATE, Declared("a", body))
    with pytest.raises(OverLimit, match="may have 100 bytes"):
        names.put(alice.scope, TEMPLATE, Declared("b", '{"x":"%s"}' % ("é" * 23)))

    names.put(alice.scope, TEMPLATE, Declared("a", body))
    assert len(names.names_of(alice.scope, TEMPLATE)) == 1
