"""The registry: stores by the name that configuration uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import Broken
from app.logstore.registry import open_reader, open_writer


@pytest.mark.parametrize("kind", ["embedded", "memory"])
def test_known_stores_open_and_close(tmp_path: Path, kind: str) -> None:
    writer, reader = open_writer(kind, tmp_path), open_reader(kind, tmp_path)
    assert writer.health().status == reader.health().status == "up"
    reader.close()
    writer.close()


def test_an_unknown_store_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"'paper'.*embedded, memory"):
        open_reader("paper", tmp_path)
    with pytest.raises(Broken, match=r"'paper'.*embedded, memory"):
        open_writer("paper", tmp_path)
