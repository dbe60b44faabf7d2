"""What the shipper says of itself, in a small file beside the journal, for health and people."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

FILE_NAME = "shipper.json"
HOLDING_BACK = "holding back"
ISOLATING = "isolating"
_NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ShipperStatus:
    """`state`: running, retrying (the store takes no records), holding back (a part of the store
    takes none, so that the journal cannot shrink), isolating (it fails on an entry that it looks for),
    stopped. Times in nanoseconds.

    `updated_ns` is fresh within seconds while the shipper lives, except during a long commit.
    """

    pid: int
    state: str
    started_ns: int
    updated_ns: int
    last_commit_ns: int | None = None
    last_error: str | None = None
    last_error_ns: int | None = None

    def silent_seconds(self, now_ns: int) -> float:
        """For how long it has said nothing. A time ahead is of before the clock was set back."""
        return abs(now_ns - self.updated_ns) / _NS_PER_SECOND


def write_status(directory: Path, status: ShipperStatus) -> None:
    """Replaces the file in one step; a reader sees the old or the new one."""
    partial = directory / f"{FILE_NAME}.{os.getpid()}"
    partial.write_bytes(orjson.dumps(asdict(status)))
    partial.replace(directory / FILE_NAME)


def read_status(directory: Path) -> ShipperStatus | None:
    """The last status written; `None` when there is none that can be read."""
    try:
        return ShipperStatus(**orjson.loads((directory / FILE_NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def free_bytes_beside(directory: Path) -> int:
    """How many bytes the journal's disk has left for us."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize
