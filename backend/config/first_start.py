"""Whether the database of the embedded default has to be migrated before anything starts.

Asking Django costs a second; this costs a millisecond, and is wrong only on the safe side: a stamp
beside the database names the migrations of the code and what the database said it had applied.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path


def fingerprint_of_code(backend_dir: Path) -> str:
    """Changes whenever a migration is added, renamed or edited, or Django is another one."""
    digest = hashlib.blake2b(version("django").encode(), digest_size=16)
    for path in _migrations(backend_dir):
        digest.update(f"{path.relative_to(backend_dir)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint_of_database(path: Path) -> str | None:
    """What the SQLite file says has been applied; `None` without an answer."""
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)
        ) as connection:
            rows = connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
            return hashlib.blake2b(json.dumps(rows.fetchall()).encode(), digest_size=16).hexdigest()
    except sqlite3.Error:
        return None


def is_prepared(stamp: Path, *, code: str, database: str | None) -> bool:
    """Whether the stamp was written for exactly these two."""
    try:
        return database is not None and stamp.read_text("ascii") == _stamp_text(code, database)
    except (OSError, UnicodeDecodeError):
        return False


def write_stamp(stamp: Path, *, code: str, database: str | None) -> None:
    """Remembers that this database is ready for this code."""
    if database is not None:
        stamp.write_text(_stamp_text(code, database), "ascii")


def _stamp_text(code: str, database: str) -> str:
    return f"{code} {database}\n"


def _migrations(backend_dir: Path) -> Iterable[Path]:
    return sorted(
        [
            *backend_dir.glob("app/*/migrations/*.py"),
            *backend_dir.glob("third_party_migrations/*/*.py"),
        ]
    )
