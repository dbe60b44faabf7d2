"""How far each journal has been stored: one document for each, replaced at every commit."""

from __future__ import annotations

from app.logstore.elastic.cluster import Cluster, Missing
from app.logstore.elastic.mapping import POSITIONS, POSITIONS_INDEX


class Positions:
    """Belongs to one shipper; a journal has one at a time, so nobody else writes its document."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._index = f"{cluster.prefix}-{POSITIONS}"
        self._stored: dict[str, int] = {}
        self._is_made = False

    def stored(self, journal: str) -> int:
        """The last entry of the journal up to which everything is stored; 0 at first."""
        known = self._stored.get(journal)
        if known is None:
            self._make()
            known = self._stored[journal] = self._read(journal)
        return known

    def reached(self, journal: str, number: int) -> None:
        """Everything up to this entry is stored."""
        if number <= self.stored(journal):
            return
        self._cluster.call("PUT", f"/{self._index}/_doc/{journal}", body={"number": number})
        self._stored[journal] = number

    def _read(self, journal: str) -> int:
        try:
            answer = self._cluster.call("GET", f"/{self._index}/_doc/{journal}")
        except Missing:
            return 0
        return int(answer["_source"]["number"])

    def _make(self) -> None:
        if not self._is_made:
            self._cluster.create(self._index, POSITIONS_INDEX)
            self._is_made = True
