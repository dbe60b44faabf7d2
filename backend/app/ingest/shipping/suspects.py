"""Which journal entry the shipper fails on again and again, also by dying.

Beside the journal there are two files. One says what is worked on at this moment; it is written for
every few entries and outlives the process, not the machine. When a shipper finds it filled, the one
before it died at work. The other says where the culprit must be among all that was worked on at the
last failures. It is written at failures only, and durable.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import structlog

from app.core.durable_files import replace_file
from app.ingest.shipping.metrics import UNEXPECTED

log = structlog.get_logger(__name__)

WORK_FILE_NAME = "shipper.work"
FILE_NAME = "suspects.json"
DIED = "the shipper died"
# From so many failures on at the same place it is looked at closely.
CAREFUL_FAILURES = 2
# The entries in which the culprit must be are committed in so many portions.
PORTIONS = 16
_NUMBER = struct.Struct("<Q")
_WINDOW = struct.Struct("<QQ")
_WINDOW_AT, _PREPARING_AT, _COMMITS_AT = 0, 16, 24
_WORK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The culprit is among the entries from `first` to `last`.

    `failures` were seen there in a row, `alone` of them while nothing but this one entry was worked
    on. `commits`: how many the shipper had seen when it began.
    """

    first: int
    last: int
    failures: int
    alone: int
    commits: int
    why: str

    @property
    def portion(self) -> int:
        """So many entries are committed together."""
        return -(-(self.last - self.first + 1) // PORTIONS)

    def narrowed(self, first: int, last: int, why: str) -> Suspicion:
        """After one more failure among these, which overlap."""
        first, last = max(first, self.first), min(last, self.last)
        is_same = (first, last) == (self.first, self.last)
        alone = (self.alone if is_same else 0) + (first == last)
        return Suspicion(first, last, self.failures + 1, alone, self.commits, why)


class Suspects:
    """Used by the shipper; `preparing` by one more thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._work = _open_work(directory / WORK_FILE_NAME)
        self._first, self._last = self._read(_WINDOW, _WINDOW_AT)
        (self._preparing,) = self._read(_NUMBER, _PREPARING_AT)
        (self.commits,) = self._read(_NUMBER, _COMMITS_AT)
        self._suspicion, self._guilty = _stored(self._path)
        if self._first or self._preparing:
            self.failed(DIED)

    @property
    def careful(self) -> Suspicion | None:
        """Where to look closely."""
        found = self._suspicion
        return found if found is not None and found.failures >= CAREFUL_FAILURES else None

    def working(self, first: int, last: int) -> None:
        """These entries are appended next, together with what is not committed yet."""
        self._set_window(self._first or first, max(self._last, last))

    @contextmanager
    def preparing(self, number: int) -> Iterator[None]:
        """This entry is read and normalised. What is raised is answered elsewhere, unless memory
        was too small."""
        self._set_preparing(number)
        try:
            yield
        except MemoryError:
            raise
        except Exception:
            self._set_preparing(0)
            raise
        self._set_preparing(0)

    def passed(self, through: int) -> None:
        """Everything up to this entry was committed."""
        self.commits += 1
        self._write(_NUMBER.pack(self.commits), _COMMITS_AT)
        if self._first:
            is_all = through >= self._last
            self._set_window(*((0, 0) if is_all else (max(self._first, through + 1), self._last)))
        if self._suspicion is not None and through >= self._suspicion.last:
            self.acquit()

    def spare(self) -> None:
        """What failed is not about what was worked on: somebody is away."""
        self._set_window(0, 0)
        self._set_preparing(0)

    def failed(self, why: str) -> Suspicion | None:
        """Says who may have been it; `None` when nothing was worked on."""
        touched = [number for number in (self._first, self._last, self._preparing) if number]
        self.spare()
        if not touched:
            return None
        first, last = min(touched), max(touched)
        known = self._suspicion
        if known is None or last < known.first or known.last < first:
            known = Suspicion(first, last, 0, 0, self.commits, why)
        found = self._suspicion = known.narrowed(first, last, why)
        self._store()
        UNEXPECTED.inc()
        log.warning("shipper_suspects", **asdict(found))
        return found

    def acquit(self) -> None:
        """Everything suspected went well, or is out of the way."""
        if self._suspicion is not None:
            self._suspicion = None
            self._store()

    def guilty(self, origin: int) -> int:
        """How many parts of this entry were found guilty."""
        return self._guilty[1] if self._guilty[0] == origin else 0

    def find_guilty(self, origin: int) -> None:
        """One more is. Only of the last entry it is known how many they were."""
        self._guilty = origin, self.guilty(origin) + 1
        self._store()

    def close(self) -> None:
        """Lets go of the file."""
        if self._work is not None:
            os.close(self._work)
            self._work = None

    def _set_window(self, first: int, last: int) -> None:
        if (first, last) != (self._first, self._last):
            self._first, self._last = first, last
            self._write(_WINDOW.pack(first, last), _WINDOW_AT)

    def _set_preparing(self, number: int) -> None:
        if number != self._preparing:
            self._preparing = number
            self._write(_NUMBER.pack(number), _PREPARING_AT)

    def _read(self, layout: struct.Struct, at: int) -> tuple[int, ...]:
        data = b"" if self._work is None else os.pread(self._work, layout.size, at)
        return layout.unpack(data.ljust(layout.size, b"\0"))

    def _write(self, data: bytes, at: int) -> None:
        # Where there is no room for it, nobody will know of a death: the logs do.
        with suppress(OSError):
            if self._work is not None:
                os.pwrite(self._work, data, at)

    def _store(self) -> None:
        known = None if self._suspicion is None else asdict(self._suspicion)
        content = orjson.dumps({"suspicion": known, "guilty": self._guilty})
        try:
            replace_file(self._path, [content])
        except OSError as error:
            log.warning("shipper_suspects_unwritten", error=str(error))


def _open_work(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        log.warning("shipper_work_unwritten", error=str(error))
        return None


def _stored(path: Path) -> tuple[Suspicion | None, tuple[int, int]]:
    try:
        stored = orjson.loads(path.read_bytes())
        known = stored["suspicion"]
        origin, count = stored["guilty"]
        return (None if known is None else Suspicion(**known)), (int(origin), int(count))
    except (OSError, ValueError, TypeError, KeyError):
        return None, (0, 0)
