"""How much everybody brings: what placing organisations into pools is decided by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.core.ids import OrgId
from app.logstore.partitions import Home


@dataclass(frozen=True, slots=True)
class Measured:
    """A partition: its bytes and records, and whose records of the time in question there are."""

    home: Home
    bytes: int
    records: int
    recent: Mapping[OrgId, int]


class Scales(Protocol):
    """Looks at a store that others use."""

    def measure(self, organisations: Collection[OrgId], from_ns: int, to_ns: int) -> list[Measured]:
        """Every partition that can have records received in [`from_ns`, `to_ns`), and how many each
        organisation has of those. `Unavailable` when the store is away."""
        ...

    def close(self) -> None:
        """Frees everything; the scales are not used afterwards."""
        ...
