"""The real services of a run, which the environment names as it does for a deployment.

A test that needs one is marked with it; where the environment does not name it, the test fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import pytest

# What each mark needs. Settings read these too: where they are set, tests run on those services.
NEEDS = {
    "mongo": ("MONGO_HOST", "MONGO_PORT"),
    "elastic": ("ELASTICSEARCH_HOSTS",),
    "redis": ("REDIS_HOST", "REDIS_PORT"),
}
VARIABLES = frozenset(name for names in NEEDS.values() for name in names)


def missing_for(marks: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """The variables that tests with these marks need and that are not set."""
    needed = {name for mark in marks for name in NEEDS.get(mark, ())}
    return sorted(name for name in needed if not environ.get(name))


def require(item: pytest.Item) -> None:
    """Fails the test when a service that it is marked with is not named."""
    missing = missing_for((mark.name for mark in item.iter_markers()), os.environ)
    if missing:
        pytest.fail(
            f"not set: {', '.join(missing)}; run it as "
            f'make test-services TESTS="{item.nodeid.partition("::")[0]}"',
            pytrace=False,
        )
