"""What the bus counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

PUBLISHED = Counter("elkv_live_published_records", "Records put on the bus for somebody")
DROPPED = Counter(
    "elkv_live_dropped_records", "Records that somebody listened for and did not get", ["where"]
)
LISTENERS = Gauge(
    "elkv_live_listeners", "Tails and watchers of this process", multiprocess_mode="livesum"
)
