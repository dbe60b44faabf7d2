"""What the shipper counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS_STORED = Counter(
    "elkv_shipper_stored_records", "Records taken by the store", ["organisation"]
)
RECORDS_REPEATED = Counter(
    "elkv_shipper_repeated_records", "Records that the store knew already", ["organisation"]
)
RECORDS_QUARANTINED = Counter(
    "elkv_shipper_quarantined_records",
    "Records kept in quarantine, by reason",
    ["organisation", "reason"],
)
BYTES_SHIPPED = Counter("elkv_shipper_read_bytes", "Bytes of journal entries appended to the store")
ENTRIES_SET_ASIDE = Counter(
    "elkv_shipper_set_aside_entries", "Journal entries that could not be shipped and are kept"
)
HELD_ENTRIES = Gauge(
    "elkv_shipper_held_entries",
    "Journal entries that stay because a partition refuses their records",
    multiprocess_mode="mostrecent",
)
HELD_BYTES = Gauge(
    "elkv_shipper_held_bytes", "The room in the journal of those", multiprocess_mode="mostrecent"
)
REFUSED = Gauge(
    "elkv_shipper_refused_organisations",
    "Organisations that are refused at the edge because too much of theirs is held",
    multiprocess_mode="mostrecent",
)
UNEXPECTED = Counter(
    "elkv_shipper_unexpected_errors", "Failures of the shipper that nobody foresaw, also its deaths"
)
ISOLATED = Counter(
    "elkv_shipper_isolated_entries",
    "Journal entries that were put back, divided or condemned because the shipper failed on them",
    ["step"],
)
COMMIT_SECONDS = Histogram(
    "elkv_shipper_commit_seconds",
    "Time that the store took to commit",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RETRIES = Counter("elkv_shipper_retries", "Tries that the store or the journal refused", ["step"])
LAG_ENTRIES = Gauge(
    "elkv_shipper_lag_entries",
    "Journal entries that are not found by search yet",
    multiprocess_mode="mostrecent",
)
LAG_SECONDS = Gauge(
    "elkv_shipper_lag_seconds",
    "Age of the oldest journal entry that is not found by search yet",
    multiprocess_mode="mostrecent",
)
OBSERVER_DROPPED = Counter(
    "elkv_shipper_observer_dropped_records",
    "Records that an observer failed on or had no time for",
    ["observer", "reason"],
)
