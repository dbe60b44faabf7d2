"""Who may change an embedded store: a shipper or a move of records, one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import Broken, Conflict, Unsupported
from app.logstore.elastic.hosts import hosts_of
from app.logstore.stocks import open_stock, sole_writer


def never() -> bool:
    raise AssertionError("nobody had to wait")


def test_a_move_keeps_a_shipper_waiting_and_a_shipper_refuses_a_move(tmp_path: Path) -> None:
    stock = open_stock("embedded", tmp_path)
    asked: list[str] = []

    def wait() -> bool:
        asked.append("again")
        if len(asked) == 3:
            stock.close()
        return True

    with sole_writer("embedded", tmp_path, wait) as is_held:
        assert is_held
        assert len(asked) == 3
        with pytest.raises(Conflict):
            open_stock("embedded", tmp_path)
    open_stock("embedded", tmp_path).close()


def test_a_shipper_that_is_asked_to_stop_waits_no_longer(tmp_path: Path) -> None:
    stock = open_stock("embedded", tmp_path)
    with sole_writer("embedded", tmp_path, lambda: False) as is_held:
        assert not is_held
    stock.close()


def test_elsewhere_many_write_at_once(tmp_path: Path) -> None:
    with (
        sole_writer("memory", tmp_path, never) as first,
        sole_writer("memory", tmp_path, never) as second,
    ):
        assert (first, second) == (True, True)


def test_what_is_no_place_is_refused(tmp_path: Path) -> None:
    hosts = hosts_of("http://127.0.0.1:9")
    with pytest.raises(Unsupported):
        open_stock("memory", tmp_path)
    with pytest.raises(Unsupported):
        open_stock("embedded", hosts)
    with pytest.raises(Broken), sole_writer("embedded", hosts, never):
        pass
