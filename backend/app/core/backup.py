"""Backups of the config database: one file, readable by its owner alone, checked from end to end.

A line of JSON that names the format and the migrations, a line for every row, and a last line with
the counts and the digest; compressed. It fits every database of ours, whichever it came from.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import orjson
import zstandard
from django.db import IntegrityError

from app.core.config_rows import (
    References,
    Summary,
    Tally,
    delete_rows,
    encode,
    end_sessions,
    insert_rows,
    is_empty,
    lines_of,
    summary_of,
    tables,
)
from app.core.db import (
    applied_migrations,
    keeps_rows_that_name_missing_ones,
    replacing_all,
    snapshot,
)
from app.core.durable_files import new_file
from app.core.errors import Broken, Conflict, Invalid

FORMAT = 1
_NAMES_SHOWN = 5


def write_backup(path: Path, *, using: str, now: datetime) -> Summary:
    """Writes everything of one moment to a new file; `Conflict` if there is one already."""
    try:
        with new_file(path) as file:
            return _write(file, using=using, now=now)
    except FileExistsError as error:
        raise Conflict(f"{str(path)!r} exists already") from error


def check_backup(path: Path, *, using: str, accepts_dangling: bool = False) -> Summary:
    """Reads the whole file; `Invalid` unless it is complete, undamaged and of this very schema, and
    every row that its rows name is in it."""
    with _entries(path) as entries:
        header = next(entries, None)
        if header is None or header.get("format") != FORMAT:
            raise Invalid(f"{str(path)!r} is no backup of format {FORMAT}")
        _check_migrations(header.get("migrations", []), applied_migrations(using))
        tally, references = Tally(), References()
        for entry in entries:
            if "summary" in entry:
                found = tally.summary()
                if entry["summary"] != asdict(found) or next(entries, None) is not None:
                    raise Invalid("the backup is damaged: its digest is another")
                _check_references(references, using, is_accepted=accepts_dangling)
                return found
            label, row = entry.get("model"), entry.get("row")
            if not isinstance(label, str) or not isinstance(row, dict):
                raise Invalid("the backup is damaged: a line is no row")
            tally.add(label, encode(entry))
            references.add(label, row)
    raise Invalid("the backup is cut off")


def restore_backup(
    path: Path, *, using: str, is_replacing: bool, accepts_dangling: bool = False
) -> Summary:
    """Writes the backup into an empty database, or in place of everything there is, and reads it
    back: `Broken` if anything is not as it was. Whatever happens, the database holds the whole
    backup or what it held before.

    Nobody is signed in afterwards: sessions that were ended since the backup would go on.
    """
    expected = check_backup(path, using=using, accepts_dangling=accepts_dangling)
    with _written(path, expected, using=using, is_replacing=is_replacing):
        end_sessions(using)
    return expected


def copy_rows(*, source: str, target: str, is_replacing: bool, now: datetime) -> Summary:
    """Everything of one database into another, by a backup that nobody keeps; whoever is signed in
    stays so."""
    with tempfile.TemporaryDirectory(prefix="elkv-copy-") as folder:
        path = Path(folder) / "rows"
        write_backup(path, using=source, now=now)
        expected = check_backup(path, using=target)
        with _written(path, expected, using=target, is_replacing=is_replacing):
            return expected


@contextmanager
def _written(path: Path, expected: Summary, *, using: str, is_replacing: bool) -> Iterator[None]:
    """The rows are in the database and read back; with the end of the block they are there for
    everybody."""
    if not is_replacing and not is_empty(using):
        raise Conflict("the database is not empty: --replace deletes everything in it first")
    with replacing_all(tables(), using=using):
        delete_rows(using)
        try:
            with _entries(path) as entries:
                next(entries)
                insert_rows((entry for entry in entries if "model" in entry), using=using)
        except IntegrityError as error:
            raise Invalid(f"the rows of the backup contradict each other: {error}") from error
        if summary_of(using) != expected:
            raise Broken("what was written is not what is in the backup; everything is as before")
        yield


def _write(file: IO[bytes], *, using: str, now: datetime) -> Summary:
    tally = Tally()
    with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as out:
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


@contextmanager
def _entries(path: Path) -> Iterator[Iterator[dict[str, Any]]]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        yield _read(io.BufferedReader(plain))


def _read(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    try:
        for line in lines:
            entry = orjson.loads(line)
            if not isinstance(entry, dict):
                raise Invalid("the backup is damaged: a line is no object")
            yield entry
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


def _check_references(references: References, using: str, *, is_accepted: bool) -> None:
    missing = references.missing()
    if missing and not keeps_rows_that_name_missing_ones(using):
        raise Invalid(f"this database cannot keep all rows: {'; '.join(missing)}")
    if missing and not is_accepted:
        raise Invalid(f"{'; '.join(missing)}: --accept-dangling restores them all the same")


def _shown(names: list[str]) -> str:
    more = ["…"] if len(names) > _NAMES_SHOWN else []
    return ", ".join([*names[:_NAMES_SHOWN], *more])
