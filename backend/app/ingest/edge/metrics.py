"""What the edge counts."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from app.ingest.protocols.records import Outcome, Records

REQUESTS = Counter("elkv_ingest_requests", "Requests answered", ["protocol", "status"])
HUNG_UP = Counter("elkv_ingest_hung_up_requests", "Requests whose sender left before the end")
RECORDS = Counter(
    "elkv_ingest_records", "Records received, by what became of them", ["protocol", "outcome"]
)
BYTES = Counter("elkv_ingest_bytes", "Bytes of records made durable", ["protocol"])
QUOTA_REFUSED = Counter(
    "elkv_ingest_quota_refused_requests", "Requests beyond an organisation's quota", ["quota"]
)
QUOTA_COUNTED_APART = Counter(
    "elkv_ingest_quota_counted_apart_requests",
    "Requests counted by one process for itself because Redis was away",
)
SECONDS = Histogram(
    "elkv_ingest_request_seconds",
    "Time from a request's first byte to its answer",
    ["protocol"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


def count_request(protocol: str, status: int, seconds: float) -> None:
    """A request was answered."""
    REQUESTS.labels(protocol, str(status)).inc()
    SECONDS.labels(protocol).observe(seconds)


def count_records(protocol: str, records: Records, size: int) -> None:
    """Records were made durable, or rejected."""
    rejected = sum(error.outcome is Outcome.REJECTED for error in records.errors)
    for outcome, count in (
        ("accepted", len(records.lines) - len(records.bad)),
        ("quarantined", len(records.bad)),
        ("rejected", rejected),
    ):
        if count:
            RECORDS.labels(protocol, outcome).inc(count)
    BYTES.labels(protocol).inc(size)
