"""What search counts of itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

SEARCH_SECONDS = Histogram(
    "elkv_search_seconds",
    "Time from asking for a turn to the store's answer, by kind of question",
    ["kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SEARCHES_REFUSED = Counter(
    "elkv_search_refused", "Questions that got no turn because too many were running"
)
SEARCHES_TIMED_OUT = Counter("elkv_search_timed_out", "Answers that are not complete")
ENTRIES_REPLAYED = Counter("elkv_quarantine_replayed_entries", "Quarantined entries sent again")
