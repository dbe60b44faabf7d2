"""The part of a query that is not the caller's: organisation, stream and time range."""

from __future__ import annotations

import tantivy
from tantivy import Query

from app.core.ids import OrgId
from app.logstore.embedded.compile import all_of, any_of, integers_within, term
from app.logstore.embedded.document import org_tag
from app.logstore.embedded.partition import Snapshot
from app.logstore.types import HIDDEN_STREAM_PREFIX, TimeRange
from app.query.filters import And, Everything, Filter, Not

Hit = tuple[int, tantivy.DocAddress]


def confined(
    snapshot: Snapshot, org_id: OrgId, filter_: Filter, range_: TimeRange, stream: str | None
) -> Query:
    """The filter, confined to one organisation, to what was asked for of its streams, and in time.

    Without a stream it is all but hidden ones: their records have another organisation term.
    """
    if stream is None:
        parts = [term("tags", org_tag(org_id, ""))]
    else:
        parts = [term("tags", org_tag(org_id, stream)), term("stream", stream)]
    if not snapshot.state.is_inside(range_.from_ns, range_.to_ns):
        parts.append(integers_within("ts", range_.from_ns, range_.to_ns))
    if isinstance(filter_, And) and not any(isinstance(one, Not) for one in filter_.children):
        parts += [snapshot.compiler.compile(one) for one in filter_.children]
    elif not isinstance(filter_, Everything):
        parts.append(snapshot.compiler.compile(filter_))
    return all_of(parts)


def whole_organisation(org_id: OrgId) -> Query:
    """All records of an organisation, those of hidden streams too."""
    return any_of([term("tags", org_tag(org_id, name)) for name in ("", HIDDEN_STREAM_PREFIX)])
