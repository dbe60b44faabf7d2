"""The cases of the query language, asked of every store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.core.ids import OrgId
from app.core.scope import Permission, Scope
from app.logstore.types import SearchPlan
from app.query.parser import parse
from app.query.resolve import resolve
from tests.cases.loader import NOW_NS, Case, load_cases, load_corpus
from tests.conformance.cast import scope_of
from tests.conformance.records import ALWAYS, an_org
from tests.conformance.stores import STORES, Store

CASES = [case for case in load_cases() if case.docs is not None]
# Each corpus belongs to an organisation of its own, all of them in one store.
OWNERS: dict[str, OrgId] = {
    name: an_org(1_000_000 + number)
    for number, name in enumerate(sorted({case.docs for case in CASES if case.docs is not None}))
}


@dataclass(frozen=True, slots=True)
class Library:
    """A store with every corpus in it."""

    store: Store

    def hits(self, case: Case) -> tuple[str, ...]:
        """What the case's query finds, in the order of the corpus."""
        assert case.docs is not None
        owner = OWNERS[case.docs]
        filter_ = resolve(parse(case.ask), now_ns=NOW_NS)
        plan = SearchPlan(filter_, ALWAYS, limit=1000)
        found = {record.id for record in self.store.reader.search(_reader_of(owner), plan).records}
        return tuple(record.id for record in load_corpus(case.docs, owner) if record.id in found)


def _reader_of(owner: OrgId) -> Scope:
    return scope_of(owner, "reader", Permission.SEARCH)


@pytest.fixture(scope="module", params=STORES, ids=lambda kind: kind.name)
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Every corpus, in each store."""
    store = Store(request.param, tmp_path_factory.mktemp("library"))
    for name, owner in OWNERS.items():
        store.add(*load_corpus(name, owner))
    yield Library(store)
    store.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_case_finds_its_hits(library: Library, case: Case) -> None:
    assert library.hits(case) == case.hits
