"""The search of a process, as settings have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from app.core.errors import Unavailable
from app.core.ids import OrgId
from app.logs.process import cursor_keys, log_search, use


@pytest.fixture(autouse=True)
def _own_store(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.LOG_STORE = "memory"
    settings.LOG_STORE_LOCATION = tmp_path
    use(None)
    yield
    use(None)


def test_a_process_has_one_search() -> None:
    assert log_search() is log_search()
    assert log_search().health().type == "memory"


def test_so_many_searches_run_as_the_settings_say(settings: Settings) -> None:
    settings.SEARCH_CONCURRENCY = 1
    settings.SEARCH_WAIT_SECONDS = 0.01
    gate = log_search().gate
    refused = pytest.raises(Unavailable, match="SEARCH_CONCURRENCY")
    with gate.entered(OrgId(UUID(int=1))), refused, gate.entered(OrgId(UUID(int=2))):
        pytest.fail("two are inside")


def test_each_secret_has_a_cursor_key_of_its_own() -> None:
    assert cursor_keys("a", "b") == (*cursor_keys("a"), *cursor_keys("b"))
    assert len({*cursor_keys("a", "b"), b"a"}) == 3
