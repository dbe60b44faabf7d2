"""Backups of the config database: one file, readable by its owner alone, checked from end to end.

A line of JSON that names the format and the migrations, a line for every row, and a last line with
the counts and the digest; compressed. It fits every database of ours, whichever it came from.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson
import zstandard

from app.core.config_rows import (
    Summary,
    Tally,
    delete_rows,
    encode,
    insert_rows,
    is_empty,
    lines_of,
    summary_of,
)
from app.core.db import applied_migrations, snapshot, whole_or_not_at_all
from app.core.errors import Broken, Conflict, Invalid

FORMAT = 1
_NAMES_SHOWN = 5


def write_backup(path: Path, *, using: str, now: datetime) -> Summary:
    """Writes everything of one moment to a new file; `Conflict` if there is one already."""
    tally = Tally()
    compressor = zstandard.ZstdCompressor()
    with _new_file(path) as file, compressor.stream_writer(file, closefd=False) as out:
        header = {
            "format": FORMAT,
            "made_at": now.isoformat(),
            "migrations": applied_migrations(using),
        }
        out.write(encode(header) + b"\n")
        with snapshot(using):
            for label, line in lines_of(using):
                tally.add(label, line)
                out.write(line + b"\n")
        summary = tally.summary()
        out.write(encode({"summary": asdict(summary)}) + b"\n")
    return summary


def check_backup(path: Path, *, using: str) -> Summary:
    """Reads the whole file; `Invalid` unless it is complete, undamaged and of this very schema."""
    with _entries(path) as entries:
        header = next(entries, None)
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise Invalid(f"{str(path)!r} is no backup of format {FORMAT}")
        _check_migrations(header.get("migrations", []), applied_migrations(using))
        tally = Tally()
        for entry in entries:
            if "summary" in entry:
                found = tally.summary()
                if entry["summary"] != asdict(found) or next(entries, None) is not None:
                    raise Invalid("the backup is damaged: its digest is another")
                return found
            tally.add(entry["model"], encode(entry))
    raise Invalid("the backup is cut off")


def restore_backup(path: Path, *, using: str, is_replacing: bool) -> Summary:
    """Writes the backup into an empty database, or in place of everything there is, and reads it
    back: `Broken` if anything is not as it was."""
    expected = check_backup(path, using=using)
    if not is_replacing and not is_empty(using):
        raise Conflict("the database is not empty: --replace deletes everything in it first")
    with whole_or_not_at_all(using):
        delete_rows(using)
        with _entries(path) as entries:
            next(entries)
            insert_rows((entry for entry in entries if "model" in entry), using=using)
    if summary_of(using) != expected:
        raise Broken("what is in the database now is not what was in the backup")
    return expected


def copy_rows(*, source: str, target: str, is_replacing: bool, now: datetime) -> Summary:
    """Everything of one database into another, by a backup that nobody keeps."""
    with tempfile.TemporaryDirectory(prefix="elkv-copy-") as folder:
        path = Path(folder) / "rows"
        write_backup(path, using=source, now=now)
        return restore_backup(path, using=target, is_replacing=is_replacing)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is complete and on disk, with mode 600."""
    if path.exists():
        raise Conflict(f"{str(path)!r} exists already")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError as error:
            raise Conflict(f"{str(path)!r} exists already") from error
        _sync(path.parent)
    finally:
        Path(temporary).unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _entries(path: Path) -> Iterator[Iterator[Any]]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        yield _read(io.BufferedReader(plain))


def _read(lines: IO[bytes]) -> Iterator[Any]:
    try:
        for line in lines:
            yield orjson.loads(line)
    except (zstandard.ZstdError, orjson.JSONDecodeError) as error:
        raise Invalid("the backup is damaged: it cannot be read") from error


def _check_migrations(made_with: list[str], here: list[str]) -> None:
    missing = sorted(set(made_with) - set(here))
    unknown = sorted(set(here) - set(made_with))
    if missing:
        raise Invalid(f"the database lacks migrations: {_shown(missing)}; run migrate first")
    if unknown:
        raise Invalid(
            f"it is from before the migrations {_shown(unknown)}: "
            "restore it with the version that made it, then migrate"
        )


def _shown(names: list[str]) -> str:
    more = ["…"] if len(names) > _NAMES_SHOWN else []
    return ", ".join([*names[:_NAMES_SHOWN], *more])
