"""Migrations run when they are needed, and only then."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from config.first_start import (
    fingerprint_of_code,
    fingerprint_of_database,
    is_prepared,
    write_stamp,
)


def make_database(path: Path, *applied: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS django_migrations (app, name)")
        connection.executemany(
            "INSERT INTO django_migrations VALUES ('users', ?)", [(name,) for name in applied]
        )
        connection.commit()


@pytest.fixture
def stamp(tmp_path: Path) -> Path:
    make_database(tmp_path / "db", "0001_initial")
    write_stamp(tmp_path / "stamp", code="c", database=fingerprint_of_database(tmp_path / "db"))
    return tmp_path / "stamp"


def test_a_second_start_finds_its_database_ready(stamp: Path, tmp_path: Path) -> None:
    assert is_prepared(stamp, code="c", database=fingerprint_of_database(tmp_path / "db"))


def test_new_code_means_migrating(stamp: Path, tmp_path: Path) -> None:
    assert not is_prepared(stamp, code="d", database=fingerprint_of_database(tmp_path / "db"))


def test_a_restored_older_database_means_migrating(stamp: Path, tmp_path: Path) -> None:
    make_database(tmp_path / "db", "0002_more")
    assert not is_prepared(stamp, code="c", database=fingerprint_of_database(tmp_path / "db"))


def test_a_missing_or_broken_database_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint_of_database(tmp_path / "missing") is None
    (tmp_path / "broken").write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert fingerprint_of_database(tmp_path / "broken") is None


def test_no_database_is_never_ready(stamp: Path) -> None:
    assert not is_prepared(stamp, code="c", database=None)
    write_stamp(stamp, code="c", database=None)
    assert not is_prepared(stamp.with_name("other"), code="c", database="d")


def test_an_edited_migration_is_other_code(tmp_path: Path) -> None:
    migration = tmp_path / "app" / "users" / "migrations" / "0001_initial.py"
    migration.parent.mkdir(parents=True)
    migration.write_text("a = 1")
    before = fingerprint_of_code(tmp_path)
    migration.write_text("a = 2")
    assert fingerprint_of_code(tmp_path) != before
