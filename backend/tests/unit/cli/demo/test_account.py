"""The demo's account is kept for its owner only, and a broken file is as good as none."""

import stat
from pathlib import Path

from app.cli.demo.sender import Account

ACCOUNT = Account("demo-1", "secret", "elkv_1", has_history=True)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "demo.json"
    assert Account.load(path) is None
    ACCOUNT.save(path)
    assert Account.load(path) == ACCOUNT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["demo.json"]


def test_a_file_that_was_cut_short_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_text('{"username": "de')
    assert Account.load(path) is None
    path.write_text('{"username": "demo"}')
    assert Account.load(path) is None
