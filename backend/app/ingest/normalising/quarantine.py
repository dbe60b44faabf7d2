"""What cannot be a record is kept as one all the same, in the organisation's quarantine."""

from __future__ import annotations

from typing import Any

from app.journal.batch import Batch
from app.logstore.quarantine import quarantine_entry
from app.logstore.types import DEFAULT_STREAM, RoutedRecord


def quarantined(batch: Batch, index: int, *, reason: str, detail: str = "") -> RoutedRecord:
    """The entry of line `index`: what was sent as text, why it is here, where it came from.

    Its id is the one made for the line, so that a repeated try makes the same entry.
    """
    raw = batch.lines[index].decode(errors="replace")
    attributes: dict[str, Any] = {
        "reason": reason,
        "source": batch.protocol,
        "stream": batch.stream or DEFAULT_STREAM,
        "raw": raw,
    }
    if detail:
        attributes["detail"] = detail
    if batch.ids is not None and batch.ids[index] is not None:
        attributes["sent_id"] = batch.ids[index]
    if batch.indices is not None and batch.indices[index] is not None:
        attributes["_index"] = batch.indices[index]
    return quarantine_entry(
        batch.org_id,
        batch.id_of(index),
        received_ns=batch.received_ns,
        message=raw,
        attributes=attributes,
    )
