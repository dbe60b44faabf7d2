"""What became of the records of an entry: counted, and picked for those who watch."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ids import OrgId
from app.ingest.normalising.normalise import Normalised
from app.ingest.shipping import metrics
from app.logstore.types import AppendReport, RoutedRecord


def count_outcome(org_id: OrgId, made: Normalised, report: AppendReport) -> None:
    """Counts what the store took, knew already, and refused."""
    organisation = str(org_id)
    metrics.RECORDS_STORED.labels(organisation).inc(report.stored)
    if report.repeated:
        metrics.RECORDS_REPEATED.labels(organisation).inc(report.repeated)
    reasons = made.quarantined.copy()
    reasons.update(bad.code for bad in report.rejected)
    for reason, count in reasons.items():
        metrics.RECORDS_QUARANTINED.labels(organisation, reason).inc(count)


def records_to_watch(
    made: Normalised, report: AppendReport, refused: Sequence[RoutedRecord]
) -> list[RoutedRecord]:
    """All that are stored; `refused` are the entries of quarantine of those that were rejected."""
    bad = {one.index for one in report.rejected}
    return [*(one for index, one in enumerate(made.records) if index not in bad), *refused]
