"""How much everybody has brought to the embedded store."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from app.core.ids import OrgId
from app.logstore.embedded.compile import all_of, integers_within
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.opened import Opened
from app.logstore.embedded.partition import Snapshot
from app.logstore.embedded.questions import whole_organisation
from app.logstore.embedded.shelf import directory_of
from app.logstore.measuring import Measured
from app.logstore.partitions import period_bounds

_ALWAYS = -(2**63), 2**63 - 1


class EmbeddedScales:
    """See `Scales`. Partitions that cannot be read weigh nothing."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._opened = Opened(location)

    def measure(self, organisations: Collection[OrgId], from_ns: int, to_ns: int) -> list[Measured]:
        """See `Scales`."""
        measured = []
        for snapshot in self._opened.overlapping(*_ALWAYS, []):
            start, end = period_bounds(snapshot.home.period)
            if start < to_ns and end > from_ns:
                with told_apart(snapshot.home.name):
                    measured.append(self._weighed(snapshot, organisations, from_ns, to_ns))
        return sorted(measured, key=lambda one: one.home)

    def close(self) -> None:
        """See `Scales`."""
        self._opened.close()

    def _weighed(
        self, snapshot: Snapshot, organisations: Collection[OrgId], from_ns: int, to_ns: int
    ) -> Measured:
        received = integers_within("observed", from_ns, to_ns)
        counts = {
            one: snapshot.count(all_of([whole_organisation(one), received]))
            for one in organisations
        }
        recent = {one: count for one, count in counts.items() if count}
        size = _bytes_in(directory_of(self._location, snapshot.home))
        return Measured(snapshot.home, size, snapshot.state.records, recent)


def _bytes_in(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # merged away meanwhile
    return total
