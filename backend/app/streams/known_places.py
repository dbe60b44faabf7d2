"""What a process knows of everybody's places, remembered for some seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.db import ask_database
from app.core.errors import Broken, Unavailable
from app.core.ids import OrgId
from app.logstore.places import LEAD_NS, Hidden, Places
from app.logstore.types import NS_PER_SECOND
from app.streams.selectors import everybodys_hidden, everybodys_places

log = structlog.get_logger(__name__)

T = TypeVar("T")

# A writer reads again so often. Where records go is decided an hour ahead, so nothing hurries; but
# whoever moves records waits until every writer must have learned of it.
_WRITERS_FRESH_SECONDS = 30.0
# A reader reads again so often; whoever moves records waits so long between two steps.
READERS_FRESH_SECONDS = 5.0


class Known(Generic[T]):
    """A table of the config database, read as a whole, for any number of threads."""

    def __init__(
        self,
        load: Callable[[], Mapping[OrgId, T]],
        nothing: T,
        *,
        fresh_seconds: float,
        held_seconds: float,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Read again after `fresh_seconds`. While that fails, what was read is used until it is
        `held_seconds` old, and then everything is `Unavailable`: it may have changed since."""
        self._load = load
        self._nothing = nothing
        self._fresh_seconds = fresh_seconds
        self._held_seconds = held_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Mapping[OrgId, T] = {}
        self._read_at = self._tried_at = float("-inf")

    def __call__(self, org_id: OrgId) -> T:
        if self._clock.monotonic() - self._tried_at >= self._fresh_seconds:
            with self._lock:
                # Another thread may have read while this one waited.
                if self._clock.monotonic() - self._tried_at >= self._fresh_seconds:
                    self._read()
        if self._clock.monotonic() - self._read_at > self._held_seconds:
            raise Unavailable("the database does not answer", code="database_unavailable")
        return self._known.get(org_id, self._nothing)

    def _read(self) -> None:
        # The age counts from before the question: later changes are not in the answer.
        now = self._clock.monotonic()
        try:
            self._known = ask_database(self._load)
            self._read_at = self._tried_at = now
        except Unavailable as error:
            # Asked again soon, but not for every record, however long the answer took.
            pause_seconds = min(1.0, self._fresh_seconds)
            self._tried_at = self._clock.monotonic() - self._fresh_seconds + pause_seconds
            log.warning("places_not_read", error=str(error.__cause__))


def known_places(*, held_seconds: float) -> Known[Places]:
    """A `PlaceDirectory` for a writer, which goes on with what it knows for so long at most."""
    if held_seconds * NS_PER_SECOND > LEAD_NS / 2:
        raise Broken("PLACES_HELD_SECONDS: where records go is decided only an hour ahead")
    fresh_seconds = min(_WRITERS_FRESH_SECONDS, held_seconds)
    return Known(
        everybodys_places, Places(), fresh_seconds=fresh_seconds, held_seconds=held_seconds
    )


def known_hidden() -> Known[Hidden]:
    """A `HiddenDirectory` for a reader."""
    # A little longer than until it is read again, so that a first failure is bridged.
    return Known(
        everybodys_hidden,
        Hidden(),
        fresh_seconds=READERS_FRESH_SECONDS,
        held_seconds=2 * READERS_FRESH_SECONDS,
    )
