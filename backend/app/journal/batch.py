"""What one journal entry holds: the records of one request, as received.

Layout: version byte and length of the header (`<BI`); header as JSON; the lines joined by newlines. The header is
small and read once a batch; lines stay bytes from the socket to the shipper.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from app.core.errors import Broken
from app.core.ids import OrgId, uuid_text

VERSION = 1
_PREFIX = struct.Struct("<BI")
# A run of ids differs in its last eight hex digits only (core.ids.uuid7_run).
_RUN_DIGITS = 8
_RUN_MASK = 0xFFFF_FFFF


class Again(NamedTuple):
    """The entry on which the shipper failed at first, and how many commits it had seen then."""

    origin: int
    commits: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one request of one organisation.

    `lines`: each one record's bytes, without a newline: the text of a JSON object, or plain text
    where `is_text`. `bad` gives the reason code of the lines that could not be read: they go to
    quarantine. `ids` and `indices` are as long as `lines`, or `None` when the protocol has none;
    an id given here is the sent id, and an `id` inside the line an ordinary attribute.
    Line i without a sent id becomes the record `id_of(i)`.
    `detail` says more of `bad`. `again`: some of the lines may be stored already, as part of another
    entry.
    """

    org_id: OrgId
    received_ns: int
    first_id: int  # of a run of UUIDv7 (core.ids.uuid7_run)
    protocol: str  # ndjson, es_bulk, replay, …
    lines: list[bytes]
    stream: str = ""  # asked for by the sender; empty: none
    is_text: bool = False
    ids: list[str | None] | None = None
    indices: list[str | None] | None = None
    bad: dict[int, str] = field(default_factory=dict)
    detail: str = ""
    again: Again | None = None

    def id_of(self, index: int) -> str:
        """The id that is made for a line without one."""
        return uuid_text(self.first_id + index)

    def made_ids(self) -> list[str]:
        """`id_of` of every line."""
        first = self.first_id & _RUN_MASK
        last = first + len(self.lines)
        if last > _RUN_MASK:
            return [self.id_of(index) for index in range(len(self.lines))]
        prefix = uuid_text(self.first_id)[:-_RUN_DIGITS]
        return [f"{prefix}{number:08x}" for number in range(first, last)]

    def part(self, start: int, end: int) -> Batch:
        """The lines from `start` to before `end`, which become the same records."""
        return replace(
            self,
            first_id=self.first_id + start,
            lines=self.lines[start:end],
            ids=None if self.ids is None else self.ids[start:end],
            indices=None if self.indices is None else self.indices[start:end],
            bad={place - start: why for place, why in self.bad.items() if start <= place < end},
        )


def encode(batch: Batch) -> bytes:
    """The bytes of a journal entry."""
    header: dict[str, Any] = {
        "org": str(batch.org_id),
        "at": batch.received_ns,
        "first": f"{batch.first_id:x}",
        "protocol": batch.protocol,
        "count": len(batch.lines),
    }
    if batch.stream:
        header["stream"] = batch.stream
    if batch.is_text:
        header["text"] = True
    if batch.ids is not None:
        header["ids"] = batch.ids
    if batch.indices is not None:
        header["indices"] = batch.indices
    if batch.bad:
        header["bad"] = list(batch.bad.items())
    if batch.detail:
        header["detail"] = batch.detail
    if batch.again is not None:
        header["again"] = list(batch.again)
    head = orjson.dumps(header)
    return b"".join((_PREFIX.pack(VERSION, len(head)), head, b"\n".join(batch.lines)))


def decode(data: bytes) -> Batch:
    """The batch of `encode`'s bytes; `Broken` for a version that this release does not know."""
    version, head_bytes = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise Broken(f"journal entry has version {version}, this release reads {VERSION}")
    start = _PREFIX.size + head_bytes
    header = orjson.loads(data[_PREFIX.size : start])
    return Batch(
        org_id=OrgId(UUID(header["org"])),
        received_ns=header["at"],
        first_id=int(header["first"], 16),
        protocol=header["protocol"],
        lines=data[start:].split(b"\n") if header["count"] else [],
        stream=header.get("stream", ""),
        is_text=header.get("text", False),
        ids=header.get("ids"),
        indices=header.get("indices"),
        bad=dict(header.get("bad", ())),
        detail=header.get("detail", ""),
        again=Again(*header["again"]) if "again" in header else None,
    )
