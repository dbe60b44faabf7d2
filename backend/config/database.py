"""The database entry of the settings, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.env import Env, SettingInvalid


def database_from_env(env: Env, data_dir: Path) -> dict[str, Any]:
    """SQLite under `data_dir`, or where `DATABASE_URL=sqlite:////path` says."""
    url = env.find("DATABASE_URL")
    if url is None:
        return sqlite(data_dir / "db.sqlite3")
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise SettingInvalid(f"DATABASE_URL: the scheme {parts.scheme!r} is not supported")
    path = unquote(parts.path)[1:]  # sqlite:///relative.db, sqlite:////absolute.db
    if not path:
        raise SettingInvalid("DATABASE_URL: names no file")
    return sqlite(Path(path).absolute())


def sqlite(path: Path) -> dict[str, Any]:
    """Readers never wait for the writer (WAL); writers queue from their first statement
    (IMMEDIATE), so that none fails half-way because another was faster."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        # The threads that answer requests are few and stay, and so do their connections. Opening
        # one for each request costs ten times its queries: whoever closes the last one makes
        # SQLite fold the WAL back into the file.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
            ),
        },
        "TEST": {"NAME": f"{path}.test"},
    }
