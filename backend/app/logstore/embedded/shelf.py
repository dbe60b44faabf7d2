"""The partitions of a store on disk: which there are, and which have been set aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.core.durable_files import sync_directory
from app.logstore.partitions import Home, expires_ns, is_period, parse_group

# Held by whoever changes partitions: the shipper, or a move of records while there is none.
WRITER_LOCK = "writer.lock"

_BROKEN = "broken-"
_DRAFT = "draft-"
_GONE = "gone-"


def directory_of(location: Path, home: Home) -> Path:
    """Where a partition lives."""
    return location / home.group / home.period


def homes_in(location: Path) -> Iterator[Home]:
    """Every partition there is, in no order."""
    for group in _names(location):
        parsed = parse_group(group)
        if parsed is not None:
            for period in _names(location / group):
                if is_period(period):
                    yield Home(*parsed, period)


def can_be_store(location: Path) -> bool:
    """Whether this is a store's directory, or one that is still empty."""
    names = _names(location)
    return not names or WRITER_LOCK in names or any(parse_group(name) for name in names)


def broken_in(location: Path) -> list[str]:
    """The names of the partitions that have been set aside."""
    return sorted(
        f"{group}/{name}"
        for group in _names(location)
        if parse_group(group) is not None
        for name in _names(location / group)
        if name.startswith(_BROKEN)
    )


def expired_broken(location: Path, now_ns: int) -> Iterator[Path]:
    """The directories set aside of which nothing would be kept any more."""
    for name in broken_in(location):
        group, _, directory = name.partition("/")
        parsed = parse_group(group)
        period = directory.removeprefix(_BROKEN).rpartition("-")[0]
        if parsed and is_period(period) and now_ns >= expires_ns(Home(*parsed, period)):
            yield location / group / directory


def set_aside(location: Path, home: Home) -> str:
    """Moves a broken partition out of the way; its new name."""
    directory = directory_of(location, home)
    number = 1
    while (aside := directory.with_name(f"{_BROKEN}{home.period}-{number}")).exists():
        number += 1
    directory.rename(aside)
    return f"{home.group}/{aside.name}"


def draft_of(location: Path, home: Home) -> Path:
    """Where a partition is written that will take another one's place."""
    directory = directory_of(location, home)
    return directory.with_name(f"{_DRAFT}{directory.name}")


def replace(location: Path, home: Home) -> None:
    """Puts the draft in the partition's place, or removes it where there is no draft."""
    directory = directory_of(location, home)
    gone = directory.with_name(f"{_GONE}{directory.name}")
    shutil.rmtree(gone, ignore_errors=True)
    directory.rename(gone)
    finish_replacing(location)


def finish_replacing(location: Path) -> None:
    """Goes on where a `replace` was cut off; forgets drafts that were not finished."""
    for group in _names(location):
        if parse_group(group) is None:
            continue
        folder = location / group
        for name in _names(folder):
            period = name.removeprefix(_GONE)
            if name != period and is_period(period):
                draft = folder / f"{_DRAFT}{period}"
                if draft.exists() and not (folder / period).exists():
                    draft.rename(folder / period)
                sync_directory(folder)
                shutil.rmtree(folder / name)
        for name in _names(folder):
            if name.startswith(_DRAFT) and is_period(name.removeprefix(_DRAFT)):
                shutil.rmtree(folder / name)


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
