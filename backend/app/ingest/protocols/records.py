"""What a protocol makes of a body: the lines to keep, and what is wrong with which."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

MIB = 1 << 20


class Outcome(StrEnum):
    """What became of a record that was not simply accepted."""

    QUARANTINED = "quarantined"  # kept, with its reason
    REJECTED = "rejected"  # it broke a limit, nothing of it is kept


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What one request may hold. A record is measured as the bytes of its line."""

    body_bytes: int = 100 * MIB
    record_bytes: int = MIB
    records: int = 1_000_000


@dataclass(frozen=True, slots=True)
class ItemError:
    """One record that was not simply accepted; `index` counts the records of the request from 0."""

    index: int
    code: str
    detail: str
    outcome: Outcome


@dataclass(slots=True)
class Records:
    """The records of one body, in order.

    `lines` holds what is to be kept; `bad` the reason codes of the unreadable ones among them, by
    their place in `lines`; `errors` says the same to the sender, and what was rejected. `ids` and
    `indices` are as long as `lines`, where the protocol names them beside the record.
    """

    lines: list[bytes]
    bad: dict[int, str] = field(default_factory=dict)
    errors: list[ItemError] = field(default_factory=list)
    ids: list[str | None] | None = None
    indices: list[str | None] | None = None

    def keep(self, line: bytes) -> None:
        """A readable record."""
        self.lines.append(line)

    def quarantine(self, index: int, line: bytes, reason: Reason) -> None:
        """A record that cannot be read: kept as it came, with the reason."""
        self.bad[len(self.lines)] = reason.code
        self.lines.append(line)
        self.errors.append(ItemError(index, reason.code, reason.detail, Outcome.QUARANTINED))

    def reject(self, index: int, code: str, detail: str) -> None:
        """A record that broke a limit: not kept."""
        self.errors.append(ItemError(index, code, detail, Outcome.REJECTED))

    def reject_too_large(self, index: int, size: int, limits: BodyLimits) -> None:
        """A record over the limit of its size."""
        self.reject(index, "record_too_large", too_large(size, limits))


class Reason(NamedTuple):
    """Why a line is not a record: a stable code, and words for the sender."""

    code: str
    detail: str


def too_large(size: int, limits: BodyLimits) -> str:
    """The words for a record over the limit."""
    return f"a record may have {limits.record_bytes} bytes, this one has {size}"


def too_many(limits: BodyLimits) -> str:
    """The words for a body with more records than one request may have."""
    return f"a request may have {limits.records} records; send them in several"
