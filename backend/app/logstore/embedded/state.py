"""What a partition says about itself, in documents of its own beside the records.

The state is one document, replaced in the same commit as the records that it tells of: so a crash
leaves either both or neither. Newly mapped fields are documents that are only ever added.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import orjson
import tantivy

from app.core.ids import OrgId
from app.logstore.embedded.document import org_tag
from app.logstore.embedded.paths import is_plain
from app.logstore.embedded.schema import CATALOGUE, SCHEMA, STATE
from app.logstore.types import HIDDEN_STREAM_PREFIX

POOLED_FIELDS = 200
OWN_FIELDS = 1_000

# Every document has these, so that their columns need no list of who has a value.
_EMPTY = {"ts": 0, "ms": 0, "observed": 0, "ref": 0, "id": "", "stream": ""}


@dataclass(slots=True)
class State:
    """`records` counts all that were ever stored; `least` and `greatest` are of @timestamp."""

    records: int = 0
    least: int = 2**63 - 1
    greatest: int = -(2**63)
    positions: dict[str, int] = field(default_factory=dict)

    def document(self) -> str:
        """The JSON for the index."""
        note = [self.records, self.least, self.greatest, self.positions]
        return _note(STATE, orjson.dumps(note).decode())

    def overlaps(self, from_ns: int, to_ns: int) -> bool:
        """Whether a record may lie in [`from_ns`, `to_ns`)."""
        return self.least < to_ns and self.greatest >= from_ns

    def is_inside(self, from_ns: int, to_ns: int) -> bool:
        """Whether every record lies in [`from_ns`, `to_ns`)."""
        return from_ns <= self.least and self.greatest < to_ns


def read_state(searcher: tantivy.Searcher) -> State:
    """The state that was committed last."""
    for text in _notes(searcher, STATE, limit=1):
        records, least, greatest, positions = orjson.loads(text)
        return State(records, least, greatest, positions)
    return State()


def read_catalogue(searcher: tantivy.Searcher) -> dict[OrgId, set[str]]:
    """The mapped fields of every organisation, as far as committed."""
    mapped: dict[OrgId, set[str]] = {}
    for text in _notes(searcher, CATALOGUE, limit=max(1, searcher.num_docs)):
        for org, paths in orjson.loads(text).items():
            mapped.setdefault(OrgId(UUID(org)), set()).update(paths)
    return mapped


def _note(kind: str, text: str) -> str:
    return orjson.dumps(
        {**_EMPTY, "tags": kind, "note": b64encode(text.encode()).decode()}
    ).decode()


def _notes(searcher: tantivy.Searcher, kind: str, limit: int) -> Iterable[str]:
    query = tantivy.Query.term_query(SCHEMA, "tags", kind, index_option="basic")
    for _, address in searcher.search(query, limit=limit, count=False).hits:
        yield bytes(searcher.doc(address).get_first("note") or b"").decode()


class OrgFields:
    """The attribute fields of one organisation in one partition: first come, first mapped."""

    def __init__(self, org_id: OrgId, budget: int, paths: Iterable[str]) -> None:
        self.tag = org_tag(org_id, "")
        self.hidden_tag = org_tag(org_id, HIDDEN_STREAM_PREFIX)
        self.mapped = dict.fromkeys(paths, True)
        self.added: list[str] = []
        self._left = budget - len(self.mapped)

    def decide(self, path: str) -> bool:
        """Whether a path that was never met is mapped; remembers the answer."""
        is_mapped = self._left > 0 and is_plain(path)
        if is_mapped:
            self._left -= 1
            self.added.append(path)
        if is_mapped or len(self.mapped) < _REMEMBERED_PATHS:
            self.mapped[path] = is_mapped
        return is_mapped


# Paths beyond the budget are not remembered without end: a sender may make one for every record.
_REMEMBERED_PATHS = 20_000


class Catalogue:
    """The mapped fields of a partition, for its writer."""

    def __init__(self, budget: int, committed: dict[OrgId, set[str]]) -> None:
        self._budget = budget
        self._committed = committed
        self._orgs: dict[OrgId, OrgFields] = {}

    def of(self, org_id: OrgId) -> OrgFields:
        """The fields of one organisation."""
        known = self._orgs.get(org_id)
        if known is None:
            paths = self._committed.pop(org_id, ())
            known = self._orgs[org_id] = OrgFields(org_id, self._budget, paths)
        return known

    def take_added(self) -> str | None:
        """The document for the fields that were mapped since the last call, if there are any."""
        added = {str(org_id): fields.added for org_id, fields in self._orgs.items() if fields.added}
        if not added:
            return None
        document = _note(CATALOGUE, orjson.dumps(added).decode())
        for fields in self._orgs.values():
            fields.added = []
        return document
