"""The memory store beside another one, and how hard to look for a difference.

`HYPOTHESIS_PROFILE=thorough` asks for much longer, and differently each time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from app.core.scope import Permission, Scope
from app.logstore.types import RoutedRecord, SearchPlan
from tests.conformance.cast import scope_of
from tests.conformance.records import an_org
from tests.conformance.stores import STORES, Store, StoreKind

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ORACLE, *OTHERS = STORES

_org_numbers = count(1)


def effort(examples: int) -> settings:
    """How hard to try: the same few examples each time, or very many new ones."""
    return settings(
        max_examples=examples * 50 if IS_THOROUGH else examples,
        derandomize=not IS_THOROUGH,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


class Pair:
    """The oracle and another store, given the same records."""

    def __init__(self, kind: StoreKind, directory: Path) -> None:
        self.oracle = Store(ORACLE, directory / "oracle")
        self.other = Store(kind, directory / "other")

    def add(self, records: Sequence[RoutedRecord]) -> Scope:
        """Both stores take the records, as those of a new organisation whose scope this is."""
        org_id = an_org(next(_org_numbers))
        own = [record._replace(org_id=org_id) for record in records]
        assert self.oracle.add(*own) == self.other.add(*own)
        return scope_of(org_id, "somebody", Permission.SEARCH)

    def search_both(self, scope: Scope, plan: SearchPlan) -> int:
        """The page is the same on both; how many records are on it."""
        page = self.oracle.reader.search(scope, plan)
        assert self.other.reader.search(scope, plan) == page
        return len(page.records)

    def close(self) -> None:
        """Closes both."""
        self.oracle.close()
        self.other.close()
