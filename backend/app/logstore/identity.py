"""When a record with a sent id is a repetition, and what it is called when it is not."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from app.core.ids import OrgId
from app.logstore.types import NS_PER_DAY, RoutedRecord

# A sent id is remembered at least so long, by receive time, also across the border of periods.
REMEMBERED_NS = NS_PER_DAY


def derived_id(org_id: OrgId, sent_id: str, digest: bytes) -> str:
    """The id of a record whose sent id belongs to another one; the same for the same record."""
    name = b"".join((org_id.bytes, digest, sent_id.encode()))
    return urlsafe_b64encode(blake2b(name, digest_size=21).digest()).decode()


def renamed(record: RoutedRecord) -> RoutedRecord:
    """The record under its derived id, with the sent one in `attributes.id`."""
    return record._replace(
        id=derived_id(record.org_id, record.id, record.digest),
        attributes=_with_id(record.attributes, record.id),
    )


def _with_id(attributes: Mapping[str, Any], sent_id: str) -> dict[str, Any]:
    """The attributes with the sent id; one that is there already stays beside it, as a list."""
    if "id" not in attributes:
        return {**attributes, "id": sent_id}
    there = attributes["id"]
    both = [*there, sent_id] if isinstance(there, list) else [there, sent_id]
    return {**attributes, "id": both}
