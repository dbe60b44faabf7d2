"""The engine against a real server: only where MONGO_HOST names one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test here needs the server. Nothing is skipped: without it they are not part of a run,
    with it a server that is missing fails them."""
    mine = [item for item in items if item.path.is_relative_to(HERE)]
    for item in mine:
        item.add_marker(pytest.mark.mongo)
    if mine and not os.environ.get("MONGO_HOST"):
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]
