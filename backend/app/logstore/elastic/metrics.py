"""What a shipper counts of its way to Elasticsearch."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REQUESTS = Counter("elkv_store_requests", "Bulk requests by what came back", ["outcome"])
HELD_RECORDS = Gauge(
    "elkv_store_held_records",
    "Records that wait for a partition that takes none",
    ["partition"],
    multiprocess_mode="livesum",
)
HELD_SECONDS = Gauge(
    "elkv_store_held_seconds",
    "For how long a partition has been taking no records",
    ["partition"],
    multiprocess_mode="livemax",
)
HELD_BYTES = Gauge(
    "elkv_store_held_bytes", "Bytes of records in lanes", multiprocess_mode="livesum"
)
LET_GO = Counter(
    "elkv_store_let_go_records",
    "Records that had no room in a lane: read again from the journal when their partition is back",
)
QUARANTINED = Counter(
    "elkv_store_quarantined_records", "Records that Elasticsearch can never take as they are"
)
REPEATED_LATE = Counter(
    "elkv_store_late_repetitions",
    "Records that turned out to be stored in another partition, and were removed",
)
FULL_BUDGETS = Gauge(
    "elkv_store_full_field_budgets",
    "Organisations and partitions in which no more fields are mapped",
    multiprocess_mode="livesum",
)
FULL_PARTITIONS = Gauge(
    "elkv_store_full_mappings",
    "Partitions that have all the fields that a mapping may have",
    multiprocess_mode="livesum",
)
