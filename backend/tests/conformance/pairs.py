"""The memory store beside another one, and how hard to look for a difference.

`TIMES=10` asks for ten times as long, and differently each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import SystemRandom

from hypothesis import HealthCheck, Phase, settings

from app.core.scope import Permission, Scope
from app.logstore.types import RoutedRecord, SearchPlan
from tests.conformance.cast import scope_of
from tests.conformance.records import an_org
from tests.conformance.stores import STORES, Store, StoreKind

# 0: the same few examples each time.
TIMES = int(os.environ.get("TIMES", "0"))
ORACLE, *OTHERS = STORES

ADDED_BETWEEN = 100
_org_numbers = count(1)
_directories = count(1)


def effort(examples: int) -> settings:
    """How hard to try: the same few examples each time, or very many new ones."""
    return settings(
        max_examples=examples * max(1, TIMES),
        derandomize=TIMES == 0,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


def seeds(number: int) -> list[int]:
    """One for each example: the same each time, or very many new ones."""
    if TIMES == 0:
        return list(range(number))
    return [SystemRandom().getrandbits(64) for _ in range(number * TIMES)]


@contextmanager
def about(said: object) -> Iterator[None]:
    """Whatever is raised inside says what it was about."""
    try:
        yield
    except Exception as error:
        error.add_note(str(said))
        raise


class Pair:
    """The oracle and another store, given the same records.

    Both begin anew every now and then: a long run would have more fields than are mapped.
    """

    def __init__(self, kind: StoreKind, directory: Path) -> None:
        self._kind, self._directory = kind, directory
        self._added = 0
        self._open()

    def add(self, records: Sequence[RoutedRecord]) -> Scope:
        """Both stores take the records, as those of a new organisation whose scope this is."""
        if self._added == ADDED_BETWEEN:
            self.close()
            self._open()
        self._added += 1
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
        """Closes both, and deletes what is on a server."""
        self.oracle.close()
        self.other.remove()

    def _open(self) -> None:
        self._added = 0
        directory = self._directory / str(next(_directories))
        self.oracle = Store(ORACLE, directory / "oracle")
        self.other = Store(self._kind, directory / "other")
