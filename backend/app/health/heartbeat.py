"""Whether background jobs run: each beat that a worker carried out leaves its time in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

FILE_NAME = "jobs-heartbeat"


def note_beat(directory: Path, now_ns: int) -> None:
    """Leaves the time; a reader sees the old or the new one, never a part."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{FILE_NAME}.")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{now_ns}\n")
    Path(temporary).replace(directory / FILE_NAME)


def last_beat_ns(directory: Path) -> int | None:
    """The time of the last one, or `None` where there was none that can be read."""
    try:
        return int((directory / FILE_NAME).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
