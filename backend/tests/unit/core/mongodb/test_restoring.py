"""A restore that is killed at any moment has changed nothing, or everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

from app.core.backup import write_backup
from app.core.clock import utc_now
from app.core.config_rows import Summary, end_sessions, summary_of, tables
from app.core.mongodb.replacing import Replacement
from app.streams.models import Stream
from app.users.models import User
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)
connection: Any = connections[DEFAULT_DB_ALIAS]
BACKEND = Path(__file__).resolve().parents[4]
LAST = len(tables())


@pytest.fixture
def saved(alice: Person, bob: Person, acme_key: str, tmp_path: Path) -> Summary:
    """A backup in the file `config`, without sessions, which a restore ends; since then this and
    that has changed."""
    end_sessions(DEFAULT_DB_ALIAS)
    summary = write_backup(tmp_path / "config", using=DEFAULT_DB_ALIAS, now=utc_now())
    Stream.objects.for_scope(alice.scope).delete()
    User.objects.create_user("later", "later@example.com", "x")
    return summary


def restore_killed_at(path: Path, command: str, pattern: str, number: int) -> int:
    arguments = (command, pattern, str(number), "restore", str(path), "--replace")
    return subprocess.run(
        [sys.executable, "-m", "tests.unit.core.mongodb.killed_at", *arguments],
        cwd=BACKEND,
        env={
            **os.environ,
            "ENVIRONMENT": "tests",
            "MONGO_DB_NAME": connection.settings_dict["NAME"],
        },
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    ).returncode


def indexes() -> dict[str, Any]:
    """Of every table by name: what indexes it has, but for where MongoDB keeps them."""
    return {name: connection.database[name].index_information() for name in tables()}


@pytest.mark.parametrize(
    ("command", "pattern", "number"),
    [
        ("create", "^replacing_", 1),
        ("create", "^replacing_", LAST),
        ("createIndexes", "^replacing_", 2),
        ("insert", "^replacing_", 1),
        ("insert", "^replacing_.*_users_user$", 1),
        ("aggregate", "^replacing_.*_users_user$", 1),
        ("insert", "^elkv_replacement$", 1),
    ],
)
def test_killed_before_everything_is_written_it_has_changed_nothing(
    saved: Summary, tmp_path: Path, command: str, pattern: str, number: int
) -> None:
    before, had = summary_of(DEFAULT_DB_ALIAS), indexes()
    assert before != saved
    status = restore_killed_at(tmp_path / "config", command, pattern, number)
    assert status == -signal.SIGKILL
    connection.close_pool()
    assert (summary_of(DEFAULT_DB_ALIAS), indexes()) == (before, had)
    # What it left behind is in nobody's way.
    assert restore_killed_at(tmp_path / "config", "nothing", "", 1) == 0
    assert (summary_of(DEFAULT_DB_ALIAS), indexes()) == (saved, had)
    assert left_over() == []


@pytest.mark.parametrize(
    ("command", "pattern", "number"),
    [
        ("renameCollection", "", 1),
        ("renameCollection", "", 2),
        ("renameCollection", "", LAST),
        ("delete", "^elkv_replacement$", 1),
    ],
)
def test_killed_afterwards_it_is_finished_by_whoever_comes_next(
    saved: Summary, tmp_path: Path, command: str, pattern: str, number: int
) -> None:
    had = indexes()
    status = restore_killed_at(tmp_path / "config", command, pattern, number)
    assert status == -signal.SIGKILL
    connection.close_pool()
    assert (summary_of(DEFAULT_DB_ALIAS), indexes()) == (saved, had)
    assert left_over() == []


def test_killed_afterwards_it_is_finished_before_another_one_begins(
    saved: Summary, tmp_path: Path
) -> None:
    status = restore_killed_at(tmp_path / "config", "renameCollection", "", 3)
    assert status == -signal.SIGKILL
    # This process is connected since before.
    with pytest.raises(RuntimeError, match="cut off"), connection.replacing(tables()):
        raise RuntimeError("cut off")
    assert summary_of(DEFAULT_DB_ALIAS) == saved
    assert left_over() == []


def test_of_two_at_once_the_first_one_changes_nothing(saved: Summary) -> None:
    before, had = summary_of(DEFAULT_DB_ALIAS), indexes()
    other = Replacement(connection.database, tables())
    with (
        pytest.raises(OperationalError, match="another restore has begun meanwhile"),
        connection.replacing(tables()),
    ):
        other.prepare()
    other.discard()
    assert before != saved
    assert (summary_of(DEFAULT_DB_ALIAS), indexes()) == (before, had)
    assert left_over() == []


def left_over() -> list[str]:
    """Collections of restores that did not end well, and their marks."""
    names = connection.introspection.table_names()
    marks = connection.database["elkv_replacement"].count_documents({})
    return [name for name in names if name.startswith("replacing_")] + ["a mark"] * marks
