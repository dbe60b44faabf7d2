"""Elasticsearch as a `DirectWriter`: the shipper's writer without positions and without waiting."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from app.core.errors import Unavailable
from app.logstore.elastic.hosts import Location
from app.logstore.elastic.positions import Positions
from app.logstore.elastic.writer import ElasticWriter, Limits
from app.logstore.places import PlaceDirectory, all_shared
from app.logstore.types import AppendReport, Position, RoutedRecord, StoreHealth

# The sender waits, and comes again by itself.
_PATIENCE_SECONDS = 2.0


class ElasticDirectWriter:
    """Any number of them may write at once, in any processes: two that take the same record meet at
    its `_id`."""

    def __init__(self, location: Location, *, places: PlaceDirectory = all_shared) -> None:
        """`places`: where records belong."""
        self._writer = _Writer(location, places)

    def store(self, requests: Sequence[Sequence[RoutedRecord]]) -> list[AppendReport | Unavailable]:
        """See `DirectWriter`."""
        try:
            self._writer.expect(requests)
            reports = [
                self._writer.append(records, position=_position_of(number))
                for number, records in enumerate(requests)
            ]
            self._writer.commit()
        except Unavailable as error:
            self._writer.start_over()
            return [error] * len(requests)
        except BaseException:
            # What was on its way would else be taken for stored when it comes again.
            self._writer.start_over()
            raise
        held = [self._writer.is_held(_position_of(number)) for number in range(len(requests))]
        self._writer.start_over(is_clean=not any(held))
        return [
            _outcome(report, is_held=is_held, is_any_held=any(held))
            for report, is_held in zip(reports, held, strict=True)
        ]

    def maintain(self, now_ns: int) -> None:
        """See `LogWriter`."""
        self._writer.maintain(now_ns)

    def health(self) -> StoreHealth:
        """See `LogWriter`."""
        return self._writer.health()

    def close(self) -> None:
        """Frees everything; the writer is not used afterwards."""
        self._writer.close()


class _Writer(ElasticWriter):
    """Each request is the one entry of a journal of its own, so that what waits can be told apart."""

    def __init__(self, location: Location, places: PlaceDirectory) -> None:
        super().__init__(location, places=places, holds_back=True, limits=Limits(_PATIENCE_SECONDS))
        self._positions = _NoPositions(self._cluster)

    def is_held(self, position: Position) -> bool:
        """Whether a record of this entry waits because its partition refuses."""
        return self._outbox.first_held(position.journal) is not None

    def start_over(self, *, is_clean: bool = False) -> None:
        """Forgets every entry; `is_clean`: all of them are stored. Nobody brings them again."""
        if not is_clean:
            self._outbox.drop()
        self._first_waiting.clear()
        self._last_taken.clear()
        self._first_lost.clear()


class _NoPositions(Positions):
    """Where nothing is ever shipped again, nobody has to know how far it got."""

    @override
    def stored(self, journal: str) -> int:
        return 0

    @override
    def reached(self, journal: str, number: int) -> None:
        return


def _position_of(number: int) -> Position:
    return Position(f"request-{number}", 1)


def _outcome(
    report: AppendReport, *, is_held: bool, is_any_held: bool
) -> AppendReport | Unavailable:
    # What is known already may be known from a request beside it that is held.
    if is_held or (is_any_held and report.repeated):
        return Unavailable("a partition of the log store takes no records")
    return report
