"""What the audit counts of itself."""

from __future__ import annotations

from prometheus_client import Counter

ENTRIES_FORGOTTEN = Counter(
    "elkv_audit_forgotten_entries", "Audit entries deleted because of AUDIT_RETENTION_DAYS"
)
