"""What all tests of the shipper need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.journal.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty one."""
    opened = Journal(tmp_path / "journal", max_bytes=64 << 20)
    yield opened
    opened.close()
